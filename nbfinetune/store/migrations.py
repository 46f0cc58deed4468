"""The tables of a run, as the steps that made them; what was applied is on record in the file."""

from __future__ import annotations

import sqlite3
import time

from nbfinetune.errors import StoreError

# Steps are only ever added: files of every earlier release walk through the ones they lack.
MIGRATIONS: dict[str, tuple[str, ...]] = {
    "0001_a_run": (
        """CREATE TABLE run (
            id INTEGER PRIMARY KEY CHECK (id = 1),
            config TEXT NOT NULL,
            created REAL NOT NULL,
            status TEXT NOT NULL,
            last_seq INTEGER NOT NULL
        )""",
        """CREATE TABLE processes (
            role TEXT PRIMARY KEY CHECK (role IN ('launched', 'worker')),
            pid INTEGER,
            started REAL,
            host TEXT NOT NULL,
            seen REAL NOT NULL
        )""",
        """CREATE TABLE events (
            seq INTEGER PRIMARY KEY,
            step INTEGER NOT NULL,
            kind TEXT NOT NULL,
            body TEXT NOT NULL
        )""",
        "CREATE INDEX events_by_kind ON events (kind)",
        # The columns of `steps` and `epochs` stand in the order of the records' fields.
        # SQLite keeps NaN as NULL.
        """CREATE TABLE steps (
            seq INTEGER NOT NULL,
            time REAL NOT NULL,
            step INTEGER PRIMARY KEY,
            epoch INTEGER NOT NULL,
            loss REAL,
            lr REAL,
            images_per_s REAL,
            data_wait_s REAL,
            memory_mb REAL
        )""",
        "CREATE UNIQUE INDEX steps_by_seq ON steps (seq)",
        """CREATE TABLE epochs (
            seq INTEGER NOT NULL UNIQUE,
            time REAL NOT NULL,
            step INTEGER NOT NULL,
            epoch INTEGER PRIMARY KEY,
            train_loss REAL,
            val_loss REAL,
            accuracy REAL,
            top5 REAL,
            precision REAL,
            recall REAL,
            macro_f1 REAL,
            roc_auc REAL,
            seconds REAL,
            images_per_s REAL,
            best INTEGER NOT NULL
        )""",
        """CREATE TABLE commands (
            id INTEGER PRIMARY KEY,
            sent REAL NOT NULL,
            body TEXT NOT NULL,
            answered INTEGER,
            applied_at INTEGER
        )""",
        "CREATE INDEX commands_pending ON commands (id) WHERE answered IS NULL",
    ),
    "0002_long_runs": (
        # Columns as `DIGEST` names them; a row for each 256 steps that are whole.
        """CREATE TABLE step_sums (
            bucket INTEGER PRIMARY KEY,
            first INTEGER NOT NULL,
            last INTEGER NOT NULL,
            count INTEGER NOT NULL,
            loss_low REAL,
            loss_high REAL,
            loss_sum REAL,
            lr_sum REAL,
            images_per_s_sum REAL,
            data_wait_s_sum REAL,
            memory_mb_high REAL
        )""",
        """INSERT INTO step_sums
            SELECT step / 256, min(step), max(step), count(*), min(loss), max(loss), sum(loss),
                sum(lr), sum(images_per_s), sum(data_wait_s), max(memory_mb)
            FROM steps WHERE step < (SELECT (max(step) + 1) / 256 * 256 FROM steps) GROUP BY 1""",
        "CREATE INDEX epochs_by_best ON epochs (best, epoch)",
    ),
}


def migrate(connection: sqlite3.Connection) -> None:
    """Bring a file up to date, inside the caller's transaction.

    Raises
    ------
    StoreError
        If a later release has been at it.
    """
    connection.execute("CREATE TABLE IF NOT EXISTS migrations (name TEXT PRIMARY KEY, at REAL)")
    for name in missing(connection):
        for statement in MIGRATIONS[name]:
            connection.execute(statement)
        connection.execute("INSERT INTO migrations VALUES (?, ?)", (name, time.time()))


def missing(connection: sqlite3.Connection) -> list[str]:
    """Steps that a file has not gone through yet.

    Raises
    ------
    StoreError
        If it has gone through steps that this release does not know.
    """
    applied = {name for (name,) in connection.execute("SELECT name FROM migrations")}
    if newer := sorted(applied - MIGRATIONS.keys()):
        raise StoreError(
            f"written by a newer nbfinetune (it knows {', '.join(newer)}); update nbfinetune"
        )
    return [name for name in MIGRATIONS if name not in applied]

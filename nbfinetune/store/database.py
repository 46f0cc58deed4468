"""The SQLite file itself: how it is made, opened and changed, and what goes wrong, in words."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from nbfinetune.errors import NoSuchRun, StoreError
from nbfinetune.store.migrations import migrate, missing

APPLICATION_ID = 0x6E626674  # "nbft"
BUSY_TIMEOUT_S = 10.0

_REMEDIES = {
    "database or disk is full": "free some space on that disk",
    "readonly database": "it is read-only; copy the run's folder to where you may write",
    "unable to open": "look at the folder's permissions and at the number of open files",
    "locked": f"another process has held it for more than {BUSY_TIMEOUT_S:.0f} s; try again",
    "not a database": "it is no file of nbfinetune, or was overwritten",
    "malformed": "the file is damaged; the checkpoints beside it can still be used",
    "no such table": "the file is damaged; the checkpoints beside it can still be used",
    "steps.step": "that step is on record already; rewind() before it is repeated",
}


def create(path: Path, fill: tuple[str, tuple[object, ...]]) -> None:
    """Make the file in one go: whoever sees it sees it whole.

    Parameters
    ----------
    path : Path
        Must not exist yet.
    fill : (str, tuple)
        The statement that writes the first row, and its values.
    """
    if path.exists():
        raise StoreError(f"{path} already holds a run; open it, or use another folder")
    draft = path.with_name(f".{path.name}.new")
    draft.unlink(missing_ok=True)
    with speaking(path), closing(_connect(draft, "rwc")) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        with atomic(connection):
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            migrate(connection)
            connection.execute(*fill)
    draft.rename(path)


def connect(path: Path) -> sqlite3.Connection:
    """Open a run's file for reading and, where the folder allows it, for writing.

    Raises
    ------
    NoSuchRun
        If there is no such file.
    StoreError
        If it is something else, damaged, or of a later release.
    """
    if not path.is_file():
        raise NoSuchRun(f"no run in {path.parent}: there is no {path.name}")
    with speaking(path):
        connection = _connect(path, "rw")
        try:
            if not _readable(connection):
                connection.close()
                connection = _connect_frozen(path)
            _check(connection, path)
            connection.execute("PRAGMA synchronous = NORMAL")
        except BaseException:
            connection.close()
            raise
    return connection


def force(connection: sqlite3.Connection) -> None:
    """Put the log of every commit so far on the disk itself."""
    connection.execute("PRAGMA synchronous = FULL")
    with atomic(connection):
        connection.execute("UPDATE processes SET seen = seen")
    connection.execute("PRAGMA synchronous = NORMAL")


@contextmanager
def atomic(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """All or nothing: a transaction that writes, waiting for its turn first."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
        connection.execute("COMMIT")
    except BaseException:
        # SQLite itself rolls back where the disk is full.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


@contextmanager
def speaking(path: Path) -> Iterator[None]:
    """Turn what SQLite and the system say into a `StoreError` that names the file."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise StoreError(sentence(path, error)) from error


def sentence(path: Path, error: Exception) -> str:
    """What went wrong with the file, and what to do about it."""
    cause = str(error)
    remedy = next((remedy for part, remedy in _REMEDIES.items() if part in cause), "")
    return f"{path}: {cause}" + (f"; {remedy}" if remedy else "")


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        timeout=BUSY_TIMEOUT_S,
        isolation_level=None,  # transactions are opened by atomic() alone
        check_same_thread=False,  # RunStore holds a lock
    )


def _readable(connection: sqlite3.Connection) -> bool:
    try:
        connection.execute("SELECT 1 FROM sqlite_master").fetchone()
    except sqlite3.OperationalError as error:
        if "unable to open" in str(error) or "readonly" in str(error):
            return False
        raise
    return True


def _connect_frozen(path: Path) -> sqlite3.Connection:
    # In a folder where SQLite can't make its index of the write-ahead log, a file without such a
    # log can be read as it is; with one, the last minutes of the run would be missing silently.
    log = path.with_name(f"{path.name}-wal")
    if os.access(path.parent, os.W_OK) or (log.exists() and log.stat().st_size):
        raise StoreError(
            f"{path} can't be opened where it lies; copy the run's folder to where you may write"
        )
    return _connect(path, "ro&immutable=1")


def _check(connection: sqlite3.Connection, path: Path) -> None:
    (mark,) = connection.execute("PRAGMA application_id").fetchone()
    if mark != APPLICATION_ID:
        raise StoreError(f"{path} is an SQLite file, but no run of nbfinetune")
    try:
        if missing(connection):
            with atomic(connection):
                migrate(connection)
    except StoreError as error:
        raise StoreError(f"{path}: {error}") from error
    except sqlite3.OperationalError as error:
        # What later steps add makes reading faster; where nothing can be written, it goes without.
        if "readonly" not in str(error):
            raise

"""The run store: all that is known about a run, in a file that outlives its worker."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import final

from nbfinetune.errors import CommandRefused, StoreError
from nbfinetune.records import LIVE, Command, Event, FineTuneConfig, encode
from nbfinetune.store import database, layout
from nbfinetune.store.digest import forget_sums
from nbfinetune.store.liveness import here, started_at
from nbfinetune.store.reading import RunReader, processes_in, standing_in
from nbfinetune.store.recording import pending_in, record, refuse_pending


@final
class RunStore(RunReader):
    """A run's store, for its worker, its launcher and whoever steers it.

    Every change is one transaction: it is there whole, or not at all. Every call raises
    `StoreError` where the file can't be read or written, with the path and the cause.

    Parameters
    ----------
    folder : Path
        The run's folder; `create` makes the store in it.
    """

    @classmethod
    def create(cls, folder: Path, config: FineTuneConfig) -> RunStore:
        """Make the store of a new run in an existing folder; its status is `starting`."""
        row = (encode(config).decode(), time.time())
        fill = "INSERT INTO run VALUES (1, ?, ?, 'starting', 0)"
        database.create(layout.database(folder), (fill, row))
        return cls(folder)

    @classmethod
    def open(cls, folder: Path) -> RunStore:
        """Open the store of a run; in a read-only folder it can only be read.

        Raises
        ------
        NoSuchRun
            If the folder holds no run.
        """
        return cls(folder)

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._worker: tuple[int, float] | None = None

    def __enter__(self) -> RunStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # What a launcher does.

    def reserve(self) -> bool:
        """Announce a new worker, before it is spawned; the status becomes `starting`.

        Commands that a worker left unanswered when it died are refused with that reason.

        Returns
        -------
        bool
            False if the run has a worker, is being launched by someone else, or has finished.
        """
        with self._writing() as db:
            status, processes = standing_in(db), processes_in(db)
            # A worker that has said its last word may still be on its way out.
            if status == "finished" or (status in LIVE and processes):
                return False
            if processes:
                refuse_pending(db, "the worker died before it read this")
            self._enrol(db, "launched", None, None)
            db.execute("UPDATE run SET status = 'starting'")
            return True

    def launched(self, pid: int) -> None:
        """Record the process that was spawned after `reserve()`."""
        with self._writing() as db:
            # A fast worker has made its claim already, and counts more than its launch.
            db.execute(
                "UPDATE processes SET pid = ?, started = ? WHERE role = 'launched'",
                (pid, started_at(pid)),
            )

    # What the worker does.

    def claim(self, pid: int) -> bool:
        """Become the run's worker; the status becomes `starting`.

        Returns
        -------
        bool
            False if another worker is alive, or the run has finished.
        """
        started = started_at(pid)
        if started is None:
            raise StoreError(f"{self._file}: no process {pid} is running that could be the worker")
        with self._writing() as db:
            status, me = standing_in(db), (pid, started, here())
            rivals = [p for p in processes_in(db) if p.role == "worker" and p[1:4] != me]
            if status == "finished" or (status in LIVE and rivals):
                return False
            self._enrol(db, "worker", pid, started)
            db.execute("UPDATE run SET status = 'starting'")
        self._worker = (pid, started)
        return True

    def heartbeat(self) -> None:
        """Say that the worker is alive, for those on other machines; every few seconds."""
        if self._worker is None:
            raise StoreError(f"{self._file}: only the run's worker has a heart; claim() first")
        with self._writing() as db:
            db.execute(
                "UPDATE processes SET seen = ? WHERE role = 'worker' AND pid = ? AND host = ?",
                (time.time(), self._worker[0], here()),
            )

    def settle(self) -> None:
        """Return once everything appended so far would survive a power cut.

        Commits alone survive a crash of the process; a checkpoint that is forced to the disk must
        not lie there before the rows that it builds on.
        """
        with self._lock, database.speaking(self._file):
            database.force(self._connection)

    def append(self, events: Sequence[Event]) -> None:
        """Add events to the log, give each its `seq`, and let the status follow.

        `CommandApplied` and `CommandDenied` answer their command. When the run ends, commands
        that are still unanswered are refused. An epoch that is measured again replaces its row.

        Raises
        ------
        StoreError
            If it can't be written, a step is on record already, a command was answered before,
            or another worker has taken over.
        """
        if not events:
            return
        with self._writing() as db:
            if self._worker:
                self._refuse_if_replaced(db, *self._worker)
            record(db, events)

    def rewind(self, step: int) -> None:
        """Forget what was recorded after `step`: a new worker repeats it.

        Commands and their answers stay, and no `seq` is given twice.
        """
        with self._writing() as db:
            db.execute("DELETE FROM steps WHERE step > ?", (step,))
            forget_sums(db, step)
            db.execute("DELETE FROM epochs WHERE step > ?", (step,))
            db.execute(
                "DELETE FROM events WHERE step > ? AND seq NOT IN "
                "(SELECT answered FROM commands WHERE answered IS NOT NULL)",
                (step,),
            )

    def pending_commands(self) -> list[tuple[int, Command]]:
        """Unanswered commands with their numbers, oldest first; microseconds if there is none."""
        # Asked before every step: no transaction, no context managers.
        try:
            with self._lock:
                return pending_in(self._connection)
        except sqlite3.Error as error:
            raise StoreError(database.sentence(self._file, error)) from error

    # What a person does.

    def send(self, command: Command) -> int:
        """Ask something of the run's worker.

        Returns
        -------
        int
            The command's number, for `answer_of`.

        Raises
        ------
        CommandRefused
            If the run has no worker that could read it.
        """
        with self._writing() as db:
            status = standing_in(db)
            if status not in LIVE:
                raise CommandRefused(_refusal(command, status, self.path.name))
            row = (time.time(), encode(command).decode())
            number = db.execute("INSERT INTO commands (sent, body) VALUES (?, ?)", row).lastrowid
        return int(number or 0)

    # How it is done.

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock, database.speaking(self._file), database.atomic(self._connection) as db:
            yield db

    def _enrol(
        self, db: sqlite3.Connection, role: str, pid: int | None, started: float | None
    ) -> None:
        db.execute("DELETE FROM processes")
        row = (role, pid, started, here(), time.time())
        db.execute("INSERT INTO processes VALUES (?, ?, ?, ?, ?)", row)

    def _refuse_if_replaced(self, db: sqlite3.Connection, pid: int, started: float) -> None:
        found = db.execute("SELECT pid, started, host FROM processes WHERE role = 'worker'")
        if found.fetchone() != (pid, started, here()):
            raise StoreError(f"{self._file}: process {pid} is not the run's worker any more")


def _refusal(command: Command, status: str, run: str) -> str:
    asked = type(command).__name__
    if status == "finished":
        return f"{asked}: run {run} has finished; nothing of it can be changed any more"
    return f"{asked}: run {run} is {status} and has no worker; resume() starts one"

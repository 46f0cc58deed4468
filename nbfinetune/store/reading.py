"""What anybody may read out of a run, while it trains and after."""

from __future__ import annotations

import sqlite3
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from heapq import merge
from itertools import islice
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from nbfinetune.errors import ConfigError, StoreError
from nbfinetune.records import (
    AppliedEdit,
    CommandApplied,
    CommandDenied,
    Edit,
    EpochDone,
    Event,
    EventRecord,
    FineTuneConfig,
    LearningRateFound,
    PhaseStarted,
    RunStarted,
    ScheduleChanged,
    Status,
    StepDone,
    decode,
)
from nbfinetune.store import database, layout
from nbfinetune.store.digest import digest_of
from nbfinetune.store.rows import command_from, from_columns, from_log, kind_of, step_arrays
from nbfinetune.store.standing import Process, standing

if TYPE_CHECKING:
    import numpy as np

E = TypeVar("E", bound=EventRecord)


class RunReader:
    """The reading half of `RunStore`: each call sees the run at one moment, and holds up nobody.

    Parameters
    ----------
    folder : Path
        The run's folder; may be read-only.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder
        self._file = layout.database(folder)
        self._lock = threading.RLock()
        self._connection = database.connect(self._file)
        # A forgotten store is closed when it is collected, without a ResourceWarning.
        self._finalizer = weakref.finalize(self, self._connection.close)
        # Not while the interpreter ends: a daemon thread may be in the middle of a query.
        self._finalizer.atexit = False

    def close(self) -> None:
        """Let go of the file; nothing can be asked after that."""
        with self._lock:
            self._finalizer()

    @cached_property
    def config(self) -> FineTuneConfig:
        """What the run is, as it was given when the run was made."""
        with self._reading() as db:
            (text,) = db.execute("SELECT config FROM run").fetchone()
        try:
            config: FineTuneConfig = decode(text, FineTuneConfig)
        except ConfigError as error:
            raise StoreError(f"{self._file}: the run's configuration is {error}") from error
        return config

    @cached_property
    def created(self) -> float:
        """When the run was made (seconds since 1970)."""
        with self._reading() as db:
            return float(db.execute("SELECT created FROM run").fetchone()[0])

    def status(self) -> Status:
        """Status word of the run, `interrupted` where its worker is gone without a last word."""
        with self._reading() as db:
            return standing_in(db)

    def last_seq(self) -> int:
        """Number of the newest event; 0 where there is none."""
        with self._reading() as db:
            return int(db.execute("SELECT last_seq FROM run").fetchone()[0])

    def events(
        self, after: int = 0, limit: int | None = None, *, steps: bool = True
    ) -> list[Event]:
        """Events of all kinds in the order of `seq`.

        Parameters
        ----------
        after : int
            Only events with a greater `seq`.
        limit : int, optional
            At most so many, the oldest of them.
        steps : bool
            With the `StepDone` events; `steps()` gives these as arrays, much faster.
        """
        most = -1 if limit is None else limit
        with self._reading() as db:
            log = db.execute(
                "SELECT body FROM events WHERE seq > ? ORDER BY seq LIMIT ?", (after, most)
            ).fetchall()
            epochs = db.execute(
                "SELECT * FROM epochs WHERE seq > ? ORDER BY seq LIMIT ?", (after, most)
            ).fetchall()
            first = _first_step(db, after) if steps else None
            done = db.execute(
                "SELECT * FROM steps WHERE step >= ? ORDER BY step LIMIT ?", (first, most)
            ).fetchall()
        merged: Iterator[Event] = merge(
            (from_log(body) for (body,) in log),
            (from_columns(EpochDone, row) for row in epochs),
            (from_columns(StepDone, row) for row in done),
            key=attrgetter("seq"),
        )
        return list(islice(merged, limit))

    def events_of(self, *kinds: type[E]) -> list[E]:
        """Events of these kinds in the order of `seq`; those in tables of their own are not asked.

        Costs as much as there are such events, not as many as the run has.
        """
        asked = ", ".join("?" * len(kinds))
        with self._reading() as db:
            rows = db.execute(
                f"SELECT body FROM events WHERE kind IN ({asked}) ORDER BY seq",  # noqa: S608
                [kind_of(kind) for kind in kinds],
            ).fetchall()
        return [from_log(body) for (body,) in rows]

    def steps(self, *fields: str, after: int = 0) -> dict[str, np.ndarray]:
        """Fields of the `StepDone` events as arrays, in the order of the steps.

        Parameters
        ----------
        *fields : str
            Those that are wanted, all by default; each takes its time in a long run.
        after : int
            Only steps with a greater `seq`.

        Returns
        -------
        dict of str to ndarray, each of shape (steps,)
            int64 for `seq`, `step` and `epoch`, else float64.
        """
        known = StepDone.__struct_fields__
        if unknown := [name for name in fields if name not in known]:
            raise StoreError(f"a step has no {unknown[0]!r}; it has {', '.join(known)}")
        names = fields or known
        asked = f"SELECT {', '.join(names)} FROM steps WHERE step >= ? ORDER BY step"  # noqa: S608
        with self._reading() as db:
            return step_arrays(names, db.execute(asked, (_first_step(db, after),)))

    def digest(self, width: int, first: int = 0, last: int | None = None) -> np.ndarray:
        """Steps summed up in buckets of `width` steps; SQLite does it, so other threads run on.

        Parameters
        ----------
        width : int
            Steps in a bucket, 1 for the steps as they are; bucket k begins at step ``k * width``.
        first, last : int
            Only steps in this range, both ends included.

        Returns
        -------
        ndarray of float64, shape (buckets, len(DIGEST))
            Columns as `DIGEST` names them; NaN where nothing finite was measured.
        """
        with self._reading() as db:
            return digest_of(db, width, first, last)

    def epochs(self, after: int = 0) -> list[EpochDone]:
        """Epochs with a greater `seq` than `after`, in their order."""
        with self._reading() as db:
            rows = db.execute(
                "SELECT * FROM epochs WHERE seq > ? ORDER BY epoch", (after,)
            ).fetchall()
        return [from_columns(EpochDone, row) for row in rows]

    def best_epoch(self) -> EpochDone | None:
        """The newest epoch that was the best so far, or the newest of all where none was."""
        with self._reading() as db:
            row = db.execute(
                "SELECT * FROM epochs ORDER BY best DESC, epoch DESC LIMIT 1"
            ).fetchone()
        return None if row is None else from_columns(EpochDone, row)

    def last(self, kind: type[E]) -> E | None:
        """The newest event of a kind, or None; costs the same however long the run is."""
        with self._reading() as db:
            if kind is StepDone:
                row = db.execute("SELECT * FROM steps ORDER BY step DESC LIMIT 1").fetchone()
                return None if row is None else from_columns(StepDone, row)
            if kind is EpochDone:
                row = db.execute("SELECT * FROM epochs ORDER BY epoch DESC LIMIT 1").fetchone()
                return None if row is None else from_columns(EpochDone, row)
            row = db.execute(
                "SELECT body FROM events WHERE kind = ? ORDER BY seq DESC LIMIT 1", (kind_of(kind),)
            ).fetchone()
            return None if row is None else from_log(row[0])

    def phase(self) -> str:
        """What the worker is busy with instead of training; empty where it trains or is over."""
        phase = self.last(PhaseStarted)
        if phase is None:
            return ""
        after = (self.last(kind) for kind in (RunStarted, LearningRateFound, StepDone))
        return "" if any(event and event.seq > phase.seq for event in after) else phase.phase

    def epochs_planned(self) -> int:
        """Length of the run in epochs, as the newest change has left it."""
        told = [self.last(RunStarted), self.last(ScheduleChanged)]
        newest = max((e for e in told if e and e.epochs), key=lambda e: e.seq, default=None)
        return (newest and newest.epochs) or self.config.training.epochs

    def answer_of(self, command_id: int) -> CommandApplied | CommandDenied | None:
        """How a command was answered; None while it was not."""
        with self._reading() as db:
            row = db.execute(
                "SELECT body FROM events WHERE seq = (SELECT answered FROM commands WHERE id = ?)",
                (command_id,),
            ).fetchone()
        return None if row is None else from_log(row[0])

    def edits(self) -> list[AppliedEdit]:
        """Applied edits, in the order in which they were answered.

        A run that starts again from a checkpoint replays those that the checkpoint lacks
        (`nbfinetune.records.in_force`).
        """
        with self._reading() as db:
            rows = db.execute(
                "SELECT id, applied_at, body FROM commands WHERE applied_at IS NOT NULL "
                "ORDER BY answered"
            ).fetchall()
        applied = [(number, step, command_from(body)) for number, step, body in rows]
        return [
            AppliedEdit(number, step, command)
            for number, step, command in applied
            if isinstance(command, Edit)
        ]

    def worker(self) -> Process | None:
        """The worker that made the last claim, alive or not; None while a launched one has not."""
        with self._reading() as db:
            return next((p for p in processes_in(db) if p.role == "worker"), None)

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._lock, database.speaking(self._file):
            self._connection.execute("BEGIN")
            try:
                yield self._connection
            finally:
                self._connection.execute("COMMIT")


def standing_in(db: sqlite3.Connection) -> Status:
    """Status word of the run, inside the caller's transaction."""
    word, created = db.execute("SELECT status, created FROM run").fetchone()
    return standing(word, processes_in(db), created, time.time())


def processes_in(db: sqlite3.Connection) -> list[Process]:
    """Processes on record, inside the caller's transaction."""
    rows = db.execute("SELECT role, pid, started, host, seen FROM processes")
    return [Process(*row) for row in rows]


def _first_step(db: sqlite3.Connection, after: int) -> int | None:
    # Steps and their seq rise together, so that one look-up replaces a scan by seq.
    row = db.execute(
        "SELECT step FROM steps WHERE seq > ? ORDER BY seq LIMIT 1", (after,)
    ).fetchone()
    return None if row is None else row[0]

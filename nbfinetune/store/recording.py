"""Writing events and answers, inside the caller's transaction."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence

from msgspec.structs import replace

from nbfinetune.errors import StoreError
from nbfinetune.records import (
    LIVE,
    Command,
    CommandApplied,
    CommandDenied,
    EpochDone,
    Event,
    StepDone,
)
from nbfinetune.store.digest import sum_up
from nbfinetune.store.rows import STATUS_AFTER, column_row, command_from, log_row

PENDING = "SELECT id, body FROM commands WHERE answered IS NULL ORDER BY id"
_ADD_STEP = "INSERT INTO steps VALUES (?,?,?,?,?,?,?,?,?)"
_ADD_EPOCH = "INSERT OR REPLACE INTO epochs VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
_ADD_EVENT = "INSERT INTO events VALUES (?,?,?,?)"


def record(db: sqlite3.Connection, events: Sequence[Event]) -> None:
    """Number the events, write them, answer the commands among them, let the status follow."""
    _insert(db, events)
    words = [STATUS_AFTER[type(event)] for event in events if type(event) in STATUS_AFTER]
    if words:
        db.execute("UPDATE run SET status = ?", words[-1:])
    if words and words[-1] not in LIVE:
        refuse_pending(db, f"the run is {words[-1]}; nobody read this in time", events[-1].step)


def refuse_pending(db: sqlite3.Connection, reason: str, step: int = 0) -> None:
    """Answer every command that is still waiting with no."""
    pending = pending_in(db)
    denials = [
        CommandDenied(step=step, command_id=number, command=command, reason=reason)
        for number, command in pending
    ]
    _insert(db, denials)


def pending_in(db: sqlite3.Connection) -> list[tuple[int, Command]]:
    """Unanswered commands with their numbers, oldest first."""
    return [(number, command_from(body)) for number, body in db.execute(PENDING)]


def _insert(db: sqlite3.Connection, events: Sequence[Event]) -> None:
    (last,) = db.execute("SELECT last_seq FROM run").fetchone()
    now = time.time()
    numbered = [
        replace(event, seq=seq, time=event.time or now)
        for seq, event in enumerate(events, last + 1)
    ]
    steps = [event for event in numbered if isinstance(event, StepDone)]
    epochs = [event for event in numbered if isinstance(event, EpochDone)]
    others = [event for event in numbered if not isinstance(event, StepDone | EpochDone)]
    db.executemany(_ADD_STEP, map(column_row, steps))
    if steps:
        sum_up(db, steps[0].step, steps[-1].step)
    db.executemany(_ADD_EPOCH, map(column_row, epochs))
    db.executemany(_ADD_EVENT, map(log_row, others))
    for event in others:
        if isinstance(event, CommandApplied | CommandDenied):
            _answer(db, event)
    db.execute("UPDATE run SET last_seq = ?", (last + len(numbered),))


def _answer(db: sqlite3.Connection, event: CommandApplied | CommandDenied) -> None:
    if not event.command_id:  # nobody sent it: a signal of the system is a command too
        return
    applied_at = event.step if isinstance(event, CommandApplied) else None
    answered = db.execute(
        "UPDATE commands SET answered = ?, applied_at = ? WHERE id = ? AND answered IS NULL",
        (event.seq, applied_at, event.command_id),
    )
    if answered.rowcount != 1:
        raise StoreError(f"command {event.command_id} was never sent, or was answered before")

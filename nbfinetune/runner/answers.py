"""Asking a run's worker for something, and waiting for its answer."""

from __future__ import annotations

import time
from collections.abc import Iterator

from nbfinetune.errors import CommandRefused
from nbfinetune.records import (
    LIVE,
    Command,
    CommandApplied,
    EventRecord,
    RunFailed,
    RunFinished,
    RunRestored,
    RunStopped,
)
from nbfinetune.runner.endings import interruption, raise_bad_ending
from nbfinetune.runner.launch import launch
from nbfinetune.store import RunStore

_SHORTEST_WAIT_S, _LONGEST_WAIT_S = 0.001, 0.02
_ENDS: tuple[type[EventRecord], ...] = (RunStopped, RunFinished, RunFailed)


def ask(store: RunStore, command: Command) -> CommandApplied:
    """Send a command and return the worker's answer.

    Raises
    ------
    CommandRefused
        With the reason, from the worker or from the run's state.
    RunInterrupted
        If the worker dies before it answers.
    """
    number = store.send(command)
    for _ in _waits():
        # The status is asked first: what a dying worker has answered counts.
        gone = store.status() == "interrupted"
        answer = store.answer_of(number)
        if isinstance(answer, CommandApplied):
            return answer
        if answer is not None:
            raise CommandRefused(answer.reason)
        if gone:
            break
    raise interruption(store)


def await_event(store: RunStore, after: int, kind: type[EventRecord] | None = None) -> None:
    """Return once an event of `kind` with a greater `seq` than `after`, or the run's end, is there.

    Raises
    ------
    RunFailedError, RunInterrupted
        If the run ends badly instead.
    """
    kinds = _ENDS if kind is None else (kind, *_ENDS)
    for _ in _waits():
        raise_bad_ending(store)
        if any(_newer(store, one, after) for one in kinds):
            return
        # Another worker is at it, which repeats what this one has left undone.
        if _newer(store, RunRestored, after):
            raise interruption(store)


def restart(store: RunStore) -> None:
    """Launch a new worker and return once it, or another that was faster, is at work.

    Raises
    ------
    CommandRefused
        If the run has finished.
    RunFailedError, RunInterrupted
        If the worker fails before it has begun.
    """
    try:
        launch(store.path, store.config.runner.devices)
    except CommandRefused:
        # Somebody else resumed it in the same moment: their worker is ours.
        if store.status() not in LIVE:
            raise
    for _ in _waits():
        raise_bad_ending(store)
        if store.worker() is not None:
            return


def _newer(store: RunStore, kind: type[EventRecord], after: int) -> bool:
    event = store.last(kind)
    return event is not None and event.seq > after


def _waits() -> Iterator[None]:
    wait_s = _SHORTEST_WAIT_S
    while True:
        yield
        time.sleep(wait_s)
        wait_s = min(wait_s * 1.5, _LONGEST_WAIT_S)

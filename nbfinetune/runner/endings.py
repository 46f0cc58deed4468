"""What to raise for a run that ended badly."""

from __future__ import annotations

from nbfinetune.errors import RunFailedError, RunInterrupted
from nbfinetune.records import RunFailed
from nbfinetune.store import RunStore
from nbfinetune.store.layout import worker_log

_TAIL_BYTES = 4096


def raise_bad_ending(store: RunStore) -> None:
    """Raise if the run has failed or was interrupted; else return.

    Raises
    ------
    RunFailedError
        With the worker's sentence and traceback.
    RunInterrupted
        With the last line that the worker printed, often the only trace of what ended it.
    """
    status = store.status()
    if status == "failed":
        raise failure(store)
    if status == "interrupted":
        raise interruption(store)


def failure(store: RunStore) -> RunFailedError:
    """The worker's last words, to be raised."""
    event = store.last(RunFailed)
    if event is None:
        return RunFailedError(f"run {store.path.name} has failed; see {worker_log(store.path)}")
    return RunFailedError(event.message, event.error, event.details)


def interruption(store: RunStore) -> RunInterrupted:
    """That the worker is gone, to be raised."""
    line = _last_line(store)
    said = f"its log ends with {line!r}" if line else "its log is empty"
    return RunInterrupted(
        f"run {store.path.name} was interrupted: its worker is gone without a last word ({said}); "
        "resume() goes on from the last checkpoint"
    )


def _last_line(store: RunStore) -> str:
    log = worker_log(store.path)
    if not log.is_file():
        return ""
    with log.open("rb") as text:
        text.seek(max(0, log.stat().st_size - _TAIL_BYTES))
        lines = text.read().decode(errors="replace").strip().splitlines()
    return lines[-1].strip() if lines else ""

"""Where a run stands, in the figures of the status line; reads the newest rows, never all steps."""

from __future__ import annotations

import time
from typing import Any, Literal

from msgspec import Struct

from nbfinetune.records import (
    LIVE,
    EpochDone,
    RunFailed,
    RunFinished,
    RunStarted,
    Status,
    StepDone,
)
from nbfinetune.runner.speed_notes import SpeedNote, speed_notes
from nbfinetune.store import RunStore
from nbfinetune.widgets.time_left import time_left


class Bearings(Struct, frozen=True, kw_only=True):
    """Where a run stands.

    Parameters
    ----------
    status : Status or "ready"
        The word on record; ready where there is no run yet.
    run : str
        The run's id.
    phase : str
        What the worker is busy with before the first step; empty after it.
    step, steps, epoch, epochs : int
        Done and planned; `epoch` is the one in hand, from 1.
    eta_s : float, optional
        Seconds that are left; see `time_left`.
    images_per_s, memory_mb, loss, accuracy : float, optional
        Newest figures; `accuracy` is the best epoch's.
    device : str
        In words, with its precision.
    best_epoch : int, optional
    ending : str
        Why a finished run ended; empty where it did all epochs.
    error, details : str
        The worker's sentence and traceback.
    notes : tuple of SpeedNote
        What its worker chose for the sake of speed, or could not do.
    """

    status: Status | Literal["ready"]
    run: str
    phase: str = ""
    step: int = 0
    steps: int = 0
    epoch: int = 0
    epochs: int = 0
    eta_s: float | None = None
    images_per_s: float | None = None
    memory_mb: float | None = None
    loss: float | None = None
    accuracy: float | None = None
    best_epoch: int | None = None
    device: str = ""
    ending: str = ""
    error: str = ""
    details: str = ""
    notes: tuple[SpeedNote, ...] = ()


_ENDINGS = {"early_stopping": "stopped early", "time_budget": "time budget used up"}


def bearings(store: RunStore) -> Bearings:
    """Where the run of a store stands now."""
    status = store.status()
    started, phase = store.last(RunStarted), store.phase()
    failed = store.last(RunFailed) if status == "failed" else None
    told: dict[str, Any] = {
        "status": status,
        "run": store.path.name,
        "epochs": store.epochs_planned(),
        "error": failed.message if failed else "",
        "details": failed.details if failed else "",
        "notes": speed_notes(store),
    }
    if started is None:
        waiting = phase or "waiting for the worker"
        return Bearings(**told, phase=waiting if status in LIVE else "")
    finished = store.last(RunFinished) if status == "finished" else None
    return Bearings(
        **told,
        **_progress(store, started, status),
        phase=phase if status in LIVE else "",
        device=f"{started.device_name} · {started.precision}",
        ending=_ENDINGS.get(finished.reason, "") if finished else "",
    )


def _progress(store: RunStore, started: RunStarted, status: Status) -> dict[str, Any]:
    step, epoch = store.last(StepDone), store.last(EpochDone)
    best = store.best_epoch()
    epochs = store.epochs_planned()
    done, steps = (step.step if step else 0), epochs * started.steps_per_epoch
    return {
        "step": done,
        "steps": steps,
        "epoch": min(done // started.steps_per_epoch + 1, epochs),
        "eta_s": _left(store, started, step, steps) if status == "running" else None,
        "images_per_s": step.images_per_s if step else None,
        "memory_mb": step.memory_mb if step else None,
        "loss": step.loss if step else None,
        "accuracy": best.accuracy if best and epoch else None,
        "best_epoch": best.epoch if best and best.best else None,
    }


def _left(store: RunStore, started: RunStarted, step: StepDone | None, steps: int) -> float | None:
    return None if step is None else time_left(store, started, step, steps, time.time())

"""A trial of a sweep as a row of a table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbfinetune.records import EpochDone
from nbfinetune.runner.sweep_driver import REASON, RUN
from nbfinetune.store import RunStore

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

_STATES = {
    "WAITING": "waiting",
    "RUNNING": "running",
    "COMPLETE": "finished",
    "PRUNED": "stopped",
    "FAIL": "failed",
}


def row(trial: FrozenTrial, names: Sequence[str], monitor: str) -> dict[str, Any]:
    """What a table tells of a trial."""
    params = trial.params or trial.system_attrs.get("fixed_params", {})
    folder = trial.user_attrs.get(RUN)
    told: dict[str, Any] = {
        **{name: params.get(name) for name in names},
        "state": _STATES[trial.state.name],
        "run": Path(folder).name if folder else "",
        "reason": trial.user_attrs.get(REASON, ""),
    }
    epochs = _epochs(folder)
    if epochs:
        falls = monitor == "val_loss"
        best = (min if falls else max)(epochs, key=lambda done: getattr(done, monitor))
        told |= {"val_loss": best.val_loss, monitor: getattr(best, monitor)}
    return told | {"epochs": len(epochs)}


def _epochs(folder: str | None) -> list[EpochDone]:
    if not folder or not Path(folder).is_dir():
        return []
    with RunStore.open(Path(folder)) as store:
        return store.epochs()


def val_loss(trial: FrozenTrial) -> float:
    """The lowest of a trial; infinite where nothing was measured."""
    return min((done.val_loss for done in _epochs(trial.user_attrs.get(RUN))), default=float("inf"))

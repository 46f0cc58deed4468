"""Runs beside each other: what their models know, how large they are, how fast they are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nbfinetune.errors import ConfigError, RunError
from nbfinetune.runner.child import Child
from nbfinetune.store import layout

if TYPE_CHECKING:
    import pandas as pd

    from nbfinetune.runner.run import Run

__all__ = ["before_and_after", "compare", "pruned_from"]

MODULE = "nbfinetune.runner.comparing"

COLUMNS = (
    "accuracy",
    "macro_f1",
    "parameters",
    "macs",
    "size_mb",
    "latency_ms",
    "latency_ms_32",
)


def before_and_after(run: Run, *, latency: bool = True) -> pd.DataFrame:
    """A pruned run beside the one whose model was pruned; see `Run.comparison`."""
    parent = pruned_from(run)
    if parent is None:
        return compare([run], latency=latency)
    table = compare([parent, run], latency=latency)
    return table.set_axis(["before", "after"]).rename_axis("model")


def pruned_from(run: Run) -> Run | None:
    """The run whose best model this one began with and pruned; None where it is not one."""
    checkpoint = run.config.model.checkpoint
    if checkpoint is None or not run.config.pruning.amount:
        return None
    folder = Path(checkpoint).parent.parent
    is_a_runs = layout.database(folder).is_file() and layout.checkpoint(folder, "best").is_file()
    return type(run)(folder) if is_a_runs else None


def compare(runs: Sequence[Run], *, latency: bool = True) -> pd.DataFrame:
    """The best models of some runs, one row each, measured in a process of its own.

    Parameters
    ----------
    runs : sequence of Run
    latency : bool
        Whether to time them, all by turns, on the device and with the threads of the last run.

    Returns
    -------
    DataFrame
        By the runs' ids: accuracy and macro_f1 of the best epoch; parameters, macs (of one image),
        size_mb (of the weights' file, millions of bytes); latency_ms of one image and
        latency_ms_32 of 32 at a time, NaN where they were not timed.

    Raises
    ------
    ConfigError
        If there are no runs.
    RunError
        If one has no best model, or it can't be loaded.
    """
    import pandas as pd

    if not runs:
        raise ConfigError("runs is empty; give the runs to compare, such as [run.prune(0.5)]")
    for run in runs:
        if not layout.checkpoint(run.path, "best").is_file():
            raise RunError(f"run {run.id} has no best model (it is {run.status}); wait for one")
    child = Child(MODULE, {"runs": [str(run.path) for run in runs], "latency": latency})
    try:
        said = list(child.lines())
    finally:
        child.dismiss()
    last = said[-1] if said else {}
    if "rows" not in last:
        ended = f"the process ended early (status {child.status()})"
        raise RunError(f"the models were not compared: {last.get('error', ended)}")
    index = pd.Index([run.id for run in runs], name="model")
    return pd.DataFrame(last["rows"], index=index, columns=list(COLUMNS))

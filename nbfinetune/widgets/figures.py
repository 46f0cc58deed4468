"""The charts as ordinary Plotly figures with all their points."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from nbfinetune.errors import ConfigError
from nbfinetune.records import EpochDone, ScheduleChanged
from nbfinetune.runner.run import Run
from nbfinetune.store import RunStore
from nbfinetune.widgets.history import RunHistory

if TYPE_CHECKING:
    import plotly.graph_objects as go


def figure(name: str, runs: Sequence[Run], labels: Sequence[str]) -> go.Figure:
    """One chart of several runs.

    Parameters
    ----------
    name : {"loss", "metrics", "learning_rate", "throughput"}
    runs, labels : sequences of equal length
        The runs and what they are called in the legend.

    Raises
    ------
    ConfigError
        If there is no such chart.
    """
    if name not in _CHARTS:
        raise ConfigError(f"there is no chart {name!r}; there are {', '.join(_CHARTS)}")
    import plotly.graph_objects as go

    title, fill = _CHARTS[name]
    made = go.Figure()
    for run, label in zip(runs, labels, strict=True):
        with RunStore.open(run.path) as store:
            fill(made, store, f"{label}: " if len(runs) > 1 else "")
    made.update_layout(title=title, hovermode="x unified", xaxis_title="step")
    return made


def _loss(made: go.Figure, store: RunStore, prefix: str) -> None:
    steps, epochs = store.steps("step", "loss"), store.epochs()
    made.add_scatter(x=steps["step"], y=steps["loss"], mode="lines", name=f"{prefix}train loss")
    _epoch_line(made, epochs, "val_loss", f"{prefix}validation loss")


def _metrics(made: go.Figure, store: RunStore, prefix: str) -> None:
    epochs = store.epochs()
    for measure in ("accuracy", "macro_f1", "precision", "recall", "top5", "roc_auc"):
        _epoch_line(made, epochs, measure, f"{prefix}{measure}")


def _learning_rate(made: go.Figure, store: RunStore, prefix: str) -> None:
    steps, history = store.steps("step", "lr"), RunHistory(store.config.schedule)
    made.add_scatter(x=steps["step"], y=steps["lr"], mode="lines", name=f"{prefix}learning rate")
    history.catch_up(store)
    planned = history.planned()
    rest = planned[planned[:, 0] > history.digest.last_step]
    made.add_scatter(
        x=rest[:, 0], y=rest[:, 1], mode="lines", line_dash="dash", name=f"{prefix}planned"
    )
    for change in store.events_of(ScheduleChanged):
        made.add_vline(x=change.step, line_width=1, annotation_text=type(change.schedule).__name__)


def _throughput(made: go.Figure, store: RunStore, prefix: str) -> None:
    steps = store.steps("step", "images_per_s", "memory_mb")
    made.add_scatter(
        x=steps["step"], y=steps["images_per_s"], mode="lines", name=f"{prefix}images/s"
    )
    made.add_scatter(
        x=steps["step"], y=steps["memory_mb"], mode="lines", yaxis="y2", name=f"{prefix}memory (MB)"
    )
    made.update_layout(yaxis2={"overlaying": "y", "side": "right", "title": "MB"})


def _epoch_line(made: go.Figure, epochs: Sequence[EpochDone], measure: str, name: str) -> None:
    made.add_scatter(
        x=[epoch.step for epoch in epochs],
        y=[getattr(epoch, measure) for epoch in epochs],
        mode="lines+markers",
        name=name,
    )


_Fill = Callable[["go.Figure", RunStore, str], None]
_CHARTS: dict[str, tuple[str, _Fill]] = {
    "loss": ("Loss", _loss),
    "metrics": ("Metrics", _metrics),
    "learning_rate": ("Learning rate", _learning_rate),
    "throughput": ("Throughput", _throughput),
}

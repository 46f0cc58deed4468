"""`LiveCharts`: what a run measures, drawn while it trains."""

from __future__ import annotations

import os
import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import anywidget
import msgspec
import traitlets as t

from nbfinetune.errors import ConfigError, NbFinetuneError
from nbfinetune.records import LIVE
from nbfinetune.runner.run import Run
from nbfinetune.store import RunStore
from nbfinetune.widgets.chart_messages import (
    MEASURES,
    Message,
    Presence,
    WindowRequest,
    delta,
    request_from,
    snapshot,
    window,
)
from nbfinetune.widgets.digest import width_for
from nbfinetune.widgets.figures import figure
from nbfinetune.widgets.follower import Follower
from nbfinetune.widgets.history import RunHistory, Update
from nbfinetune.widgets.panel import answer_beside_cells, bundle
from nbfinetune.widgets.still import Still, still_html
from nbfinetune.widgets.still_svg import still_svg

if TYPE_CHECKING:
    import plotly.graph_objects as go

AnyRun: TypeAlias = Run | str | os.PathLike[str]

KINDS = ("js", "css")

OPTIONS = {"smoothing", "log_loss", "log_lr", "by_epoch", "hidden"}
"""What the page may set; everything else that it knows is Python's to say."""

READY_S = 2.0
"""How long a cell waits for a run to be read before the picture for the saved notebook is made."""


class LiveCharts(anywidget.AnyWidget):
    """Loss, metrics, learning rate and throughput of one run or several, live.

    Parameters
    ----------
    runs : Run, id or path, or a sequence of these
        Several are drawn over each other, a colour each.
    metrics : sequence of str
        Measures of an epoch that are shown at first; the others wait in the chart's legend.

    Attributes
    ----------
    smoothing : float in [0, 0.999]
        Weight of the past in the smoothed loss.
    log_loss, log_lr : bool
        Logarithmic axes.
    by_epoch : bool
        Count epochs along the time line instead of steps.
    hidden : list of str
        Lines and runs that are switched off in the legends.

    Raises
    ------
    NoSuchRun
        If there is no such run.
    ConfigError
        If a metric is unknown or no run is given.
    """

    smoothing = t.Float(0.9, min=0.0, max=0.999).tag(sync=True)
    log_loss = t.Bool(default_value=False).tag(sync=True)
    log_lr = t.Bool(default_value=False).tag(sync=True)
    by_epoch = t.Bool(default_value=False).tag(sync=True)
    hidden = t.List(t.Unicode()).tag(sync=True)
    labels = t.List(t.Unicode()).tag(sync=True)
    picture = t.Unicode().tag(sync=True)
    still_id = t.Unicode().tag(sync=True)

    _followers: Sequence[Follower] = ()
    _ears: Sequence[_Ear] = ()

    def __init__(
        self,
        runs: AnyRun | Sequence[AnyRun],
        metrics: Sequence[str] = ("accuracy", "macro_f1"),
        **settings: Any,
    ) -> None:
        self._esm, self._css = (bundle(f"live_charts.{kind}").read_text("utf-8") for kind in KINDS)
        self._runs = _opened(runs)
        self._still: Still | None = None
        super().__init__(
            hidden=_hidden(metrics),
            labels=[_label(run, self._runs) for run in self._runs],
            still_id=f"nbft-still-{uuid.uuid4().hex[:12]}",
            **settings,
        )
        self.on_msg(self._answer)
        answer_beside_cells(self)
        self._followers = [Follower.of(run.path) for run in self._runs]
        # Followers hold their subscribers weakly, so these are held here.
        self._ears = [_Ear(self, place) for place in range(len(self._runs))]
        for follower, ear in zip(self._followers, self._ears, strict=True):
            follower.subscribe(ear.hear)

    def figure(self, name: str) -> go.Figure:
        """One chart with all its points, as an ordinary Plotly figure.

        Parameters
        ----------
        name : {"loss", "metrics", "learning_rate", "throughput"}

        Returns
        -------
        plotly.graph_objects.Figure
            To restyle, save or publish; it does not change any more.
        """
        return figure(name, self._runs, self.labels)

    def snapshot_svg(self) -> str:
        """The charts as they are now, as an SVG picture that needs no script."""
        return still_svg(self._histories(), self.labels, self.smoothing)

    def snapshot_html(self) -> str:
        """The same picture as HTML, for notebooks that are read where there is no kernel."""
        return still_html(self.snapshot_svg())

    def close(self) -> None:
        """Let go of the runs and of the page."""
        for follower, ear in zip(self._followers, self._ears, strict=True):
            follower.unsubscribe(ear.hear)
        super().close()

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Take what a control of the page was set to; refuse in words what it can't be."""
        try:
            super().set_state({name: sync_data[name] for name in sync_data.keys() & OPTIONS})
        except t.TraitError as error:
            self.send({"kind": "error", "error": f"that can't be set: {error}"})
            self.send_state(list(sync_data.keys() & OPTIONS))

    def _answer(self, _: object, content: Any, _buffers: object) -> None:
        """Answer one message of the page, whatever it says."""
        try:
            request = request_from(content)
            if isinstance(request, Presence):
                for follower in self._followers:
                    follower.attend()
                return
            if isinstance(request, WindowRequest):
                self._post(self._window(request))
                return
            for place in range(len(self._runs)):
                self._post_snapshot(place)
        except (msgspec.ValidationError, NbFinetuneError) as error:
            self.send({"kind": "error", "error": f"the page asked for nonsense: {error}"})

    def _post(self, message: Message) -> None:
        content, buffers = message
        self.send(content, buffers)

    def _post_snapshot(self, place: int) -> None:
        follower = self._followers[place]
        # Under the lock, so that the next delta continues what this holds.
        with follower.lock:
            self._post(snapshot(place, follower.history, follower.trouble))

    def _window(self, request: WindowRequest) -> Message:
        if request.run >= len(self._runs):
            raise ConfigError(f"run {request.run} of {len(self._runs)}, counted from 0")
        width = width_for(request.last - request.first)
        with RunStore.open(self._runs[request.run].path) as store:
            return window(request, store.digest(width, request.first, request.last))

    def _take(self, place: int, update: Update) -> None:
        """Pass an update on to the page; called by the follower, under its lock."""
        history = self._followers[place].history
        if update.restarted or history is None:
            self._post_snapshot(place)
        else:
            self._post(delta(place, history, update))
        if self._still is not None:
            self._still.refresh(over=update.status not in LIVE)
        if update.status not in LIVE:
            self.picture = self.snapshot_svg()

    def _histories(self) -> list[RunHistory]:
        return [follower.history or RunHistory() for follower in self._followers]

    def _ipython_display_(self, **_: object) -> None:
        from IPython.display import display

        data, metadata = self._repr_mimebundle_() or ({}, {})
        data["text/plain"] = f"LiveCharts of {', '.join(self.labels)}"
        display(data, raw=True, metadata=metadata)
        for follower in self._followers:
            follower.ready.wait(READY_S)
        self._still = Still(self.still_id, self.snapshot_svg)


class _Ear:
    """What a follower speaks to: it knows which of the runs it hears of."""

    def __init__(self, charts: LiveCharts, place: int) -> None:
        self._charts = charts
        self._place = place

    def hear(self, update: Update) -> None:
        self._charts._take(self._place, update)  # noqa: SLF001 - one class in two objects


def _opened(runs: AnyRun | Sequence[AnyRun]) -> list[Run]:
    several = [runs] if isinstance(runs, Run | str | os.PathLike) else list(runs)
    if not several:
        raise ConfigError("LiveCharts was given no run; nbfinetune.runs() lists them")
    return [run if isinstance(run, Run) else Run.open(run) for run in several]


def _label(run: Run, runs: Sequence[Run]) -> str:
    """The model, and as much of the id as tells runs of the same model apart."""
    name = run.config.model.name
    alone = sum(other.config.model.name == name for other in runs) == 1
    return name if alone else f"{name} {run.id[-4:]}"


def _hidden(metrics: Sequence[str]) -> list[str]:
    known = MEASURES[:-2]
    if unknown := [name for name in metrics if name not in known]:
        raise ConfigError(f"there is no metric {unknown[0]!r}; there are {', '.join(known)}")
    return [name for name in known if name not in metrics]

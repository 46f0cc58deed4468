"""The page's side of the pruning slider: what it is told, what it asks, and what comes of that."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, cast

import traitlets

from nbfinetune.errors import CommandRefused, ConfigError
from nbfinetune.records import LIVE, Status
from nbfinetune.runner.run import Run
from nbfinetune.store.layout import checkpoint
from nbfinetune.widgets.panel import PagePanel, bundle
from nbfinetune.widgets.pruning_choice import CRITERIA, SETTINGS, PruningChoice, closest
from nbfinetune.widgets.pruning_outcome import Outcome
from nbfinetune.widgets.pruning_profile import Profile
from nbfinetune.widgets.pruning_standing import Standing
from nbfinetune.widgets.steering import Steering


class PruningPage(PagePanel):
    """Shows what a pruning would leave of a run's best model, and lets a page ask for it.

    Parameters
    ----------
    choice : PruningChoice
        Amount and wishes to begin with.
    guard : RLock, optional
        Of the surface that it lies on.
    show : callable (Run), optional
        Shows a run on that surface; where it is left out, the panel stands alone.

    Attributes
    ----------
    compact : bool
        The panel is one of many: its layers open in a dialog.
    state : dict
        The settings, the phase, and what can't be done now.
    board : dict
        What would be left, by amount.
    points : list
        What was measured: amount, accuracy, images.
    latencies : list
        What was timed: amount, batch, milliseconds before and after.
    layers : list of dict
        What can be protected or pushed.
    outcome : dict
        The run that was pruned, before against after.
    """

    bundle_name = "pruning_slider"

    title = traitlets.Unicode("Pruning").tag(sync=True)
    region = traitlets.Unicode("Pruning").tag(sync=True)
    compact = traitlets.Bool().tag(sync=True)
    state = traitlets.Dict().tag(sync=True)
    board = traitlets.Dict().tag(sync=True)
    points: traitlets.List[Any] = traitlets.List().tag(sync=True)
    latencies: traitlets.List[Any] = traitlets.List().tag(sync=True)
    layers: traitlets.List[dict[str, Any]] = traitlets.List().tag(sync=True)
    outcome = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        choice: PruningChoice,
        *,
        guard: threading.RLock | None = None,
        show: Callable[[Run], None] | None = None,
    ) -> None:
        self._choice, self._show = choice, show
        self._run: Run | None = None
        self._status: Status | None = None
        self._beginning = False
        self._errors: dict[str, str] = {}
        self._profile = Profile(choice, self.redraw)
        self._outcome = Outcome(self.redraw)
        self._steering = Steering(self.redraw)
        self._acts: dict[str, Callable[[Any], object]] = {
            "protect": self._protect,
            "push": self._push,
            "reset_layers": lambda _: self._choose(self._choice.unaltered()),
            "study": lambda _: self._study(),
            "cancel_study": lambda _: self._profile.end(),
            "latency": lambda _: self._profile.measure_latency(),
            "recover": lambda _: self._ask_recovery(),
            "prune_live": lambda _: self._ask_live(),
            "open_outcome": lambda _: self._open_outcome(),
            "plotly": lambda _: self._send_plotly(),
        }
        super().__init__(self._do_asked, guard, compact=show is not None, **self._drawn())

    def redraw(self) -> None:
        """Show what is known now."""
        self._redraw()

    def recover(self, epochs: int | None = None) -> Run:
        """Prune the best model as the slider says, and train what is left as a new run.

        Parameters
        ----------
        epochs : int, optional
            Length of the new run; default as chosen.

        Raises
        ------
        CommandRefused
            If there is no best model, nothing would go, more than can go, or the run that was
            pruned last still trains.
        ConfigError
            If a value can't be.
        """
        with self._guard:
            if epochs is not None:
                self._choose(self._choice.taken("recover_epochs", epochs))
            run, choice = self._claim(), self._choice
        config = choice.config
        try:
            pruned = cast("Run", run.prune(config.amount, live=False, **choice.wishes()))
            # Never under the guard: whoever follows the run tells us under a lock of its own.
            self._outcome.follow(pruned, run, config.amount, config.target)
        finally:
            self._beginning = False
            self.redraw()
        return pruned

    # What the page asks.

    def _do_asked(self, name: str, value: Any) -> str:
        if name in SETTINGS:
            self._take(name, value)
        elif name in self._acts:
            self._acts[name](value)
        else:
            return f"there is no setting {name!r}"
        self.redraw()
        return ""

    def _take(self, name: str, value: Any) -> None:
        try:
            self._choose(self._choice.taken(name, value))
            self._errors.pop(name, None)
        except ConfigError as error:
            self._errors[name] = str(error)
            self.redraw()
            raise
        if (name == "amount" or self._eager) and self._standing().phase == "idle":
            self._study()

    def _choose(self, choice: PruningChoice) -> None:
        self._choice = choice
        self._profile.wish(choice)

    def _protect(self, value: Any) -> None:
        layer, on = self._layer(value, "on")
        if not isinstance(on, bool):
            raise ConfigError(f"the page sent {on!r} as whether {layer} is protected")
        self._choose(self._choice.protecting(layer, on=on))

    def _push(self, value: Any) -> None:
        self._choose(self._choice.pushing(*self._layer(value, "factor")))

    def _layer(self, value: Any, key: str) -> tuple[str, Any]:
        """Name of a layer that the model has, and what is wanted of it."""
        if not isinstance(value, dict) or value.keys() != {"layer", key}:
            raise ConfigError(f"the page sent {value!r} about a layer; nothing was changed")
        known = [layer["name"] for layer in self._profile.layers()]
        if not known:
            raise CommandRefused("the model's layers are not known yet; measure it first")
        if value["layer"] not in known:
            near = closest(str(value["layer"]), known)
            raise ConfigError(f"the model has no layer {value['layer']!r} to prune; {near}")
        return value["layer"], value[key]

    def _study(self) -> None:
        if why := self._standing().off()["study"]:
            raise CommandRefused(why)
        self._profile.begin()

    def _ask_recovery(self) -> None:
        if why := self._standing().off()["recover"]:
            raise CommandRefused(why)
        self._steering.ask("a pruned run is requested", self._recovering)

    def _recovering(self) -> str:
        pruned = self.recover()
        beside = f" beside run {self._standing().run}, which trains on" if self._live else ""
        return f"run {pruned.id} has begun with the pruned model{beside}"

    def _claim(self) -> Run:
        """The run, of which nobody else begins a pruning meanwhile."""
        run = self._run
        if why := self._standing().off()["recover"]:
            raise CommandRefused(why)
        assert run is not None  # noqa: S101 - or it would have been refused
        self._beginning = True
        return run

    def _ask_live(self) -> None:
        run, choice = self._run, self._choice
        if why := self._standing().off()["live"]:
            raise CommandRefused(why)

        def prune() -> str:
            wishes = choice.wishes(live=True)
            answer = cast("Run", run).prune(choice.config.amount, live=True, **wishes)
            return f"in force from step {answer.step:,}"

        self._steering.ask("pruning requested", prune)

    def _open_outcome(self) -> None:
        run, show = self._outcome.run, self._show
        if run is None:
            raise CommandRefused("nothing was pruned from here yet")
        if show is None:
            raise CommandRefused(f"nbfinetune.FineTuneWidget(run=slider.pruned) shows run {run.id}")

        def open_it() -> str:
            show(run)
            return f"shows run {run.id}"

        self._steering.ask("opening the run", open_it)

    def _send_plotly(self) -> None:
        # As for the preview: the charts' bundle carries the one Plotly build.
        self.send({"plotly": True}, [bundle("live_charts.js").read_bytes()])

    # What is drawn.

    @property
    def _eager(self) -> bool:
        """Whether it measures unasked: standing alone, it is there for nothing else."""
        return self._show is None

    @property
    def _live(self) -> bool:
        return self._status in LIVE

    def _standing(self) -> Standing:
        run, profile, outcome = self._run, self._profile, self._outcome
        study = profile.study
        begun = outcome.run.id if outcome.run is not None and outcome.live else ""
        return Standing(
            self._choice,
            run=run.id if run else "",
            status=self._status,
            best=run is not None and checkpoint(run.path, "best").is_file(),
            study=study.status if study else "",
            known=study is not None and study.structure is not None,
            error=study.error if study else "",
            trouble=profile.trouble,
            stale=profile.stale,
            timed=study is not None and bool(study.latencies),
            most=profile.most,
            pruned=begun or ("that begins" if self._beginning else ""),
        )

    def _drawn(self) -> dict[str, Any]:
        profile = self._profile
        return {
            "state": self._state(),
            "board": profile.board,
            "points": profile.points,
            "latencies": profile.latencies,
            "layers": profile.layers(),
            "outcome": self._outcome.told(
                self._run, profile.board.get("target", self._choice.config.target)
            ),
        }

    def _state(self) -> dict[str, Any]:
        standing, config, study = self._standing(), self._choice.config, self._profile.study
        return {
            "run": standing.run,
            "phase": standing.phase,
            "said": standing.said(),
            "progress": study.progress if study else "",
            "method": config.method,
            "target": config.target,
            "criterion": config.criterion,
            "criteria": [list(row) for row in CRITERIA],
            "amount": config.amount,
            "uniform": config.uniform,
            "recoverEpochs": self._choice.epochs,
            "gradual": self._choice.gradual,
            "note": self._note(),
            "errors": dict(self._errors),
            "off": standing.off(),
        }

    def _note(self) -> str:
        word = self._steering.word
        if word.asked:
            return f"{word.asked} …"
        if word.refused:
            return f"refused: {word.refused}"
        study = self._profile.study
        return word.applied or self._outcome.trouble or (study.note if study else "")

"""Where a pruning stands, in a word, in sentences, and what can't be done now: purely."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from nbfinetune.records import LIVE, PruningConfig, Status
from nbfinetune.widgets.pruning_choice import PruningChoice

Phase: TypeAlias = Literal["no_run", "no_best", "idle", "starting", "measuring", "ready", "failed"]

NO_RUN = "there is no run yet; what has been trained can be pruned: press Start, or give a run"
WORDS = {
    "macs": "multiply-accumulates",
    "parameters": "parameters",
    "latency": "time of an image",
}
TOLERANCE = 0.02
"""By which an amount may be missed; see `nbfinetune.pruning.plan`."""


@dataclass(frozen=True)
class Standing:
    """What is known of a run, of its study, and of what was begun.

    Parameters
    ----------
    choice : PruningChoice
    run : str
        Id; empty where there is none.
    status : Status, optional
        Of the run.
    best : bool
        It has a best model.
    study : str
        Status of the study; empty where there is none.
    known : bool
        The model has been looked at.
    error : str
        Why the study failed.
    trouble : str
        Why nothing can be said about this choice.
    stale : bool
        The run has a better model than the one that was measured.
    timed : bool
        A time was measured.
    most : float, optional
        The largest amount that can go.
    pruned : str
        Id of the pruned run, where it is live or about to begin.
    """

    choice: PruningChoice
    run: str = ""
    status: Status | None = None
    best: bool = False
    study: str = ""
    known: bool = False
    error: str = ""
    trouble: str = ""
    stale: bool = False
    timed: bool = False
    most: float | None = None
    pruned: str = ""

    @property
    def phase(self) -> Phase:
        """How far it has come."""
        if not self.run:
            return "no_run"
        if self.study == "failed" and not self.known:
            return "failed"
        if self.study in ("waiting", "running"):
            return "measuring" if self.known else "starting"
        if self.known:
            return "ready"
        if not self.best:
            return "no_best"
        return "ready" if self._config.method == "unstructured" else "idle"

    def said(self) -> str:
        """A sentence for the phase; empty where the figures say it all."""
        by_phase = {
            "no_run": NO_RUN,
            "no_best": self._no_best(),
            "failed": self.error,
            "idle": "move the slider, and the best model is measured at some amounts",
        }
        return by_phase.get(self.phase, "") or self.error or self.trouble or self._remark()

    def off(self) -> dict[str, str]:
        """Why something can't be done now, by act; empty where it can."""
        return {
            "study": self._no_model() or self._no_study(),
            "latency": self._no_latency(),
            "recover": self._no_model() or self._no_recovery(),
            "live": self._not_live(),
        }

    @property
    def _config(self) -> PruningConfig:
        return self.choice.config

    @property
    def _live(self) -> bool:
        return self.status in LIVE

    def _remark(self) -> str:
        if self.stale and self.known:
            return "the run has a better model by now; what is shown was measured on an earlier one"
        if self._config.target == "latency" and self.known and not self.timed:
            return (
                "the slider goes by multiply-accumulates until a time is measured: "
                "press Measure latency"
            )
        return ""

    def _no_best(self) -> str:
        then = "it has one after its first epoch" if self._live else "resume() it"
        return f"run {self.run} has no best model yet (it is {self.status}); {then}"

    def _no_model(self) -> str:
        if not self.run:
            return NO_RUN
        return "" if self.best else self._no_best()

    def _no_study(self) -> str:
        if self._config.method != "unstructured":
            return ""
        return "what weights at zero cost is not predicted; recovery tells"

    def _no_latency(self) -> str:
        if self._config.method == "unstructured":
            return "weights at zero make a model no faster; remove channels instead"
        if not self.known:
            return self._no_model() or "the model has not been looked at yet"
        if self.study in ("cancelled", "failed"):
            return "nothing is measured any more; press Measure again first"
        return self._nothing() or self._too_much()

    def _no_recovery(self) -> str:
        if self.pruned:
            return f"run {self.pruned} was pruned from here and still trains; stop() it first"
        return self._nothing() or self._too_much()

    def _not_live(self) -> str:
        if not self.run:
            return NO_RUN
        if not self._live:
            return f"run {self.run} is {self.status}; its best model can be pruned as a new run"
        if self._config.method == "unstructured":
            return ""
        if self._config.target == "latency":
            return "a run that trains is no clock; choose multiply-accumulates or parameters"
        return self._nothing() or self._too_much()

    def _nothing(self) -> str:
        return "" if self._config.amount else "at 0 % nothing goes; move the slider"

    def _too_much(self) -> str:
        most, config = self.most, self._config
        if most is None or config.amount <= most + TOLERANCE or config.method == "unstructured":
            return ""
        return (
            f"at most {most:.0%} of the {WORDS[config.target]} can go before a layer would vanish"
        )

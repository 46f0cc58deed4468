"""`PruningSlider`: how much of a model may go, what is left then, and the run that tries it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nbfinetune.records.pruning import Target
from nbfinetune.runner.run import Run
from nbfinetune.widgets.follower import Follower
from nbfinetune.widgets.history import Update
from nbfinetune.widgets.pruning_choice import PruningChoice
from nbfinetune.widgets.pruning_page import PruningPage
from nbfinetune.widgets.saved_face import SavedPanel

if TYPE_CHECKING:
    from nbfinetune.runner.pruning_study import PruningStudy


OF = {"macs": "multiply-accumulates", "parameters": "parameters", "latency": "time"}
"""What an amount is a part of, in words."""


@dataclass(frozen=True)
class PruningSurroundings:
    """The surface that a slider lies on.

    Parameters
    ----------
    guard : RLock
        Held while something is changed.
    show : callable (Run)
        Shows a run in the place of the one that is shown.
    """

    guard: threading.RLock
    show: Callable[[Run], None]


class PruningSlider(SavedPanel, PruningPage):
    """Slide to an amount, see what is left of the best model, and prune it as a new run.

    The best model is measured at some amounts in a process of its own; everything else is answered
    from that at once. The run itself stays as it is.

    Parameters
    ----------
    run : Run, optional
        Live or over.
    amount : float in [0, 1)
        Where the slider stands.
    target : {"macs", "parameters", "latency"}
        What the amount is a part of.
    recover_epochs : int
        Length of the run that trains what is left.
    surface : PruningSurroundings, optional
        Where the slider is part of one; it then measures only when somebody asks.
    **wishes
        Other fields of `nbfinetune.records.PruningConfig`: `method`, `criterion`, `protect`, …

    Raises
    ------
    ConfigError
        If a value can't be.

    Examples
    --------
    >>> slider = PruningSlider(run, amount=0.4)  # doctest: +SKIP
    >>> smaller = run.prune(slider.amount, **slider.wishes)  # doctest: +SKIP
    """

    _follower: Follower | None = None

    def __init__(
        self,
        run: Run | None = None,
        *,
        amount: float = 0.5,
        target: Target = "macs",
        recover_epochs: int = 2,
        surface: PruningSurroundings | None = None,
        **wishes: Any,
    ) -> None:
        choice = PruningChoice.of(amount, recover_epochs, {"target": target, **wishes})
        guard, show = (surface.guard, surface.show) if surface else (None, None)
        super().__init__(choice, guard=guard, show=show)
        if run is not None:
            self.follow(run)

    @property
    def run(self) -> Run | None:
        """The run whose best model would be pruned."""
        return self._run

    @property
    def amount(self) -> float:
        """Part that goes, in [0, 1); what is set here moves the slider.

        Raises
        ------
        ConfigError
            If it lies elsewhere.
        """
        return self._choice.config.amount

    @amount.setter
    def amount(self, amount: float) -> None:
        with self._guard:
            self._take("amount", amount)
            self.redraw()

    @property
    def wishes(self) -> dict[str, Any]:
        """Keywords of `Run.prune` besides the amount."""
        return self._choice.wishes()

    @property
    def study(self) -> PruningStudy | None:
        """What measures the model; None where nothing was measured yet."""
        return self._profile.study

    @property
    def pruned(self) -> Run | None:
        """The run that was pruned from here last."""
        return self._outcome.run

    def follow(self, run: Run) -> None:
        """Turn to another run; what is known of the one before is forgotten.

        Parameters
        ----------
        run : Run
            Live or over.
        """
        self._leave()
        with self._guard:
            self._run, self._status = run, run.status
            self._errors.clear()
            self._profile.turn_to(run)
            self._begin_by_itself()
            self.redraw()
        # Never under the guard: the follower tells us under a lock of its own.
        self._follower = follower = Follower.of(run.path)
        follower.subscribe(self._hear)

    def close(self) -> None:
        """Let go of the runs, which train on, of what is measured, and of the page."""
        self._leave()
        # One whose constructor raised is closed too, when it is collected.
        if (outcome := vars(self).get("_outcome")) is not None:
            outcome.leave()
            self._profile.end()
        super().close()

    def _saved_words(self) -> str:
        run, config = self._run, self._choice.config
        of = "" if run is None else f" of run {run.id}"
        again = f"amount={self.amount:g}, target={config.target!r}"
        given = again if run is None else f"nbfinetune.Run.open({run.id!r}), {again}"
        return (
            f"Pruning{of}: {100 * self.amount:g} % of the {OF[config.target]} would go. "
            f"nbfinetune.PruningSlider({given}) opens it again."
        )

    def __repr__(self) -> str:
        return f"PruningSlider({self._run!r}, amount={self.amount:g})"

    def _begin_by_itself(self) -> None:
        if self._eager and self._standing().phase == "idle":
            self._profile.begin()

    def _hear(self, update: Update) -> None:
        # A run's mere steps change nothing here.
        if not update.events and update.status == self._status:
            return
        with self._guard:
            self._status = update.status
            self._begin_by_itself()
            self.redraw()

    def _leave(self) -> None:
        if self._follower is not None:
            self._follower.unsubscribe(self._hear)
            self._follower = None

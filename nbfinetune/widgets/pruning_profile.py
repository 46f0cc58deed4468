"""What a study knows of a model, made ready for the page; never on the page's own thread."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from nbfinetune.errors import CommandRefused, NbFinetuneError
from nbfinetune.runner.run import Run
from nbfinetune.store.layout import checkpoint
from nbfinetune.widgets import pruning_board
from nbfinetune.widgets.pruning_board import Drawn
from nbfinetune.widgets.pruning_choice import PruningChoice
from nbfinetune.widgets.renewal import Renewal

if TYPE_CHECKING:
    from nbfinetune.runner.pruning_study import PruningStudy


class Profile:
    """Studies the best model of a run, and keeps what the page is drawn from.

    Parameters
    ----------
    choice : PruningChoice
        What it is to say something about.
    tell : callable ()
        Called, from whatever thread, when something of it has changed.

    Attributes
    ----------
    study : PruningStudy or None
        What is measured, or was last.
    board : dict
        What would be left, by amount; empty while that is not known.
    points, latencies : list
        What was measured, as the page takes it.
    trouble : str
        Why nothing can be said about this choice; empty where it can.
    """

    def __init__(self, choice: PruningChoice, tell: Callable[[], None]) -> None:
        self._tell = tell
        self._lock = threading.Lock()
        self._renewal = Renewal(self._renew, "draw pruning")
        self._choice = choice
        self._wished: dict[str, Any] = {}
        self._run: Run | None = None
        self._best = 0
        self.study: PruningStudy | None = None
        self._forget()

    def turn_to(self, run: Run | None) -> None:
        """Know nothing but zeros, of another run."""
        self.end()
        with self._lock:
            self._run, self.study = run, None
            self._forget()
        self._renewal.ask()

    def begin(self) -> None:
        """Measure the best model of the run, in the background, from the beginning.

        Raises
        ------
        CommandRefused
            If there is no run.
        NbFinetuneError
            If there is nothing to measure.
        """
        from nbfinetune.runner.pruning_study import PruningStudy

        run = self._run
        if run is None:
            raise CommandRefused("there is no run whose model could be measured")
        self.end()
        study = PruningStudy(run)
        with self._lock:
            self._best, self.study, self._wished = _age(run), study, self._choice.judged
            self._forget()
        study.on_change(self._renewal.ask)
        study.wish(**self._wished)
        study.start()
        self._renewal.ask()

    def end(self) -> None:
        """Measure no more, and let the process go; what was measured is kept."""
        if self.study is not None:
            self.study.cancel()

    def wish(self, choice: PruningChoice) -> None:
        """Say something about another choice; answered as soon as it is known."""
        with self._lock:
            same = choice.judged == self._choice.judged
            target = choice.config.target == self._choice.config.target
            self._choice = choice
        if not (same and target):
            self._renewal.ask()

    def measure_latency(self) -> None:
        """Time the model as it is and as it would be, in the background.

        Raises
        ------
        NbFinetuneError
            If that can't be.
        """
        study, config = self.study, self._choice.config
        if study is None or study.structure is None:
            raise CommandRefused("the model has not been looked at yet; press Measure first")
        study.measure_latency(config.amount, config.target)

    @property
    def stale(self) -> bool:
        """Whether the run has a better model by now than the one that was measured."""
        return self.study is not None and self._run is not None and _age(self._run) != self._best

    @property
    def most(self) -> float | None:
        """The largest amount that can go; None while that is not known."""
        amounts = self.board.get("amounts")
        return amounts[-1] if amounts else None

    def layers(self) -> list[dict[str, Any]]:
        """What can be protected or pushed, as the page takes it."""
        study, config = self.study, self._choice.config
        if study is None or study.structure is None:
            return []
        return [
            {
                "name": group.name,
                "units": group.units,
                "kind": group.kind,
                "protected": group.name in config.protect,
                "push": config.pushed.get(group.name, 1.0),
                "sensitivity": study.sensitivities.get(group.name),
            }
            for group in study.structure.groups
        ]

    def _forget(self) -> None:
        self.board: dict[str, Any] = {}
        self.points: list[Any] = []
        self.latencies: list[Any] = []
        self.trouble = ""

    def _renew(self) -> None:
        with self._lock:
            run, study, choice = self._run, self.study, self._choice
        drawn, trouble = pruning_board.NOTHING, ""
        try:
            drawn = self._drawn(run, study, choice)
        except NbFinetuneError as error:
            trouble = str(error)
        except Exception as error:  # noqa: BLE001 - a thread has nobody else to tell
            trouble = f"{type(error).__name__}: {error}"
        with self._lock:
            if study is not self.study or run is not self._run:
                return
            self.trouble = trouble
            self.board, self.points, self.latencies = drawn
        self._tell()

    def _drawn(self, run: Run | None, study: PruningStudy | None, choice: PruningChoice) -> Drawn:
        if run is not None and choice.config.method == "unstructured":
            return pruning_board.zeros(run)
        if study is None:
            return pruning_board.NOTHING
        if self._wished != choice.judged:
            self._wished = choice.judged
            study.wish(**choice.judged)
        if study.scores is None:
            return pruning_board.NOTHING
        return pruning_board.drawn(study, choice.config.target)


def _age(run: Run) -> int:
    """Tells one best model of a run from the next; 0 where there is none."""
    path = checkpoint(run.path, "best")
    return path.stat().st_mtime_ns if path.is_file() else 0

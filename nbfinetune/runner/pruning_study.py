"""What a pruning slider knows: a trained model looked at in a process of its own.

`nbfinetune.runner.pruning_process` is that process's side.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from typing import Any

from nbfinetune.errors import ConfigError, RunError
from nbfinetune.pruning.board import Board, Scores, WholeModel
from nbfinetune.pruning.knowledge import Knowledge
from nbfinetune.pruning.prediction import Measured, Prediction, Timed
from nbfinetune.pruning.prospect import Prospect
from nbfinetune.pruning.structure import Structure
from nbfinetune.records import LIVE, PruningConfig, encode
from nbfinetune.runner import standby
from nbfinetune.runner.child import Child
from nbfinetune.runner.child_work import ChildWork
from nbfinetune.runner.run import Run
from nbfinetune.store import layout

__all__ = ["Board", "Measured", "Prediction", "PruningStudy", "Timed", "WholeModel"]

MODULE = "nbfinetune.runner.pruning_process"


class PruningStudy(ChildWork):
    """Measures in the background what a run's best model would lose by being pruned.

    Everything that is asked of it (`prospect`, `predicted`, `board`) is answered at once from what
    is known so far. The process works at a low priority, keeps the validation images (1,000 at
    most) and some training images in memory, and leaves with this one or when it is cancelled.

    Parameters
    ----------
    run : Run
        Live or over; it stays as it is.
    threads : int, optional
        CPU threads of the process; default the run's own.

    Attributes
    ----------
    status : {"waiting", "running", "done", "cancelled", "failed"}
        Done: everything that was wished for is measured; a new wish makes it run again, and so it
        does after a failure that was the wish's.
    error : str
        Why it failed, in a sentence.
    progress : str
        What it is busy with: "starting torch", "7 positions measured".
    """

    def __init__(self, run: Run, *, threads: int | None = None) -> None:
        super().__init__()
        self.run = run
        self._threads = threads or run.config.runner.threads
        self._known = Knowledge(PruningConfig())
        self._orders = self._wished = 0
        self.progress = ""

    # ---- what is known ----

    @property
    def wishes(self) -> PruningConfig:
        """What is planned with; its amount does not matter."""
        return self._known.wishes

    @property
    def whole(self) -> WholeModel | None:
        """The model as it is."""
        return self._known.whole

    @property
    def structure(self) -> Structure | None:
        """What of it can be removed."""
        return self._known.structure

    @property
    def scores(self) -> Scores | None:
        """By layer the importance of each unit; of the wishes before until the new are there."""
        return self._known.scores

    @property
    def points(self) -> tuple[Measured, ...]:
        """What was measured, by its amount; the whole model is the one of amount 0.

        Until the new curve is known well enough, points of the one before stand in for it.
        """
        return self._known.points

    @property
    def sensitivities(self) -> dict[str, float]:
        """By layer the accuracy lost when half of that layer alone goes, on few images."""
        return self._known.sensitivities

    @property
    def latencies(self) -> tuple[Timed, ...]:
        """What `measure_latency` found, the newest last."""
        return self._known.latencies

    @property
    def note(self) -> str:
        """Why a time was not measured, in a sentence; empty where all were."""
        return self._known.note

    def prospect(self, amount: float, target: str = "macs") -> Prospect:
        """What the model would be after a pruning.

        Parameters
        ----------
        amount : float in [0, 1)
        target : {"macs", "parameters", "latency"}
            Of latency only once one is measured.

        Raises
        ------
        ConfigError
            If so much can't go, or nothing is known yet.
        """
        return self._known.prospect(amount, target)

    def predicted(self, what: Prospect) -> Prediction | None:
        """Accuracy of a prospect before recovery; None where nothing is measured yet."""
        return self._known.predicted(what)

    def board(self, target: str = "macs") -> Board:
        """Everything for every amount at once; takes part of a second where the wishes are new.

        Parameters
        ----------
        target : {"macs", "parameters", "latency"}
            Of latency only once one is measured.

        Raises
        ------
        ConfigError
            If nothing is known yet.
        """
        return self._known.board(target)

    # ---- what is asked for ----

    def start(self) -> None:
        """Begin, in the background; a study whose process lives just goes on.

        Raises
        ------
        RunError
            If the run has no best model yet.
        """
        if not layout.checkpoint(self.run.path, "best").is_file():
            raise RunError(
                f"run {self.run.id} has no best model yet (it is {self.run.status}); "
                + ("wait for the end of an epoch" if self.run.status in LIVE else "resume() it")
            )
        with self._guard:
            if self._child is not None:
                return
            self._known = Knowledge(self.wishes)
            self.progress = ""
            order = {"run": str(self.run.path), "threads": self._threads, **self._wish()}
            warm = standby.take_for(MODULE)
            self._child = Child(MODULE, order, warm)
            follower = threading.Thread(
                target=self._follow,
                args=(self._child, warm is not None),
                name="follow study",
                daemon=True,
            )
        follower.start()

    def wish(self, **wishes: Any) -> None:
        """Plan otherwise from now on; the curve is measured anew in the background.

        Until it is, predictions come from the old one.

        Parameters
        ----------
        **wishes
            Any of `criterion`, `method`, `target`, `uniform`, `round_to`, `protect`, `pushed`, as
            in `nbfinetune.records.PruningConfig`; what is left out stays.

        Raises
        ------
        ConfigError
            If a value can't be, or the model has no such layer.
        """
        with self._guard:
            new = self._known.wishes_with(wishes)
            if new == self.wishes:
                return
            self._known.turn_to(new)
            if self._child is not None:
                self._child.tell(self._wish())
        self._listeners.tell()

    def measure_latency(self, amount: float, target: str = "macs") -> None:
        """Time the model by turns with the one that this pruning would leave, in the background.

        Of one image, and of 32; on the device of the run. `latencies` has what was found.

        Raises
        ------
        ConfigError
            If so much can't go.
        RunError
            If there is no process to measure it.
        """
        if not amount:
            raise ConfigError("amount is 0; give the part that goes, above 0 and below 1")
        self.prospect(amount, "macs" if target == "latency" else target)
        with self._guard:
            if self._child is None:
                raise RunError(f"the study is {self.status}; start() it to measure with it")
            self._child.tell(self._order({"time": {"amount": amount, "target": target}}))
        self._listeners.tell()

    # ---- the process ----

    def _idle(self) -> None:
        self.progress = ""

    def _wish(self) -> dict[str, Any]:
        order = self._order({"wishes": json.loads(encode(self.wishes))})
        self._wished = order["order"]
        return order

    def _order(self, what: Mapping[str, Any]) -> dict[str, Any]:
        """An order with its number; the process says which was the last that is through."""
        self._orders += 1
        self.status, self.error = "running", ""
        self._ended.clear()
        return {**what, "order": self._orders}

    def _follow(self, child: Child, was_standby: bool) -> None:  # noqa: FBT001
        last = ""
        for said in child.lines():
            if was_standby and "point" in said:
                # Not before: a person waits for the first point, and torch takes a core to import.
                was_standby = False
                standby.prepare()
            last = said.get("error", "")
            with self._guard:
                if self._child is child:
                    self._hear(said)
            self._listeners.tell()

        def say_how() -> None:
            self.status = "failed"
            self.error = last or f"the study's process ended early (status {child.status()})"

        self._end(child, say_how)

    def _hear(self, said: Mapping[str, Any]) -> None:
        """Take in what the process said; what belongs to wishes that have changed is nothing."""
        self.progress = said.get("progress", self.progress)
        if said.get("wish", self._wished) == self._wished:
            self._known.hear(said)
        if said.get("through") != self._orders:
            return
        self.error = said.get("error", "")
        self.status = "failed" if self.error else "done"
        self._known.settle()
        self._ended.set()

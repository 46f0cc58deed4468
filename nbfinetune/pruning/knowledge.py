"""What is known so far about the pruning of one network, and what follows from it: pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
import numpy as np

from nbfinetune.errors import ConfigError
from nbfinetune.pruning.asking import wishes_for
from nbfinetune.pruning.board import Board, Draft, Numbers, Scores, WholeModel
from nbfinetune.pruning.prediction import Measured, Prediction, Timed, macs_by_time, predicted
from nbfinetune.pruning.prospect import WEIGHT_BYTES, Prospect
from nbfinetune.pruning.structure import Structure
from nbfinetune.pruning.structure_record import from_record
from nbfinetune.records import PruningConfig, checked

WISHES = ("criterion", "method", "target", "uniform", "round_to", "protect", "pushed")

NEAR = 0.03
"""Amount within which a new point takes the place of one of the wishes before."""


@dataclass(frozen=True)
class Profile:
    """How accuracy falls along the amounts of one set of wishes.

    Parameters
    ----------
    wishes : PruningConfig
        Its amount does not matter.
    draft : Draft, optional
        None until there are scores.
    points : tuple of Measured
    """

    wishes: PruningConfig = field(default_factory=PruningConfig)
    draft: Draft | None = None
    points: tuple[Measured, ...] = ()

    @property
    def axis(self) -> str:
        """What amounts are measured along."""
        return "parameters" if self.wishes.target == "parameters" else "macs"


class Knowledge:
    """Facts about one network as they come in, and predictions from them.

    Attributes
    ----------
    whole : WholeModel or None
    structure : Structure or None
    sensitivities : dict of str to float
        By layer the accuracy lost when half of that layer alone goes.
    latencies : tuple of Timed
        The newest last.
    note : str
        Why something was not measured, in a sentence; empty where all was.
    """

    def __init__(self, wishes: PruningConfig) -> None:
        self.whole: WholeModel | None = None
        self.structure: Structure | None = None
        self.sensitivities: dict[str, float] = {}
        self.latencies: tuple[Timed, ...] = ()
        self.note = ""
        self._now = self._before = Profile(wishes)

    @property
    def wishes(self) -> PruningConfig:
        """What is planned with; its amount does not matter."""
        return self._now.wishes

    @property
    def scores(self) -> Scores | None:
        """By layer the importance of each unit; of the wishes before until the new are there."""
        draft = self._now.draft
        return None if draft is None else draft.scores

    @property
    def points(self) -> tuple[Measured, ...]:
        """What was measured, by its amount; the whole network is the one of amount 0.

        Until the new curve is known well enough, points of the one before stand in for it.
        """
        if self.whole is None:
            return ()
        now = [Measured(0.0, 0.0, 0.0, self.whole.accuracy, self.whole.images), *self._now.points]
        stand_in = [
            one
            for one in self._before.points
            if all(abs(one.amount - point.amount) > NEAR for point in now)
        ]
        return tuple(sorted([*now, *stand_in], key=lambda point: point.amount))

    # ---- what follows ----

    def prospect(self, amount: float, target: str) -> Prospect:
        """The network after a pruning; see `nbfinetune.runner.pruning_study.PruningStudy`."""
        if not 0 <= amount < 1:
            raise ConfigError(
                f"amount is {amount!r}; give the part that goes, at least 0 and below 1"
            )
        draft = self._draft()
        if target != "latency":
            return draft.prospect(amount, target)
        [macs] = macs_by_time(self.latencies, np.array([amount]))
        return replace(draft.prospect(float(macs), "macs"), amount=amount, target=target)

    def predicted(self, what: Prospect) -> Prediction | None:
        """Accuracy of a prospect before recovery; None where nothing is measured yet."""
        if not self._measured:
            return None
        board = self.board(what.target)
        rows = (board.accuracy, board.low, board.high)
        return Prediction(*(float(np.interp(what.amount, board.amounts, row)) for row in rows))

    def board(self, target: str) -> Board:
        """Everything for every amount at once."""
        draft = self._draft()
        axis = "parameters" if target == "parameters" else "macs"
        board = draft.board(axis)
        if target == "latency":
            board = board.by_time(self.latencies)
        if not self._measured:
            return board
        if self.wishes.method == "depth":
            board = self._of_blocks(board)
        accuracy, low, high = self._accuracies(board.damage, board.macs, axis)
        return replace(board, accuracy=accuracy, low=low, high=high)

    def _of_blocks(self, board: Board) -> Board:
        """A board as the networks tell that were measured: of blocks no plan knows beforehand."""
        whole, points = board.parameters[0], self.points
        gone = np.interp(
            1 - board.macs / board.macs[0],
            [point.amount for point in points],
            [point.parameters for point in points],
        )
        parameters = whole * (1 - gone)
        size = board.size_bytes[0] - WEIGHT_BYTES * (whole - parameters)
        return replace(board, parameters=parameters, size_bytes=size)

    @property
    def _measured(self) -> bool:
        return bool(self._now.points or self._before.points)

    def _draft(self) -> Draft:
        if self._now.draft is None:
            raise ConfigError("nothing is known about the model yet; wait for its channels")
        return self._now.draft

    def _accuracies(
        self, damage: Numbers, macs: Numbers, axis: str
    ) -> tuple[Numbers, Numbers, Numbers]:
        """Accuracy, low and high, of prunings that damage so much and leave so many MACs."""
        curve = self._now if self._now.points else self._before
        mine, its = self._draft(), curve.draft
        measured_so = its is mine and axis == curve.axis
        if its is not None and its.scores is mine.scores and not measured_so:
            amounts = its.like_damage(damage, curve.axis)
        else:  # or importances of another criterion, which are on another scale
            amounts = mine.macs_gone(macs)
        return predicted(self.points, amounts)

    # ---- what comes in ----

    def wishes_with(self, changes: Mapping[str, Any]) -> PruningConfig:
        """The wishes after some changes.

        Raises
        ------
        ConfigError
            If a value can't be, or the network has no such layer.
        """
        for name in changes:
            if name not in WISHES:
                raise ConfigError(f"there is no wish {name!r}; there are {', '.join(WISHES)}")
        new = checked(msgspec.structs.replace(self.wishes, **changes))
        if self.structure is not None:
            wishes_for(self.structure, new)
        return new

    def turn_to(self, wishes: PruningConfig) -> None:
        """Plan with other wishes from now on."""
        if self._now.points:
            self._before = self._now
        draft = None if self.scores is None else self._drafted(self.scores, wishes)
        self._now = Profile(wishes, draft)

    def hear(self, said: Mapping[str, Any]) -> None:
        """Take in a record of `nbfinetune.runner.pruning_process`."""
        if "whole" in said:
            facts = said["whole"]
            self.whole = WholeModel(**facts | {"classes": tuple(facts["classes"])})
        if "structure" in said:
            self.structure = from_record(said["structure"])
        if "scores" in said:
            self._judged({name: np.array(row) for name, row in said["scores"].items()})
        if "point" in said:
            points = (*self._now.points, Measured(**said["point"]))
            self._now = replace(self._now, points=points)
        if "sensitivity" in said:
            self.sensitivities = self.sensitivities | said["sensitivity"]
        self.note = said.get("note", self.note)
        if "timed" in said:
            self.latencies = (*self.latencies, Timed(**said["timed"]))

    def settle(self) -> None:
        """Everything was measured: what stood in for it is needed no more."""
        self._before = self._now

    def _judged(self, scores: Scores) -> None:
        draft = self._now.draft
        if draft is not None and _same(scores, draft.scores):
            return
        if self._now.points:  # those were of a first glance
            self._before = self._now
        self._now = Profile(self.wishes, self._drafted(scores, self.wishes))

    def _drafted(self, scores: Scores, wishes: PruningConfig) -> Draft:
        if self.structure is None or self.whole is None:
            raise ConfigError("scores came before the structure that they are of")
        return Draft.of(self.structure, scores, wishes, self.whole.size_bytes)


def _same(scores: Scores, others: Scores) -> bool:
    return all(np.array_equal(values, others[name]) for name, values in scores.items())

"""All that a slider shows, for every amount at once: pure, so that moving it asks nobody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from nbfinetune.pruning.asking import wishes_for
from nbfinetune.pruning.plan import Planner, Wishes
from nbfinetune.pruning.prediction import Timed, macs_by_time, never_rising, time_saved
from nbfinetune.pruning.prospect import Prospect, prospect
from nbfinetune.pruning.structure import Structure
from nbfinetune.records import PruningConfig

Numbers: TypeAlias = NDArray[np.float64]
Scores: TypeAlias = dict[str, Numbers]

STEP = 0.01

MOST = 0.95
"""Of anything; where nearly nothing is left nothing is to be known."""


@dataclass(frozen=True)
class WholeModel:
    """A trained network before its pruning.

    Parameters
    ----------
    accuracy : float in [0, 1]
        On `images` validation images.
    parameters, macs : int
        Multiply-accumulates of one image.
    size_bytes : int
        Of the file of its weights.
    image_size : int
        Side in pixels.
    classes : tuple of str
    images : int
    """

    accuracy: float
    parameters: int
    macs: int
    size_bytes: int
    image_size: int
    classes: tuple[str, ...]
    images: int


@dataclass(frozen=True)
class Board:
    """What becomes of a network, by the amount that goes; each array has one value an amount.

    Parameters
    ----------
    target : {"macs", "parameters", "latency"}
    amounts : float array
        0, 0.01, up to the most that can go.
    parameters, macs, size_bytes : float array
        That are left.
    damage : float array
        Sum of the importance of everything that goes.
    left : dict of str to int array
        Channels (or heads) that stay, by the layer that makes them.
    accuracy, low, high : float array
        Predicted; NaN where nothing is known yet.
    """

    target: str
    amounts: Numbers
    parameters: Numbers
    macs: Numbers
    size_bytes: Numbers
    damage: Numbers
    left: dict[str, NDArray[np.int64]]
    accuracy: Numbers
    low: Numbers
    high: Numbers

    def by_time(self, timed: Sequence[Timed]) -> Board:
        """The same by parts of the time of one image, of a board of multiply-accumulates.

        Raises
        ------
        ConfigError
            If no time was measured yet.
        """
        amounts = _steps(time_saved(timed))
        gone = 1 - self.macs / self.macs[0]
        rows = np.interp(macs_by_time(timed, amounts), gone, np.arange(len(gone)))
        near = rows.round().astype(int)

        def between(values: Numbers) -> Numbers:
            return np.interp(rows, np.arange(len(gone)), values)

        return Board(
            target="latency",
            amounts=amounts,
            parameters=between(self.parameters),
            macs=between(self.macs),
            size_bytes=between(self.size_bytes),
            damage=between(self.damage),
            left={name: counts[near] for name, counts in self.left.items()},
            accuracy=between(self.accuracy),
            low=between(self.low),
            high=between(self.high),
        )


class Draft:
    """A network with scores and wishes: what every amount would make of it.

    Parameters
    ----------
    structure : Structure
    scores : dict of str to float array
        By group the importance of each unit.
    wishes : Wishes
    size_bytes : int
        Of the weights' file of the whole network.
    """

    def __init__(
        self, structure: Structure, scores: Scores, wishes: Wishes, size_bytes: int
    ) -> None:
        self.structure, self.scores, self._size = structure, scores, size_bytes
        self.planner = Planner(structure, scores, wishes)
        self._boards: dict[str, Board] = {}

    @classmethod
    def of(
        cls, structure: Structure, scores: Scores, wishes: PruningConfig, size_bytes: int
    ) -> Draft:
        """A draft by the wishes of a pruning.

        Raises
        ------
        ConfigError
            If they name a layer that is not there.
        """
        return cls(structure, scores, wishes_for(structure, wishes), size_bytes)

    def most(self, target: str) -> float:
        """Part of the target that can go; of multiply-accumulates where that is the time."""
        return min(MOST, self.planner.most("parameters" if target == "parameters" else "macs"))

    def prospect(self, amount: float, target: str) -> Prospect:
        """The network after a pruning; see `nbfinetune.pruning.prospect.prospect`."""
        return prospect(self.planner, self.scores, amount, target)

    def board(self, target: str) -> Board:
        """Every amount of `"macs"` or `"parameters"`, without accuracies; kept once made."""
        if target not in self._boards:
            self._boards[target] = self._drawn(target)
        return self._boards[target]

    def macs_gone(self, macs: Numbers) -> Numbers:
        """Part of the multiply-accumulates that is gone where so many are left."""
        return 1 - macs / self.structure.cost("macs")

    def like_damage(self, damage: Numbers, target: str) -> Numbers:
        """Part of the multiply-accumulates with which a plain pruning would damage as much.

        Parameters
        ----------
        target : {"macs", "parameters"}
            By which the plain pruning goes.
        """
        board = self.board(target)
        return np.interp(damage, board.damage, self.macs_gone(board.macs))

    def _drawn(self, target: str) -> Board:
        amounts = _steps(self.most(target))
        rows = [self.prospect(float(amount), target) for amount in amounts]
        unknown = np.full(len(rows), np.nan)
        return Board(
            target=target,
            amounts=amounts,
            parameters=np.array([row.parameters for row in rows], float),
            macs=np.array([row.macs for row in rows], float),
            size_bytes=np.array([self._size - row.saved_bytes for row in rows], float),
            damage=_never_falling(np.array([row.damage for row in rows])),
            left={name: np.array([row.left[name] for row in rows]) for name in rows[0].left},
            accuracy=unknown,
            low=unknown,
            high=unknown,
        )


def _never_falling(damage: Numbers) -> Numbers:
    """Nearest to the damage, of which by its rounding a little more may do a little less."""
    return -never_rising(-damage, np.ones(len(damage)))


def _steps(most: float) -> Numbers:
    return np.arange(0.0, most + 1e-9, STEP).round(6)

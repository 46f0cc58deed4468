"""How many units of each group go so that a target is met: pure, and fast enough for a slider."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from nbfinetune.errors import ConfigError
from nbfinetune.pruning.structure import Counts, Structure

TOLERANCE = 0.02
"""Part of the whole by which a target may be missed."""


@dataclass(frozen=True)
class Wishes:
    """What a person wants of a pruning besides its amount.

    Parameters
    ----------
    round_to : int
        Channels that are left are a multiple of this, as far as the target allows.
    floor : float in (0, 1)
        Part of each group that always stays, and never less than one unit.
    uniform : bool
        The same part of every group, rather than the least important units of all.
    protected : collection of str
        Groups that stay whole.
    pushed : mapping of str to float
        Groups whose importance is multiplied: above 1 they lose less, below 1 more.
    widths : mapping of str to int
        Groups that were wider once: the floor is a part of what they were.
    """

    round_to: int = 8
    floor: float = 0.1
    uniform: bool = False
    protected: Collection[str] = ()
    pushed: Mapping[str, float] = field(default_factory=dict)
    widths: Mapping[str, int] = field(default_factory=dict)


class Planner:
    """Turns amounts into counts; made once for a structure, its scores and wishes.

    Parameters
    ----------
    structure : Structure
    scores : mapping of str to float array
        By group the importance of each unit, comparable between groups.
    """

    def __init__(
        self, structure: Structure, scores: Mapping[str, NDArray[np.floating]], wishes: Wishes
    ) -> None:
        self.structure, self.wishes = structure, wishes
        self._most = np.array([self._at_most(g.name, g.units) for g in structure.groups], np.int64)
        self._order = self._ranked(scores)

    def most(self, target: str) -> float:
        """Part of the target that goes when every group is at its floor, in [0, 1)."""
        return 1 - self.structure.cost(target, self._most) / self.structure.cost(target)

    def removed(self, amount: float, target: str) -> Counts:
        """Units of each group that go, so that `amount` of the target goes.

        Parameters
        ----------
        amount : float in (0, 1)
            Part of the parameters or multiply-accumulates that is taken out.
        target : {"parameters", "macs"}

        Raises
        ------
        ConfigError
            If so much can't go: every group has reached its floor. The message says how much can.
        """
        whole = self.structure.cost(target)
        wanted = (1 - amount) * whole
        least = self.structure.cost(target, self._most)
        if least > wanted + TOLERANCE * whole:
            raise ConfigError(
                f"amount is {amount:g}, but at most {1 - least / whole:.2f} of the {target} can go "
                f"before a layer would vanish; ask for less, or protect fewer layers"
            )
        counts = self._counts(self._cut(wanted, target))
        return self._adjusted(counts, wanted, target)

    def _at_most(self, name: str, units: int) -> int:
        if name in self.wishes.protected:
            return 0
        stays = max(1, int(np.ceil(self.wishes.floor * self.wishes.widths.get(name, units))))
        return max(0, units - stays)

    def _ranked(self, scores: Mapping[str, NDArray[np.floating]]) -> NDArray[np.int64]:
        """Groups of the units that may go, the first to go first."""
        keys, owners = [], []
        for place, group in enumerate(self.structure.groups):
            ordered = np.sort(np.asarray(scores[group.name], float))
            ordered = ordered[: self._most[place]] * self.wishes.pushed.get(group.name, 1.0)
            if self.wishes.uniform:
                ordered = np.arange(len(ordered)) / group.units
            keys.append(ordered)
            owners.append(np.full(len(ordered), place))
        return np.concatenate(owners)[np.argsort(np.concatenate(keys), kind="stable")]

    def _counts(self, cut: int) -> Counts:
        return np.bincount(self._order[:cut], minlength=len(self.structure.groups))

    def _cut(self, wanted: float, target: str) -> int:
        low, high = 0, len(self._order)
        while low < high:
            middle = (low + high) // 2
            if self.structure.cost(target, self._counts(middle)) <= wanted:
                high = middle
            else:
                low = middle + 1
        return low

    def _adjusted(self, counts: Counts, wanted: float, target: str) -> Counts:
        """Counts that leave round widths, moved back towards the target one step at a time."""
        step = self.wishes.round_to
        whole = self.structure.cost(target)
        while step > 1:
            rounded = self._moved(self._rounded(counts, step), wanted, target, step)
            if abs(self.structure.cost(target, rounded) - wanted) <= TOLERANCE * whole / 2:
                return rounded
            step //= 2
        return counts

    def _rounded(self, counts: Counts, step: int) -> Counts:
        units = self.structure.units
        left = np.round((units - counts) / step).astype(np.int64) * step
        rounded = units - np.clip(left, np.minimum(step, units), units)
        # Heads, and groups too narrow for round widths, stay as they came.
        coarse = (units < 2 * step) | (counts == 0)
        return np.where(coarse, counts, np.minimum(rounded, self._most // step * step))

    def _moved(self, counts: Counts, wanted: float, target: str, step: int) -> Counts:
        structure, counts = self.structure, counts.copy()
        error = structure.cost(target, counts) - wanted
        for _ in range(4 * len(counts)):
            best, place = abs(error), -1
            sign = 1 if error > 0 else -1
            for candidate in np.flatnonzero((counts > 0) & (structure.units >= 2 * step)).tolist():
                if not 0 <= counts[candidate] + sign * step <= self._most[candidate]:
                    continue
                counts[candidate] += sign * step
                off = abs(structure.cost(target, counts) - wanted)
                counts[candidate] -= sign * step
                if off < best:
                    best, place = off, candidate
            if place < 0:
                return counts
            counts[place] += sign * step
            error = structure.cost(target, counts) - wanted
        return counts

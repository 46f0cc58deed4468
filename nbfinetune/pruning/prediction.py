"""How accurate a pruned network would be, told from a few that were measured: pure."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nbfinetune.errors import ConfigError

Numbers = NDArray[np.float64]

CLOSE = 0.04
"""Accuracy by which neighbours may differ; more, and there is a point to be measured between."""

NARROW = 0.02
"""Amounts closer than this are not told apart."""

SURE = 1.64
"""Standard errors to either side within which nine of ten measurements lie."""


@dataclass(frozen=True)
class Measured:
    """A network that was pruned at one stroke, and measured before any recovery.

    Parameters
    ----------
    amount : float in [0, 1)
        Part of the multiply-accumulates that went.
    parameters : float in [0, 1)
        Part of the parameters that went.
    damage : float
        Sum of the importance of everything that went.
    accuracy : float in [0, 1]
    images : int
        Validation images that it was measured on.
    """

    amount: float
    parameters: float
    damage: float
    accuracy: float
    images: int

    def gone(self, target: str) -> float:
        """Part that went of `"parameters"`, else of the multiply-accumulates."""
        return self.parameters if target == "parameters" else self.amount


@dataclass(frozen=True)
class Prediction:
    """What a pruning would leave of the accuracy, before recovery.

    Parameters
    ----------
    accuracy : float in [0, 1]
    low, high : float in [0, 1]
        Accuracy of the measured networks to either side, and what few images may mislead by.
    """

    accuracy: float
    low: float
    high: float


@dataclass(frozen=True)
class Timed:
    """How long a batch takes before and after a pruning, measured by turns.

    Parameters
    ----------
    target : {"macs", "parameters", "latency"}
    amount : float
        Part of the target that was asked for.
    macs : float
        Part of the multiply-accumulates that went.
    batch : int
        Images at a time.
    before_ms, after_ms : float
        Medians, of a whole batch.
    """

    target: str
    amount: float
    macs: float
    batch: int
    before_ms: float
    after_ms: float


def predicted(points: Sequence[Measured], amounts: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    """Accuracy at amounts of multiply-accumulates, with its lower and its upper bound.

    Accuracy never rises with the amount; between two points it falls evenly, and beyond the last
    it is that point's at most.

    Parameters
    ----------
    points : sequence of Measured
        At least one; the whole network is the one of amount 0.
    amounts : float array
    """
    ordered = sorted(points, key=lambda point: point.amount)
    places = np.array([point.amount for point in ordered])
    images = np.array([point.images for point in ordered], float)
    levels = never_rising(np.array([point.accuracy for point in ordered]), images)
    most = images.max()
    doubt = SURE * np.sqrt(levels * (1 - levels) / images) * (images < most)
    right = np.minimum(np.searchsorted(places, amounts, side="left"), len(places) - 1)
    left = np.maximum(np.searchsorted(places, amounts, side="right") - 1, 0)
    low = np.where(amounts > places[-1], 0.0, (levels - doubt)[right])
    accuracy = np.interp(amounts, places, levels)
    high = np.maximum((levels + doubt)[left], accuracy)
    return accuracy, np.clip(np.minimum(low, accuracy), 0.0, 1.0), np.clip(high, 0.0, 1.0)


def never_rising(values: Numbers, weights: Numbers) -> Numbers:
    """The values nearest to the given ones of which none is above the one before it.

    Pools neighbours that rise into their weighted mean (Ayer et al., 1955).
    """
    pools: list[tuple[float, float, int]] = []
    for value, weight in zip(values.tolist(), weights.tolist(), strict=True):
        pool = (value, weight, 1)
        while pools and pools[-1][0] < pool[0]:
            before = pools.pop()
            total = before[1] + pool[1]
            mean = (before[0] * before[1] + pool[0] * pool[1]) / total
            pool = (mean, total, before[2] + pool[2])
        pools.append(pool)
    return np.repeat([pool[0] for pool in pools], [pool[2] for pool in pools])


def next_amount(points: Sequence[tuple[float, float]], most: float) -> float | None:
    """Where to measure next; None where the curve is known well enough.

    First the middle, the quarters, and the end; then between the neighbours that differ most.

    Parameters
    ----------
    points : sequence of (float, float)
        Amount that was asked for, and accuracy, of what was measured; the whole network included.
    most : float
        The largest amount that is possible.
    """
    known = sorted(points)
    for part in (0.5, 0.25, 0.75, 1.0):
        wanted = part * most
        if all(abs(wanted - amount) > NARROW / 2 for amount, _ in known):
            return wanted
    wide = [
        (left[1] - right[1], (left[0] + right[0]) / 2)
        for left, right in itertools.pairwise(known)
        if right[0] - left[0] > NARROW
    ]
    fall, middle = max(wide, default=(0.0, 0.0))
    return middle if fall > CLOSE else None


def macs_by_time(timed: Sequence[Timed], amounts: Numbers) -> Numbers:
    """Part of the multiply-accumulates with which parts of the time of one image go.

    Raises
    ------
    ConfigError
        If no time was measured yet, or so much time was not.
    """
    macs, saved = _saved(timed)
    if float(amounts.max()) > saved[-1] + 1e-9:
        raise ConfigError(
            f"amount is {amounts.max():g}, but prunings that were measured save {saved[-1]:.2f} "
            "of the time at most; ask for less, or measure a larger amount"
        )
    return np.interp(amounts, saved, macs)


def time_saved(timed: Sequence[Timed]) -> float:
    """The most of the time of one image that a measured pruning saves.

    Raises
    ------
    ConfigError
        If no time was measured yet.
    """
    return float(_saved(timed)[1][-1])


def _saved(timed: Sequence[Timed]) -> tuple[Numbers, Numbers]:
    """Multiply-accumulates that go, and the time that goes with them, neither falling."""
    ones = {one.macs: 1 - one.after_ms / one.before_ms for one in timed if one.batch == 1}
    if not ones:
        raise ConfigError("no time was measured yet; measure_latency() of some amount first")
    macs = np.array([0.0, *sorted(ones)])
    saved = -never_rising(-np.array([0.0, *(ones[at] for at in macs[1:])]), np.ones(len(macs)))
    return macs, np.maximum(saved, 0.0)

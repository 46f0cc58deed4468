"""What a range test says: from rates and losses to a learning rate, or to why there is none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from nbfinetune.records.schedule import Knots, Schedule

Floats = NDArray[np.float64]

SMOOTHING = 0.85
"""Weight of the past in the smoothed loss."""

DIVERGED = 4.0
"""A smoothed loss of so many times its best, and twice its start, is the end of the search."""

RULE = "steepest"
"""Whose suggestion is taken: with `benchmarks/bench_finder.py` it was nearest to the best rate.

The curves of a run have their `lr` as their highest rate, and hold it for a moment only.
"""

CLEAR_FALL, CLEAR_OF_CHANCE = 0.05, 4.0
"""Least fall of the smoothed loss: a part of where it began, and deviations of its average."""

FALL_BEGUN = 0.2
"""Part of the fall that is through where its steepest point is looked for."""

FEWEST_TRIED = 12
"""Fewer rates than this tell nothing."""


@dataclass(frozen=True)
class Suggestions:
    """What to make of a range test.

    Parameters
    ----------
    by_rule : dict of str to float
        ``steepest``: where the loss falls fastest over the logarithm of the rate, at most half of
        the rate at the lowest loss.
        ``valley``: a point in the middle of the longest stretch over which it falls (as fastai).
        ``minimum/10``: a tenth of the rate at the lowest loss. Empty where there is no minimum.
    lr : float, optional
        The one to take; None where there is no clear minimum.
    sentence : str
        The same for people, with what to do where there is none.
    """

    by_rule: dict[str, float]
    lr: float | None
    sentence: str


def smooth(losses: Sequence[float] | Floats, weight: float = SMOOTHING) -> Floats:
    """Exponential moving average without the pull of its start (Kingma & Ba, arXiv:1412.6980).

    Parameters
    ----------
    losses : sequence of float, (N,)
    weight : float in [0, 1)
        Of the past.

    Returns
    -------
    ndarray of float64, (N,)
    """
    average, smoothed = 0.0, np.empty(len(losses))
    for place, loss in enumerate(losses):
        average = weight * average + (1.0 - weight) * float(loss)
        smoothed[place] = average / (1.0 - weight ** (place + 1))
    return smoothed


def has_diverged(losses: Sequence[float]) -> bool:
    """Whether higher rates would tell no more: the loss is beyond `DIVERGED`, or not finite."""
    if not np.isfinite(losses[-1]):
        return True
    if len(losses) <= FEWEST_TRIED:
        return False
    smoothed = smooth(losses)
    # The small losses of a trained model vary by more than that factor all the time.
    best = max(float(smoothed.min()), float(np.mean(losses[:FEWEST_TRIED])) / 2.0)
    return bool(smoothed[-1] > DIVERGED * best)


def suggest(lrs: Sequence[float], losses: Sequence[float], rule: str = RULE) -> Suggestions:
    """Learning rates by several rules, out of a range test (Smith, arXiv:1506.01186).

    Parameters
    ----------
    lrs : sequence of float, (N,)
        Rising exponentially.
    losses : sequence of float, (N,)
        Of each step, as they came; from the first that is not finite on they are left out.
    rule : {"steepest", "valley", "minimum/10"}
        Which one is to be taken.
    """
    rates, raw = _finite(lrs, losses)
    if len(rates) < FEWEST_TRIED:
        return _none(_too_short(rates, len(lrs)))
    smoothed = smooth(raw)
    lowest = int(smoothed.argmin())
    start, chance = _start(raw)
    fall = start - float(smoothed[lowest])
    if fall < max(CLEAR_FALL * start, CLEAR_OF_CHANCE * chance):
        return _none(_no_fall(rates, smoothed, start))
    falling, begun = slice(0, lowest + 1), start - FALL_BEGUN * fall
    by_rule = {
        "steepest": float(rates[_steepest(rates[falling], smoothed[falling], begun)]),
        "valley": float(rates[_valley(smoothed)]),
        "minimum/10": float(rates[lowest]) / 10.0,
    }
    told = ", ".join(f"{name} {value:.2g}" for name, value in by_rule.items())
    still = " and still fell at the highest rate" if lowest == len(rates) - 1 else ""
    lr = by_rule[rule]
    return Suggestions(
        by_rule,
        lr,
        f"take {lr:.2g} ({rule}): the loss fell from {start:.3g} to {smoothed[lowest]:.3g} at "
        f"{rates[lowest]:.2g}{still}; {told}",
    )


def with_peak(schedule: Schedule, lr: float) -> Schedule:
    """The same curve with `lr` as its highest rate."""
    if isinstance(schedule, Knots):
        lr /= max(knot.factor for knot in schedule.points)
    return replace(schedule, lr=lr)


def _finite(lrs: Sequence[float], losses: Sequence[float]) -> tuple[Floats, Floats]:
    rates, raw = np.asarray(lrs, np.float64), np.asarray(losses, np.float64)
    bad = np.flatnonzero(~np.isfinite(raw))
    count = int(bad[0]) if len(bad) else len(raw)
    return rates[:count], raw[:count]


def _start(raw: Floats) -> tuple[float, float]:
    """Mean loss at rates that change nothing yet, and how far chance alone moves its average."""
    calm = raw[: max(3, len(raw) // 4)]
    kept = np.sqrt((1.0 - SMOOTHING) / (1.0 + SMOOTHING))
    return float(calm.mean()), float(calm.std(ddof=1) * kept)


def _steepest(rates: Floats, smoothed: Floats, begun: float) -> int:
    """Where the loss falls fastest, of the rates up to its lowest point.

    Above `begun` chance makes slopes, and close to the lowest point divergence is near.
    """
    safe = rates <= rates[-1] / 2.0
    candidates = safe & (smoothed <= begun)
    if not candidates.any():
        return max(int(safe.sum()) - 1, 0)
    slopes = np.gradient(smoothed, np.log(rates))
    return int(np.where(candidates, slopes, np.inf).argmin())


def _valley(smoothed: Floats) -> int:
    """A place in the middle of the longest falling subsequence."""
    length = np.ones(len(smoothed), np.int64)
    for place in range(1, len(smoothed)):
        above = smoothed[:place] > smoothed[place]
        if above.any():
            length[place] = length[:place][above].max() + 1
    end = int(length.argmax())
    start = max(0, end - int(length[end]))
    third = (end - start) / 3.0
    return start + int(third) + int(third / 2.0)


def _none(sentence: str) -> Suggestions:
    return Suggestions({}, None, f"no clear minimum: {sentence}")


def _too_short(rates: Floats, tried: int) -> str:
    if not len(rates):
        return "the loss was not finite from the first step on; look at the images and the loss"
    reason = "it was not finite after that" if tried > len(rates) else "the search ended there"
    return (
        f"only {len(rates)} rates gave a loss, up to {rates[-1]:.2g} ({reason}); "
        "lower the rates' start, or look at the data"
    )


def _no_fall(rates: Floats, smoothed: Floats, start: float) -> str:
    end = float(smoothed[-1])
    if end > 1.5 * start:
        return (
            f"the loss never fell clearly below the {start:.3g} it began with, and rose from "
            f"{_rise(rates, smoothed, start):.2g} on; stay well below that. A trained model has "
            "nothing left to fall; one that is not may need another loss, or other data"
        )
    return (
        f"the loss is flat, {smoothed.min():.3g} to {smoothed.max():.3g} at every rate up to "
        f"{rates[-1]:.2g}; are layers frozen that should learn, or labels mixed up?"
    )


def _rise(rates: Floats, smoothed: Floats, start: float) -> float:
    calm = np.flatnonzero(smoothed <= 1.1 * start)
    return float(rates[min(int(calm[-1]) + 1 if len(calm) else 0, len(rates) - 1)])

"""Curves through knots, and any other curve as knots: what an editor draws and drags."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from nbfinetune.errors import ScheduleError
from nbfinetune.records.schedule import (
    Constant,
    Cosine,
    Exponential,
    Knot,
    Knots,
    Linear,
    MultiStep,
    OneCycle,
    Piece,
    Plateau,
    Polynomial,
    Schedule,
    Step,
)

Floats: TypeAlias = NDArray[np.float64]

# A knot is reached also where progress, a quotient of two step counts, is rounded down.
ROUNDING = 1e-9

_PIECES: dict[type[Schedule], Piece] = {Exponential: "log", OneCycle: "cosine"}

_BENT = 17
"""Knots of a curve that no single piece can draw."""


def through(points: Iterable[Sequence[float | str]], *, piece: Piece = "linear") -> Knots:
    """Curve through points with absolute learning rates.

    Parameters
    ----------
    points : iterable of (progress, lr) or (progress, lr, piece)
        In order of progress, which runs from 0 to 1.
    piece : {"linear", "log", "cosine", "pchip"}
        How a point that does not say goes on to the next.

    Returns
    -------
    Knots
        Whose `lr` is the highest of the rates.

    Raises
    ------
    ScheduleError
        If the points are out of order, or a rate is negative or not finite.

    Examples
    --------
    >>> through([(0, 1e-5), (0.1, 1e-3, "cosine"), (1, 0)]).lr
    0.001
    """
    from nbfinetune.schedules.naming import check

    plain = [(*point, piece)[:3] for point in points]
    rates = [_number(rate) for _, rate, _ in plain]
    top = max(rates, default=0.0)
    if not top > 0.0:
        raise ScheduleError(f"the rates are {rates}: at least one must be above 0")
    knots = tuple(
        Knot(at=_number(at), factor=rate / top, piece=kind)  # type: ignore[arg-type]
        for (at, _, kind), rate in zip(plain, rates, strict=True)
    )
    made = check(Knots(lr=top, points=knots))
    assert isinstance(made, Knots)  # noqa: S101 - it went in as one
    return made


def _number(value: float | str) -> float:
    number = float(value)
    if not np.isfinite(number):
        raise ScheduleError(f"{value!r} is no point of a curve: give finite numbers")
    return number


def to_knots(schedule: Schedule, multiple: float = 1.0) -> Knots:
    """The same curve as knots that can be dragged.

    Exact for every preset that is made of straight, exponential and cosine pieces; a `Polynomial`
    of another power than 1 becomes a monotone cubic, for powers from 0.2 to 6 within 0.2 % of `lr`.

    Parameters
    ----------
    schedule : Schedule
        A curve that `check` lets pass.
    multiple : float
        What a `Plateau` has come to so far, which stays so.
    """
    start = schedule.warmup
    proper = [
        Knot(at=start + (1.0 - start) * knot.at, factor=knot.factor, piece=knot.piece)
        for knot in _proper(schedule, multiple)
    ]
    if start > 0.0:
        rise: Piece = "cosine" if isinstance(schedule, OneCycle) else "linear"
        first = proper[0].factor
        if proper[0].at > start:
            proper.insert(0, Knot(at=start, factor=first))
        proper.insert(0, Knot(at=0.0, factor=first * schedule.warmup_start, piece=rise))
    return Knots(lr=schedule.lr, points=tuple(proper))


def _proper(schedule: Schedule, multiple: float) -> list[Knot]:
    """Knots of what follows the warm-up, over [0, 1]."""
    match schedule:
        case Constant() | Plateau():
            level = multiple if isinstance(schedule, Plateau) else 1.0
            knots = [Knot(0.0, level), Knot(1.0, level)]
        case Linear() | Exponential() | OneCycle():
            piece = _PIECES.get(type(schedule), "linear")
            knots = [Knot(0.0, 1.0, piece), Knot(1.0, schedule.final_factor)]
        case Cosine():
            knots = _cycles(schedule)
        case Step():
            count = int(1.0 / schedule.every + ROUNDING)
            knots = _stairs([k * schedule.every for k in range(1, count + 1)], schedule.gamma)
        case MultiStep():
            knots = _stairs(schedule.milestones, schedule.gamma)
        case Polynomial():
            knots = _bent(schedule)
        case Knots():
            knots = list(schedule.points)
    return knots


def cycle_edges(schedule: Cosine) -> Floats:
    """Where the cycles begin, and the end: parts of what follows the warm-up, (cycles + 1,)."""
    lengths = schedule.cycle_mul ** np.arange(schedule.cycles)
    return np.concatenate([[0.0], np.cumsum(lengths) / lengths.sum()])


def _cycles(schedule: Cosine) -> list[Knot]:
    knots = []
    for number, (start, end) in enumerate(itertools.pairwise(cycle_edges(schedule).tolist())):
        height = schedule.cycle_decay**number
        knots.append(Knot(start, height, "cosine"))
        knots.append(Knot(min(end, 1.0), min(schedule.final_factor, height)))
    return knots


def _stairs(places: Sequence[float], gamma: float) -> list[Knot]:
    knots, height = [Knot(0.0, 1.0)], 1.0
    for place in places:
        knots += [Knot(min(place, 1.0), height), Knot(min(place, 1.0), height * gamma)]
        height *= gamma
    if knots[-1].at < 1.0:
        knots.append(Knot(1.0, height))
    return knots[1:] if knots[1].at == 0.0 else knots


def _bent(schedule: Polynomial) -> list[Knot]:
    low = schedule.final_factor
    if schedule.power == 1.0:
        return [Knot(0.0, 1.0), Knot(1.0, low)]
    # The lower the power, the sharper the end bends, and the more knots lie there.
    part = np.linspace(0.0, 1.0, _BENT) ** float(np.clip(3.0 / schedule.power, 1.0, 4.0))
    places = 1.0 - part[::-1]
    heights = low + (1.0 - low) * (1.0 - places) ** schedule.power
    return [Knot(float(p), float(h), "pchip") for p, h in zip(places, heights, strict=True)]


def factors(points: Sequence[Knot], progress: Floats) -> Floats:
    """Multiples of the curve's `lr` at points of the run.

    Parameters
    ----------
    points : sequence of Knot
        In order.
    progress : ndarray of float64 in [0, 1]
    """
    at = np.array([knot.at for knot in points])
    height = np.array([knot.factor for knot in points])
    if len(at) == 1:
        return np.full_like(progress, height[0])
    left = np.clip(np.searchsorted(at, progress + ROUNDING, side="right") - 1, 0, len(at) - 2)
    width = at[left + 1] - at[left]
    part = np.clip((progress - at[left]) / np.where(width > 0.0, width, 1.0), 0.0, 1.0)
    low, high = height[left], height[left + 1]
    kinds = np.array([knot.piece for knot in points])[left]
    drawn = low + (high - low) * part
    drawn = np.where(kinds == "cosine", low + (high - low) * (1 - np.cos(np.pi * part)) / 2, drawn)
    log = kinds == "log"
    drawn[log] = low[log] * (high[log] / low[log]) ** part[log]
    smooth = kinds == "pchip"
    if smooth.any():
        drawn[smooth] = _cubic(points, at, height, left[smooth], part[smooth])
    drawn = np.where(progress + ROUNDING >= at[-1], height[-1], drawn)
    return np.asarray(np.where(progress < at[0], height[0], drawn))


def _cubic(
    points: Sequence[Knot], at: Floats, height: Floats, left: NDArray[np.int64], part: Floats
) -> Floats:
    slopes_left, slopes_right = _slopes(points, at, height)
    width = at[left + 1] - at[left]
    m0, m1 = slopes_left[left] * width, slopes_right[left] * width
    low, rise = height[left], height[left + 1] - height[left]
    # Hermite's cubic, from its lower end.
    return np.asarray(
        low + part * (m0 + part * (3 * rise - 2 * m0 - m1 + part * (m0 + m1 - 2 * rise)))
    )


def _slopes(points: Sequence[Knot], at: Floats, height: Floats) -> tuple[Floats, Floats]:
    """Slope at the left and at the right end of each piece, by runs of smooth pieces."""
    left, right = np.zeros(len(at) - 1), np.zeros(len(at) - 1)
    smooth = [points[i].piece == "pchip" and at[i + 1] > at[i] for i in range(len(at) - 1)]
    start = 0
    for is_smooth, run in itertools.groupby(smooth):
        end = start + len(list(run))
        if is_smooth:
            found = _run_slopes(np.diff(at[start : end + 1]), np.diff(height[start : end + 1]))
            left[start:end], right[start:end] = found[:-1], found[1:]
        start = end
    return left, right


def _run_slopes(widths: Floats, rises: Floats) -> Floats:
    """Slopes at the knots of a run: weighted harmonic means, 0 at a turn (Fritsch & Butland)."""
    secant = rises / widths
    if len(secant) == 1:
        return np.repeat(secant, 2)
    slopes = np.zeros(len(secant) + 1)
    before, after = secant[:-1], secant[1:]
    w1, w2 = 2 * widths[1:] + widths[:-1], widths[1:] + 2 * widths[:-1]
    same = before * after > 0.0
    inner = np.zeros_like(before)
    inner[same] = (w1 + w2)[same] / (w1[same] / before[same] + w2[same] / after[same])
    slopes[1:-1] = inner
    slopes[0] = _end_slope(widths[0], widths[1], secant[0], secant[1])
    slopes[-1] = _end_slope(widths[-1], widths[-2], secant[-1], secant[-2])
    return slopes


def _end_slope(near: float, far: float, first: float, second: float) -> float:
    """Three-point slope at an end that keeps the shape (Moler, Numerical Computing, 3.6)."""
    slope = ((2 * near + far) * first - near * second) / (near + far)
    if np.sign(slope) != np.sign(first):
        return 0.0
    if np.sign(first) != np.sign(second) and abs(slope) > 3 * abs(first):
        return 3 * first
    return slope

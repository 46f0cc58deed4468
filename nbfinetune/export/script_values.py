"""Values of a run by optimizer step: what its curves and its edits came to, as points."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import TypeAlias

import numpy as np

from nbfinetune.export.script_course import Course, Curve

__all__ = ["Piece", "by_step", "constant", "pieces", "value_at"]

Piece: TypeAlias = tuple[float, float, float, float, str]
"""Parts of the run between which it lies, values there, and how it goes from one to the other."""

_BENT = 64
"""Straight lines for a bent piece: off by less than 0.02 % of its height."""

_ROUNDING = 1e-9
_TOLERANCE = 1e-7


def pieces(curve: Curve) -> list[Piece]:
    """A curve from the beginning of the run to its end."""
    found = [
        (at, end, low, high, piece)
        for (at, low, piece), (end, high, _) in itertools.pairwise(curve.points)
        if end > at
    ]
    first, last = curve.points[0], curve.points[-1]
    if not found or first[0] > 0:
        found.insert(0, (0.0, first[0] or 1.0, first[1], first[1], "linear"))
    if last[0] < 1.0:
        found.append((last[0], 1.0, last[1], last[1], "linear"))
    return found


def value_at(parts: Sequence[Piece], progress: float) -> float:
    """Value of a curve at a part of the run."""
    at, end, low, high, how = [one for one in parts if one[0] <= progress + _ROUNDING][-1]
    done = max((progress - at) / (end - at), 0.0)
    if how == "log":
        return float(low * (high / low) ** done)
    return low + (high - low) * ((1 - math.cos(math.pi * done)) / 2 if how == "cosine" else done)


def constant(course: Course, name: str, initial: float) -> float | None:
    """A value of the optimizer that is the same all along; None where it changes."""
    rows = [row for row in course.rows if row[1] == name]
    if (name == "momentum" and course.momenta) or any(step for step, _, _ in rows):
        return None
    return float(rows[-1][2]) if rows else initial


def by_step(
    course: Course, initial: dict[str, float], steps: int, last: int
) -> dict[str, list[list[float]]]:
    """Values that change while the run trains: two lists each, of steps and of values there.

    Between two points lies a straight line; ``lr`` is always among them.

    Parameters
    ----------
    initial : dict of str to float
        Values of the optimizer, by name.
    steps : int
        Of an epoch.
    last : int
        Steps of the run.
    """
    found = {"lr": _along(course.rates, steps, last, [])}
    for name, value in initial.items():
        if constant(course, name, value) is not None:
            continue
        rows = [(0, value), *((step, v) for step, what, v in course.rows if what == name)]
        curves = course.momenta if name == "momentum" else ()
        found[name] = _along(curves, steps, last, rows) if curves else _told(rows, 0, last)
    return {name: _tables(points) for name, points in found.items()}


def _along(
    curves: Sequence[Curve], steps: int, last: int, rows: Sequence[tuple[int, float]]
) -> list[tuple[int, float]]:
    """Points of curves one after the other; of one that has none, those of `rows`."""
    found: list[tuple[int, float]] = []
    for curve, following in itertools.zip_longest(curves, curves[1:]):
        until = min(following.since, last) if following else last
        if until <= curve.since:
            continue
        if not curve.points:
            found += _told(rows, curve.since, until)
            continue
        parts, total = pieces(curve), steps * curve.epochs
        places = sorted({*_places(parts, total, curve.since, until - 1)})
        found += [(place, value_at(parts, min(place / total, 1.0))) for place in places]
    return found


def _places(parts: Sequence[Piece], total: int, first: int, last: int) -> Iterator[int]:
    """Steps at which a curve has to be looked at."""
    yield from (first, last)
    for at, end, _, _, how in parts:
        ends = [at * total, end * total]
        near = [math.floor(ends[0]), *(math.ceil(one) - n for one in ends for n in (0, 1))]
        bent = (
            []
            if how == "linear"
            else np.linspace(ends[0], ends[1], _BENT + 1).round().astype(int).tolist()
        )
        yield from (step for step in (*near, *bent) if first <= step <= last)


def _told(rows: Sequence[tuple[int, float]], since: int, until: int) -> list[tuple[int, float]]:
    """Points of values that each hold until the next is set."""
    value = [v for step, v in rows if step <= since][-1]
    found = [(since, value)]
    for step, new in rows:
        if since < step < until:
            found += [(step - 1, value), (step, new)]
            value = new
    return found


def _tables(points: Sequence[tuple[int, float]]) -> list[list[float]]:
    """The points that a straight line between their neighbours does not meet."""
    kept: list[tuple[int, float]] = []
    for place, (step, value) in enumerate(points):
        if kept and kept[-1][0] == step:
            kept[-1] = (step, value)
            continue
        if kept and 0 < place < len(points) - 1:
            (before, low), (after, high) = kept[-1], points[place + 1]
            between = low + (high - low) * (step - before) / max(after - before, 1)
            if abs(value - between) <= _TOLERANCE * abs(value):
                continue
        kept.append((step, value))
    steps, values = zip(*kept, strict=True)
    return [list(steps), [float(f"{value:.7g}") for value in values]]

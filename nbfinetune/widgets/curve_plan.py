"""What the curve editor edits, what the page is told of it and says of it, and the way back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from msgspec import Meta, Struct

from nbfinetune.errors import ScheduleError
from nbfinetune.records import Schedule
from nbfinetune.records.schedule import MOST_KNOTS, Piece
from nbfinetune.widgets.digest import Digest

Axis = Literal["linear", "log"]

MOST_UNDONE = 200
MOST_POINTS = 240
"""Of the past of a run, as the page draws it."""


@dataclass(frozen=True)
class Plan:
    """A curve and how long it lasts.

    Parameters
    ----------
    schedule : Schedule
    epochs : int
    """

    schedule: Schedule
    epochs: int


class Drawn(Struct, frozen=True, forbid_unknown_fields=True):
    """A curve as the page sends it.

    Parameters
    ----------
    points : list of (progress, rate, piece)
    epochs : int
    """

    points: list[tuple[float, float, Piece]]
    epochs: Annotated[int, Meta(ge=1, le=100_000)]


class Steps:
    """The plans so far, and which of them is in view.

    Parameters
    ----------
    plan : Plan
        The first.
    """

    def __init__(self, plan: Plan) -> None:
        self._plans = [plan]
        self._place = 0

    @property
    def undoable(self) -> bool:
        """Whether there is a plan before this one."""
        return self._place > 0

    @property
    def redoable(self) -> bool:
        """Whether a plan was taken back."""
        return self._place < len(self._plans) - 1

    def note(self, plan: Plan) -> None:
        """Take a new plan; what was taken back is forgotten. The same plan again is no step."""
        if plan == self._plans[self._place]:
            return
        kept = self._plans[: self._place + 1]
        self._plans = [*kept, plan][-MOST_UNDONE:]
        self._place = len(self._plans) - 1

    def move(self, by: Literal[-1, 1]) -> Plan:
        """Go back or forth by one plan.

        Raises
        ------
        ScheduleError
            If there is none.
        """
        if not 0 <= self._place + by < len(self._plans):
            raise ScheduleError(f"there is nothing to {'undo' if by < 0 else 'redo'}")
        self._place += by
        return self._plans[self._place]


def plan_from(value: Any, axis: Axis, before: Plan) -> Plan:
    """Read a curve that the page sent.

    Parameters
    ----------
    axis : {"linear", "log"}
        Of the rates on the page; on a logarithmic one no rate can be set to 0.
    before : Plan
        What stands now.

    Raises
    ------
    ScheduleError
        Says what of it makes no sense.
    """
    from nbfinetune.schedules import through

    count = len(value["points"]) if isinstance(value, dict) and _is_listed(value) else 0
    if count > MOST_KNOTS:
        raise ScheduleError(f"{count:,} knots are more than the {MOST_KNOTS:,} that a curve takes")
    try:
        drawn = msgspec.convert(value, Drawn)
    except msgspec.ValidationError as error:
        raise ScheduleError(f"the page sent a curve that makes no sense: {error}") from error
    if drawn.points == points(before.schedule):
        # Only the length is another: a preset stays one.
        return Plan(before.schedule, drawn.epochs)
    rates = [rate for _, rate, _ in drawn.points]
    if negative := [rate for rate in rates if rate < 0.0]:
        raise ScheduleError(f"a learning rate of {negative[0]:g} is impossible: it is at least 0")
    if axis == "log" and rates.count(0.0) > zeros(before):
        raise ScheduleError("0 has no place on a logarithmic axis; make the axis linear first")
    return Plan(through(drawn.points), drawn.epochs)


def _is_listed(value: dict[str, Any]) -> bool:
    return isinstance(value.get("points"), list)


def zeros(plan: Plan) -> int:
    """How many knots lie at 0."""
    return sum(rate == 0.0 for _, rate, _ in points(plan.schedule))


def points(schedule: Schedule, multiple: float = 1.0) -> list[tuple[float, float, Piece]]:
    """Progress, rate and piece of each knot.

    Parameters
    ----------
    multiple : float
        What a `Plateau` has come to.
    """
    from nbfinetune.schedules import to_knots

    knots = to_knots(schedule, multiple)
    return [(knot.at, knots.lr * knot.factor, knot.piece) for knot in knots.points]


def past(digest: Digest) -> list[list[float]]:
    """Steps taken and the rate of the next, as it was, at up to 240 places, the newest included."""
    rows = digest.rows
    if not len(rows):
        return []
    last = len(rows) - 1
    places = np.unique(np.linspace(0, last, min(last + 1, MOST_POINTS)).round().astype(int))
    # A curve is read before a step is taken, and a bucket is drawn in its middle.
    steps, rates = rows[places, :2].mean(axis=1) - 1.0, digest.mean("lr")[places]
    return [[float(step), float(rate)] for step, rate in zip(steps, rates, strict=True)]

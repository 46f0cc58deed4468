"""A learning-rate curve as settings: its values by name, and what one more value makes of it."""

from __future__ import annotations

from typing import Any

from msgspec.structs import asdict, replace

from nbfinetune.records import Schedule
from nbfinetune.schedules import Knots, check, named
from nbfinetune.widgets.fields import CURVE

KNOTS = "knots"


def kind_of(schedule: Schedule) -> str:
    """The curve's name, as `nbfinetune.schedules.named` takes it."""
    return str(type(schedule).__struct_config__.tag)


def curve_values(schedule: Schedule) -> dict[str, Any]:
    """What a page shows of a curve, under the keywords of `fine_tune`."""
    values = {name: value for name, value in asdict(schedule).items() if name in CURVE}
    return {"schedule": kind_of(schedule), **values}


def with_value(schedule: Schedule, preset: Schedule, name: str, value: Any) -> Schedule:
    """A curve with another value; what is not named stays, shown on the page or not.

    Parameters
    ----------
    schedule : Schedule
        The curve as it is.
    preset : Schedule
        The curve that it was before its knots were drawn by hand, or the same.
    name : str
        ``schedule`` for another kind of curve, else a field of the curve.

    Raises
    ------
    ScheduleError
        If the value can't be, or this kind of curve does not have it.
    """
    if name == "schedule":
        return _of_kind(schedule, preset, str(value))
    return named(kind_of(schedule), **{**fields_of(schedule), name: value})


def fields_of(schedule: Schedule) -> dict[str, Any]:
    """A curve's fields with its knots as they are."""
    return {name: getattr(schedule, name) for name in schedule.__struct_fields__}


def _of_kind(schedule: Schedule, preset: Schedule, kind: str) -> Schedule:
    if kind == kind_of(schedule):
        return schedule
    if kind == KNOTS:
        from nbfinetune.schedules import to_knots

        return check(to_knots(schedule))
    if isinstance(schedule, Knots):
        # Back from knots: the preset's own values, at the height that the knots have now.
        schedule = replace(preset, lr=schedule.lr)
        if kind == kind_of(schedule):
            return schedule
    kept = {"lr": schedule.lr}
    if "one_cycle" not in (kind, kind_of(schedule)):
        kept["warmup"] = schedule.warmup
    return named(kind, **kept)

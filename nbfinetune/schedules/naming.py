"""Schedules by name, and the check that every schedule passes before it steers a run."""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Iterable
from typing import Any, get_args

from nbfinetune.errors import ConfigError, ScheduleError
from nbfinetune.records.coding import checked
from nbfinetune.records.schedule import Knots, MultiStep, Schedule

_KINDS: dict[str, type[Schedule]] = {
    kind.__struct_config__.tag: kind for kind in get_args(Schedule)
}


def names() -> list[str]:
    """Names that `named` knows."""
    return list(_KINDS)


def named(name: str, **values: Any) -> Schedule:
    """Schedule by its name.

    Parameters
    ----------
    name : str
        One of `names()`; case, spaces and hyphens do not matter: ``"One-Cycle"`` is `OneCycle`.
    **values
        Fields of that record, such as ``lr=1e-3, warmup=0.1``.

    Raises
    ------
    ScheduleError
        If there is no such schedule or no such field (the closest name is offered), or a value
        that `check` refuses.
    """
    kind = _KINDS.get(_spelled(name))
    if kind is None:
        raise ScheduleError(f"no schedule is called {name!r}; {_offer(_spelled(name), _KINDS)}")
    fields = kind.__struct_fields__
    for field in values:
        if field not in fields:
            tag = kind.__struct_config__.tag
            raise ScheduleError(f"{tag} has no value {field!r}; {_offer(field, fields)}")
    return check(kind(**values))


def check(schedule: Schedule) -> Schedule:
    """`schedule` after a look at every value in it.

    Raises
    ------
    ScheduleError
        Names the curve, the value that was wrong, and what is allowed.
    """
    if type(schedule) not in _KINDS.values():
        raise ScheduleError(
            f"{schedule!r} is no schedule; make one with schedules.named({names()[0]!r}, lr=1e-3), "
            f"or any of {', '.join(names()[1:])}"
        )
    tag = type(schedule).__struct_config__.tag
    try:
        schedule = checked(schedule)
    except ConfigError as error:
        raise ScheduleError(f"{tag} schedule: {error}") from error
    if isinstance(schedule, MultiStep):
        _check_milestones(schedule.milestones)
    if isinstance(schedule, Knots):
        _check_knots(schedule)
    return schedule


def _check_milestones(milestones: tuple[float, ...]) -> None:
    for earlier, later in itertools.pairwise(milestones):
        if later <= earlier:
            raise ScheduleError(
                f"multi_step schedule: milestones is {list(milestones)!r}: "
                f"{later!r} comes after {earlier!r}; they must ascend"
            )


def _check_knots(schedule: Knots) -> None:
    points = schedule.points
    if all(knot.factor == 0.0 for knot in points):
        raise ScheduleError("knots schedule: every rate is 0; lift at least one knot")
    for number, (one, next_one) in enumerate(itertools.pairwise(points), 1):
        if next_one.at < one.at:
            raise ScheduleError(
                f"knots schedule: knot {number + 1} at {next_one.at!r} comes after knot {number} "
                f"at {one.at!r}; they must ascend"
            )
        if one.piece == "log" and next_one.at > one.at and not one.factor * next_one.factor > 0.0:
            raise ScheduleError(
                f"knots schedule: the piece from knot {number} to {number + 1} is logarithmic but "
                "ends at 0; lift the knot or make the piece linear"
            )
    for number, (one, last) in enumerate(zip(points, points[2:], strict=False), 1):
        if one.at == last.at:
            raise ScheduleError(
                f"knots schedule: knots {number} to {number + 2} all lie at {one.at!r}; two make a "
                "jump, more mean nothing"
            )


def _spelled(name: str) -> str:
    plain = name.strip().lower().replace("-", "_").replace(" ", "_")
    joined = {tag.replace("_", ""): tag for tag in _KINDS}
    return joined.get(plain.replace("_", ""), plain)


def _offer(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"

"""From a point of the run to the learning rate there: pure, and without torch."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from nbfinetune.errors import ScheduleError
from nbfinetune.records.schedule import (
    Constant,
    Cosine,
    Exponential,
    Knots,
    Linear,
    MultiStep,
    OneCycle,
    Plateau,
    Polynomial,
    Schedule,
    Step,
)
from nbfinetune.schedules.knots import ROUNDING, cycle_edges, factors

Floats: TypeAlias = NDArray[np.float64]


def lr_at(schedule: Schedule, progress: float, history: Sequence[float] = ()) -> float:
    """Learning rate at a point of the run.

    Parameters
    ----------
    schedule : Schedule
        A curve that `check` lets pass.
    progress : float in [0, 1]
        Optimizer steps taken over steps planned, warm-up included.
    history : sequence of float
        Values of `schedule.metric` after each finished epoch; only `Plateau` looks at it.

    Returns
    -------
    float
        At least 0; at most ``schedule.lr``, unless knots lie higher.

    Raises
    ------
    ScheduleError
        If `progress` lies outside [0, 1].
    """
    if not 0.0 <= progress <= 1.0:
        raise ScheduleError(
            f"progress is {progress!r}: it is the part of the run done, from 0 to 1"
        )
    # An array of one goes through the loops of `lr_curve`; a scalar's power may end in another bit.
    return float(_rates(schedule, np.array([progress]), history)[0])


def lr_curve(schedule: Schedule, steps: int, history: Sequence[float] = ()) -> Floats:
    """Learning rates of a whole run, one per optimizer step.

    Parameters
    ----------
    schedule : Schedule
        A curve that `check` lets pass.
    steps : int
        Optimizer steps planned, at least 1.
    history : sequence of float
        As for `lr_at`; a `Plateau` keeps to what it says for the whole curve.

    Returns
    -------
    ndarray of float64, shape (steps,)
        Element i is ``lr_at(schedule, i / steps, history)``.

    Raises
    ------
    ScheduleError
        If `steps` is less than 1.
    """
    if steps < 1:
        raise ScheduleError(f"steps is {steps!r}: a curve needs at least one optimizer step")
    return _rates(schedule, np.arange(steps, dtype=np.float64) / steps, history)


def lr_lambda(schedule: Schedule, steps: int) -> Callable[[int], float]:
    """The curve for `torch.optim.lr_scheduler.LambdaLR` in training code of your own.

    Each parameter group's own rate is taken as the highest one, so rates that differ by group stay
    apart: give the group that counts ``lr=schedule.lr``.

    Parameters
    ----------
    schedule : Schedule
        Any but `Plateau`, which has `torch.optim.lr_scheduler.ReduceLROnPlateau` as its like.
    steps : int
        Optimizer steps of the whole run; after them the last rate stays.

    Returns
    -------
    callable (step) -> float
        What the groups' rates are multiplied by.

    Raises
    ------
    ScheduleError
        If the curve is a plateau, or there are no steps.

    Examples
    --------
    >>> multiple = lr_lambda(Cosine(lr=1e-3), 100)
    >>> multiple(0), round(multiple(50), 3)
    (1.0, 0.5)
    """
    if isinstance(schedule, Plateau):
        raise ScheduleError(
            "a plateau goes by the validation, not by steps; "
            "use torch.optim.lr_scheduler.ReduceLROnPlateau"
        )
    multiples = (lr_curve(schedule, steps) / schedule.lr).tolist()
    return lambda step: float(multiples[min(step, steps - 1)])


def momentum_at(schedule: Schedule, progress: float) -> float | None:
    """Momentum that a curve asks for at a point of the run; None where it leaves it alone.

    High where the rate is low and low where it is high, as
    `torch.optim.lr_scheduler.OneCycleLR` does with ``cycle_momentum``.

    Parameters
    ----------
    schedule : Schedule
        A curve that `check` lets pass; only `OneCycle` asks for any.
    progress : float in [0, 1]
        As for `lr_at`.
    """
    if not isinstance(schedule, OneCycle) or schedule.base_momentum is None:
        return None
    height = lr_at(replace(schedule, lr=1.0, warmup_start=0.0, final_factor=0.0), progress)
    return schedule.max_momentum + (schedule.base_momentum - schedule.max_momentum) * height


def _rates(schedule: Schedule, progress: Floats, history: Sequence[float]) -> Floats:
    warmup = schedule.warmup
    rest = np.clip((progress - warmup) / (1.0 - warmup), 0.0, 1.0)
    multiple = _multiple(schedule, rest, history)
    if warmup > 0.0:
        climbed = np.minimum(progress, warmup) / warmup
        # A product keeps the curve in one piece also where it does not begin at 1.
        multiple = multiple * np.where(progress < warmup, _rise(schedule, climbed), 1.0)
    return schedule.lr * multiple


def _rise(schedule: Schedule, climbed: Floats) -> Floats:
    if isinstance(schedule, OneCycle):
        climbed = 1.0 - _half_cosine(climbed)
    return _lifted(climbed, schedule.warmup_start)


def _multiple(schedule: Schedule, rest: Floats, history: Sequence[float]) -> Floats:
    """Multiple of `schedule.lr` where the part `rest` of the curve proper is done."""
    match schedule:
        case Constant():
            multiple = np.ones_like(rest)
        case Linear():
            multiple = _lifted(1.0 - rest, schedule.final_factor)
        case Step() | MultiStep():
            multiple = schedule.gamma ** _stairs_passed(schedule, rest)
        case Exponential():
            multiple = schedule.final_factor**rest
        case Polynomial():
            multiple = _lifted((1.0 - rest) ** schedule.power, schedule.final_factor)
        case Cosine():
            multiple = _cycles(schedule, rest)
        case OneCycle():
            multiple = _lifted(_half_cosine(rest), schedule.final_factor)
        case Knots():
            multiple = factors(schedule.points, rest)
        case Plateau():
            multiple = np.full_like(rest, _after_plateaus(schedule, history))
    return multiple


def _stairs_passed(schedule: Step | MultiStep, rest: Floats) -> Floats:
    if isinstance(schedule, Step):
        return np.floor(rest / schedule.every + ROUNDING)
    passed = np.searchsorted(schedule.milestones, rest + ROUNDING, side="right")
    return np.asarray(passed, dtype=np.float64)


def _cycles(schedule: Cosine, rest: Floats) -> Floats:
    edges = cycle_edges(schedule)
    number = np.searchsorted(edges[1:-1], rest + ROUNDING, side="right")
    part = np.clip((rest - edges[number]) / np.diff(edges)[number], 0.0, 1.0)
    top = schedule.cycle_decay ** number.astype(np.float64)
    low = np.minimum(schedule.final_factor, top)
    return np.asarray(low + (top - low) * _half_cosine(part))


def _lifted(part: Floats, lowest: float) -> Floats:
    """`part` in [0, 1] moved to [lowest, 1]."""
    return lowest + (1.0 - lowest) * part


def _half_cosine(part: Floats) -> Floats:
    return (1.0 + np.cos(np.pi * part)) / 2.0


def _after_plateaus(schedule: Plateau, history: Sequence[float]) -> float:
    """Multiple left by `torch.optim.lr_scheduler.ReduceLROnPlateau`, relative threshold."""
    sign = -1.0 if schedule.metric == "val_loss" else 1.0
    multiple, best, waited = 1.0, -math.inf, 0
    for value in history:
        if sign * value > best * (1.0 + sign * schedule.threshold):
            best, waited = sign * value, 0
        else:
            waited += 1
        if waited > schedule.patience:
            multiple, waited = max(multiple * schedule.factor, schedule.min_factor), 0
    return multiple

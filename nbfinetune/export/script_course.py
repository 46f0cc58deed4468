"""What a run did while it trained, as plain tables for a script: curves, and edits by step."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from nbfinetune.export.called import called
from nbfinetune.pruning.gradual import amount_at, round_steps
from nbfinetune.records import (
    AppliedEdit,
    Edit,
    FineTuneConfig,
    Knots,
    OneCycle,
    OptimizerConfig,
    Plateau,
    Prune,
    PruningConfig,
    RemoveChannels,
    Schedule,
    SetOptimizer,
    SetSchedule,
    Unfreeze,
    as_applied,
    in_force,
)
from nbfinetune.schedules.knots import factors, to_knots

__all__ = ["TORCHS", "Course", "Curve", "Row", "course_of", "points"]

Point: TypeAlias = tuple[float, float, str]
"""Part of the run, value there, and how it goes on: linear, log or cosine."""

Row: TypeAlias = tuple[int, str, Any]
"""Optimizer steps taken, what is changed then, and to what."""

TORCHS = {
    "adamw": "AdamW",
    "adam": "Adam",
    "sgd": "SGD",
    "rmsprop": "RMSprop",
    "adagrad": "Adagrad",
}
"""Optimizers of torch's own; all others are made by timm."""

_BETWEEN = 8
"""Straight pieces for one of a monotone cubic: off by less than 1 % of its height."""


@dataclass(frozen=True)
class Curve:
    """A curve that is in force from a step on.

    Parameters
    ----------
    since : int
        Optimizer steps taken.
    epochs : int
        Length of the run that it is stretched over.
    points : tuple of Point
    name : str
        As people call it.
    """

    since: int
    epochs: int
    points: tuple[Point, ...]
    name: str


@dataclass(frozen=True)
class Course:
    """The course of a run.

    Parameters
    ----------
    epochs : int
        In the end.
    rates, momenta : tuple of Curve
        Of the learning rate, and of the momentum where a curve asks for one; beside a curve that
        asks for none, one without points.
    plateaus : dict of int to Plateau
        Curves of `rates`, by their place, that go by the validation besides.
    rows : tuple of Row
        ``weight_decay``, ``momentum``, ``l1``, ``clip_norm``, ``clip_weights``: a value;
        ``prune``: (amount, below or None, scope); ``unfreeze``.
    notes : tuple of str
        What of it can't be said in tables.
    """

    epochs: int
    rates: tuple[Curve, ...]
    momenta: tuple[Curve, ...]
    plateaus: dict[int, Plateau]
    rows: tuple[Row, ...]
    notes: tuple[str, ...]

    @property
    def changed(self) -> set[str]:
        """What is changed while the run trains."""
        return {what for _, what, _ in self.rows} | ({"momentum"} if self.momenta else set())


def course_of(config: FineTuneConfig, edits: Sequence[AppliedEdit], steps: int) -> Course:
    """Course of a run.

    Parameters
    ----------
    edits : sequence of AppliedEdit
        The run's edit log, without what the config plans.
    steps : int
        Of an epoch.
    """
    log = in_force([*as_applied(config.planned), *edits])
    schedules = [(0, config.training.epochs, config.schedule)]
    rows: list[Row] = [*_pruned(config.pruning, 0, steps)] if config.pruning.amount else []
    notes: list[str] = []
    name, momentum = config.optimizer.name.lower(), config.optimizer.momentum
    if name not in TORCHS and momentum != OptimizerConfig().momentum:
        rows.append((0, "momentum", momentum))  # what timm makes has its own until it is set
    if config.model.freeze_epochs:
        rows.append((config.model.freeze_epochs * steps, "unfreeze", None))
    for entry in log:
        if isinstance(entry.edit, SetSchedule):
            epochs = entry.edit.epochs or schedules[-1][1]
            schedules.append((entry.step, epochs, entry.edit.schedule))
        else:
            rows += _rows(entry.step, entry.edit, steps)
            notes += _left_out(entry.step, entry.edit)
    rates = tuple(
        Curve(since, epochs, points(schedule), _named(schedule))
        for since, epochs, schedule in schedules
    )
    plateaus = {n: s for n, (_, _, s) in enumerate(schedules) if isinstance(s, Plateau)}
    momenta = tuple(_momenta(schedules))
    ordered = tuple(sorted(rows, key=lambda row: row[0]))
    return Course(schedules[-1][1], rates, momenta, plateaus, ordered, tuple(notes))


def points(schedule: Schedule) -> tuple[Point, ...]:
    """The curve as points that straight, exponential and cosine pieces join, by absolute rates."""
    knots = to_knots(schedule).points
    found: list[Point] = []
    for knot, following in itertools.zip_longest(knots, knots[1:]):
        if following is None or knot.piece != "pchip" or following.at <= knot.at:
            piece = "linear" if knot.piece == "pchip" else knot.piece
            found.append((knot.at, knot.factor * schedule.lr, piece))
            continue
        places = np.linspace(knot.at, following.at, _BETWEEN + 1)[:-1]
        heights = factors(knots, places) * schedule.lr
        found += [
            (at, rate, "linear") for at, rate in zip(places.tolist(), heights.tolist(), strict=True)
        ]
    return tuple((float(f"{at:.10g}"), float(f"{rate:.7g}"), piece) for at, rate, piece in found)


def _momenta(schedules: Sequence[tuple[int, int, Schedule]]) -> Iterator[Curve]:
    """Curves of the momentum, where any of the schedules asks for one."""
    asking = [s for _, _, s in schedules if isinstance(s, OneCycle) and s.base_momentum is not None]
    for since, epochs, schedule in schedules if asking else ():
        found: tuple[Point, ...] = ()
        if isinstance(schedule, OneCycle) and schedule.base_momentum is not None:
            low, high = schedule.base_momentum, schedule.max_momentum
            unit = OneCycle(lr=1.0, warmup=schedule.warmup, warmup_start=0.0, final_factor=0.0)
            found = tuple((at, high + (low - high) * y, piece) for at, y, piece in points(unit))
        yield Curve(since, epochs, found, "momentum")


def _rows(step: int, edit: Edit, steps: int) -> Iterator[Row]:
    if isinstance(edit, SetOptimizer):
        for name in edit.__struct_fields__:
            if getattr(edit, name) is not None:
                yield step, name, getattr(edit, name)
    elif isinstance(edit, Unfreeze):
        yield step, "unfreeze", None
    elif isinstance(edit, Prune) and edit.pattern is None:
        yield step, "prune", (edit.amount, edit.below, edit.scope)
    elif isinstance(edit, RemoveChannels):
        yield from _pruned(edit.pruning, step, steps)


def _pruned(pruning: PruningConfig, begun: int, steps: int) -> Iterator[Row]:
    """Rows of a pruning of single weights, at once or by and by; of channels there are none."""
    if pruning.method != "unstructured":
        return
    scope = "layer" if pruning.uniform else "network"
    if not pruning.gradual_epochs:
        yield begun, "prune", (pruning.amount, None, scope)
        return
    taken = max(1, round(pruning.gradual_epochs * steps))
    for step in round_steps(begun, taken):
        amount = amount_at(pruning.amount, (step - begun) / taken)
        yield step, "prune", (amount, None, scope)


def _left_out(step: int, edit: Edit) -> Iterator[str]:
    if isinstance(edit, Prune) and edit.pattern is not None:
        yield f"the weights that were pruned by the pattern {edit.pattern} at step {step:,} stay"
    elif isinstance(edit, RemoveChannels) and edit.pruning.method != "unstructured":
        yield (
            f"the channels that were taken out at step {step:,} are missing from the first step on"
        )


def _named(schedule: Schedule) -> str:
    return "Knots" if isinstance(schedule, Knots) else called(schedule)

"""The learning rate that a run is going to take, as far as it is known now."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nbfinetune.records import EpochDone, Plateau, Schedule
from nbfinetune.schedules import lr_curve
from nbfinetune.widgets.digest import Rows

MOST_POINTS = 512


def planned_rates(schedule: Schedule, total_steps: int, epochs: Sequence[EpochDone] = ()) -> Rows:
    """The curve of a whole run at up to 512 points.

    Parameters
    ----------
    schedule : Schedule
        The curve in force.
    total_steps : int
        Optimizer steps planned.
    epochs : sequence of EpochDone
        What a `Plateau` has gone by so far; it keeps its rate from there on.

    Returns
    -------
    ndarray of float64, shape (points, 2)
        Step and learning rate.
    """
    if total_steps < 1:
        return np.empty((0, 2))
    history = (
        [float(getattr(epoch, schedule.metric)) for epoch in epochs]
        if isinstance(schedule, Plateau)
        else ()
    )
    points = min(total_steps, MOST_POINTS)
    rates = lr_curve(schedule, points, history)
    return np.column_stack([np.arange(points) * (total_steps / points) + 1, rates])

"""A curve as one of torch's own schedulers, for training code of your own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbfinetune.records.schedule import Plateau, Schedule
from nbfinetune.schedules.curves import lr_curve
from nbfinetune.schedules.naming import check

if TYPE_CHECKING:
    import torch
    from torch.optim.lr_scheduler import LambdaLR


def lambda_lr(schedule: Schedule, optimizer: torch.optim.Optimizer, total_steps: int) -> LambdaLR:
    """The curve for an optimizer of your own; call its `step` after every optimizer step.

    Each parameter group keeps its own rate as the highest one, so rates that differ by group
    stay apart: give the group that counts ``lr=schedule.lr``.

    Parameters
    ----------
    schedule : Schedule
        Any but `Plateau`, which has `torch.optim.lr_scheduler.ReduceLROnPlateau` as its like.
    optimizer : torch.optim.Optimizer
    total_steps : int
        Optimizer steps of the whole run; after them the last rate stays.

    Raises
    ------
    ScheduleError
        If the schedule makes no sense, or there are no steps.
    """
    from torch.optim.lr_scheduler import LambdaLR

    from nbfinetune.errors import ScheduleError

    if isinstance(schedule, Plateau):
        raise ScheduleError(
            "a plateau goes by the validation, not by steps; "
            "use torch.optim.lr_scheduler.ReduceLROnPlateau"
        )
    multiples = (lr_curve(check(schedule), total_steps) / schedule.lr).tolist()
    return LambdaLR(optimizer, lambda step: multiples[min(step, total_steps - 1)])

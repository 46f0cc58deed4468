"""Learning-rate curves: records, and pure functions from a point of the run to a rate.

The functions are imported when they are first used: they need numpy, which starting a run does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbfinetune.records.schedule import (
    Constant,
    Cosine,
    Exponential,
    Linear,
    MultiStep,
    OneCycle,
    Plateau,
    Polynomial,
    Schedule,
    Step,
)
from nbfinetune.schedules.naming import check, named, names
from nbfinetune.schedules.rates import DEFAULT_LR, default_lr

if TYPE_CHECKING:
    from nbfinetune.schedules.curves import lr_at, lr_curve

__all__ = [
    "DEFAULT_LR",
    "Constant",
    "Cosine",
    "Exponential",
    "Linear",
    "MultiStep",
    "OneCycle",
    "Plateau",
    "Polynomial",
    "Schedule",
    "Step",
    "check",
    "default_lr",
    "lr_at",
    "lr_curve",
    "named",
    "names",
]


def __getattr__(name: str) -> object:
    if name not in ("lr_at", "lr_curve"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from nbfinetune.schedules import curves

    return getattr(curves, name)

"""Learning-rate curves: records, and pure functions from a point of the run to a rate."""

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
from nbfinetune.schedules.curves import lr_at, lr_curve
from nbfinetune.schedules.naming import check, named, names
from nbfinetune.schedules.rates import DEFAULT_LR, default_lr

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

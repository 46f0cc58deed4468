"""Learning-rate curves: records, and pure functions from a point of the run to a rate.

The functions are imported when they are first used: they need numpy, which starting a run does not.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from nbfinetune.records.schedule import (
    Constant,
    Cosine,
    Exponential,
    Knot,
    Knots,
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
    from nbfinetune.schedules.curves import lr_at, lr_curve, lr_lambda, momentum_at
    from nbfinetune.schedules.knots import through, to_knots

__all__ = [
    "DEFAULT_LR",
    "Constant",
    "Cosine",
    "Exponential",
    "Knot",
    "Knots",
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
    "lr_lambda",
    "momentum_at",
    "named",
    "names",
    "through",
    "to_knots",
]

_HOME = {
    "lr_at": "curves",
    "lr_curve": "curves",
    "lr_lambda": "curves",
    "momentum_at": "curves",
    "through": "knots",
    "to_knots": "knots",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)

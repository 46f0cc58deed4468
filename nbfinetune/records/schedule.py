"""Learning-rate curves as data; `nbfinetune.schedules` holds the functions over them."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct

Rate = Annotated[float, Meta(gt=0.0, description="learning rate")]
Progress = Annotated[float, Meta(ge=0.0, le=1.0, description="part of the run")]
Warmup = Annotated[float, Meta(ge=0.0, lt=1.0, description="part of the run")]
Milestone = Annotated[float, Meta(ge=0.0, le=1.0, description="part of what follows the warm-up")]
Factor = Annotated[float, Meta(ge=0.0, le=1.0, description="multiple of `lr`")]
OpenFactor = Annotated[float, Meta(gt=0.0, le=1.0, description="multiple of `lr`")]
Height = Annotated[float, Meta(ge=0.0, le=1e6, description="multiple of `lr`")]
Momentum = Annotated[float, Meta(ge=0.0, lt=1.0)]
Piece: TypeAlias = Literal["linear", "log", "cosine", "pchip"]

MOST_KNOTS = 1000
"""More than anybody drags, and few enough to be stored with every edit."""


class ScheduleRecord(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"
):
    """What every curve has.

    Parameters
    ----------
    lr : float > 0
        The highest learning rate of the curve (absolute; parameter groups multiply it).
    warmup : float in [0, 1)
        Part of the run over which the rate climbs in a straight line to `lr`;
        the curve proper is stretched over the rest, of which ``q`` in [0, 1] is the part done.
    warmup_start : float in [0, 1]
        Where the climb starts, as a multiple of `lr`.
    """

    lr: Rate = 1e-3
    warmup: Warmup = 0.0
    warmup_start: Factor = 0.01


class Constant(ScheduleRecord, tag="constant", frozen=True, kw_only=True):
    """The same rate throughout."""


class Linear(ScheduleRecord, tag="linear", frozen=True, kw_only=True):
    """A straight line from `lr` down to `final_factor * lr`."""

    final_factor: Factor = 0.0


class Step(ScheduleRecord, tag="step", frozen=True, kw_only=True):
    """`lr * gamma**k` from the k-th multiple of `every` on (a part of what follows the warm-up)."""

    every: Annotated[float, Meta(ge=1e-6, le=1.0)] = 1 / 3
    gamma: Factor = 0.1


class MultiStep(ScheduleRecord, tag="multi_step", frozen=True, kw_only=True):
    """`lr * gamma**k` from the k-th of `milestones` on (parts of what follows the warm-up)."""

    milestones: tuple[Milestone, ...] = (0.5, 0.75)
    gamma: Factor = 0.1


class Exponential(ScheduleRecord, tag="exponential", frozen=True, kw_only=True):
    """`lr * final_factor**q`."""

    final_factor: OpenFactor = 0.01


class Polynomial(ScheduleRecord, tag="polynomial", frozen=True, kw_only=True):
    """`lr * (1 - q)**power`, lifted so that it ends at `final_factor * lr`."""

    power: Annotated[float, Meta(gt=0.0)] = 1.0
    final_factor: Factor = 0.0


class Cosine(ScheduleRecord, tag="cosine", frozen=True, kw_only=True):
    """Half a cosine from `lr` to `final_factor * lr` (Loshchilov & Hutter, arXiv:1608.03983).

    Parameters
    ----------
    cycles : int
        How often; every cycle but the first begins with a restart.
    cycle_mul : float >= 1
        Length of each cycle as a multiple of the one before.
    cycle_decay : float in (0, 1]
        Height of each cycle as a multiple of the one before.
    """

    final_factor: Factor = 0.0
    cycles: Annotated[int, Meta(ge=1, le=100)] = 1
    cycle_mul: Annotated[float, Meta(ge=1.0, le=10.0)] = 1.0
    cycle_decay: OpenFactor = 1.0


class OneCycle(ScheduleRecord, tag="one_cycle", frozen=True, kw_only=True):
    """Up in half a cosine over `warmup`, then down (Smith & Topin, arXiv:1708.07120).

    With ``total`` steps, `torch.optim.lr_scheduler.OneCycleLR` counts progress as
    ``step / (total - 1)`` and rises over ``(pct_start * total - 1) / (total - 1)`` of it.

    Parameters
    ----------
    base_momentum : float in [0, 1), optional
        Momentum (the first beta of the Adam family) at the highest rate; None leaves it alone.
    max_momentum : float in [0, 1)
        Momentum at the lowest rates, where `base_momentum` is given.
    """

    warmup: Warmup = 0.3
    warmup_start: Factor = 1 / 25
    final_factor: Factor = 4e-6
    base_momentum: Momentum | None = None
    max_momentum: Momentum = 0.95


class Plateau(ScheduleRecord, tag="plateau", frozen=True, kw_only=True):
    """Multiply the rate by `factor` when `metric` has not improved for `patience` epochs.

    The one curve that is a function of the run's validation history instead of its progress.
    """

    factor: OpenFactor = 0.1
    patience: Annotated[int, Meta(ge=0)] = 2
    threshold: Factor = 1e-4
    min_factor: Factor = 0.0
    metric: Literal["val_loss", "accuracy", "macro_f1"] = "val_loss"


class Knot(Struct, frozen=True, forbid_unknown_fields=True):
    """A point that the curve goes through.

    Parameters
    ----------
    at : float in [0, 1]
        Part of the run that is done.
    factor : float >= 0
        Learning rate there, as a multiple of the curve's `lr`.
    piece : {"linear", "log", "cosine", "pchip"}
        How it goes on to the next knot: in a straight line, in one on a logarithmic axis, in half
        a cosine, or in a monotone cubic (Fritsch & Butland 1984, as scipy's
        `PchipInterpolator`) through this knot's neighbours of the same kind.
    """

    at: Progress
    factor: Height
    piece: Piece = "linear"


class Knots(ScheduleRecord, tag="knots", frozen=True, kw_only=True):
    """The curve through `points`; level before the first and after the last.

    Two knots at one place are a jump: the second holds from there on. `lr` is what the knots'
    factors multiply. As of any curve, knots lie on what follows the warm-up.
    """

    points: Annotated[tuple[Knot, ...], Meta(min_length=1, max_length=MOST_KNOTS)] = (
        Knot(at=0.0, factor=1.0),
        Knot(at=1.0, factor=0.0),
    )


Schedule: TypeAlias = (
    Constant
    | Linear
    | Step
    | MultiStep
    | Exponential
    | Polynomial
    | Cosine
    | OneCycle
    | Plateau
    | Knots
)

"""Learning-rate curves as data; `nbfinetune.schedules` holds the functions over them."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct

Rate = Annotated[float, Meta(gt=0.0, description="learning rate")]
Warmup = Annotated[float, Meta(ge=0.0, lt=1.0, description="part of the run")]
Milestone = Annotated[float, Meta(ge=0.0, le=1.0, description="part of what follows the warm-up")]
Factor = Annotated[float, Meta(ge=0.0, le=1.0, description="multiple of `lr`")]
OpenFactor = Annotated[float, Meta(gt=0.0, le=1.0, description="multiple of `lr`")]


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
    """Half a cosine from `lr` to `final_factor * lr` (Loshchilov & Hutter, arXiv:1608.03983)."""

    final_factor: Factor = 0.0


class OneCycle(ScheduleRecord, tag="one_cycle", frozen=True, kw_only=True):
    """Up in half a cosine over `warmup`, then down (Smith & Topin, arXiv:1708.07120).

    With ``total`` steps, `torch.optim.lr_scheduler.OneCycleLR` counts progress as
    ``step / (total - 1)`` and rises over ``(pct_start * total - 1) / (total - 1)`` of it.
    """

    warmup: Warmup = 0.3
    warmup_start: Factor = 1 / 25
    final_factor: Factor = 4e-6


class Plateau(ScheduleRecord, tag="plateau", frozen=True, kw_only=True):
    """Multiply the rate by `factor` when `metric` has not improved for `patience` epochs.

    The one curve that is a function of the run's validation history instead of its progress.
    """

    factor: OpenFactor = 0.1
    patience: Annotated[int, Meta(ge=0)] = 2
    threshold: Factor = 1e-4
    min_factor: Factor = 0.0
    metric: Literal["val_loss", "accuracy", "macro_f1"] = "val_loss"


Schedule: TypeAlias = (
    Constant | Linear | Step | MultiStep | Exponential | Polynomial | Cosine | OneCycle | Plateau
)

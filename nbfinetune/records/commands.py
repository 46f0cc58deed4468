"""What a person can ask of a run; each command is answered as applied or refused."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from msgspec import Meta, Struct

from nbfinetune.records.schedule import Schedule


class CommandRecord(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"
):
    """What every command has: nothing but its name."""


class Pause(CommandRecord, tag="pause", frozen=True, kw_only=True):
    """Hold after the step in hand."""


class Resume(CommandRecord, tag="resume", frozen=True, kw_only=True):
    """Go on after a pause."""


class Stop(CommandRecord, tag="stop", frozen=True, kw_only=True):
    """End after the step in hand: measure, save, leave a usable model."""


class SaveCheckpoint(CommandRecord, tag="save_checkpoint", frozen=True, kw_only=True):
    """Write `checkpoints/last.safetensors` now."""


class SetSchedule(CommandRecord, tag="set_schedule", frozen=True, kw_only=True):
    """Replace the learning-rate curve from this step on."""

    schedule: Schedule


class SetOptimizer(CommandRecord, tag="set_optimizer", frozen=True, kw_only=True):
    """Change values of the running optimizer; None leaves a value as it is."""

    weight_decay: Annotated[float, Meta(ge=0.0)] | None = None
    momentum: Annotated[float, Meta(ge=0.0, lt=1.0)] | None = None
    l1: Annotated[float, Meta(ge=0.0)] | None = None
    clip_norm: Annotated[float, Meta(ge=0.0)] | None = None


class Unfreeze(CommandRecord, tag="unfreeze", frozen=True, kw_only=True):
    """Thaw every frozen layer, with fresh optimizer groups for it."""


Command: TypeAlias = Pause | Resume | Stop | SaveCheckpoint | SetSchedule | SetOptimizer | Unfreeze

Edit: TypeAlias = SetSchedule | SetOptimizer | Unfreeze
"""Commands that change the weights to come: replayed at their step when a run is repeated."""

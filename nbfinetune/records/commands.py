"""What a person can ask of a run; each command is answered as applied or refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct

from nbfinetune.records.fields import NonNegative, Positive, Probability
from nbfinetune.records.pruning import PruningConfig
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
    """Replace the learning-rate curve from this step on.

    Parameters
    ----------
    schedule : Schedule
    epochs : int, optional
        New length of the run, over which the curve is stretched; None leaves it as it is.
    """

    schedule: Schedule
    epochs: Annotated[int, Meta(ge=1, le=100_000)] | None = None


class SetOptimizer(CommandRecord, tag="set_optimizer", frozen=True, kw_only=True):
    """Change values of the running optimizer; None leaves a value as it is."""

    weight_decay: NonNegative | None = None
    momentum: Probability | None = None
    l1: NonNegative | None = None
    clip_norm: NonNegative | None = None
    clip_weights: NonNegative | None = None


class Unfreeze(CommandRecord, tag="unfreeze", frozen=True, kw_only=True):
    """Thaw every frozen layer, with fresh optimizer groups for it."""


class Prune(CommandRecord, tag="prune", frozen=True, kw_only=True):
    """Set weights of the backbone to zero, and keep them there.

    Parameters
    ----------
    amount : float in [0, 1)
        Part of all weights of the backbone, the smallest first; 0 lets pruned weights learn again.
    scope : {"network", "layer"}
        Whether `amount` holds for all together or for each layer.
    below : float, optional
        Instead of an amount: every weight whose magnitude is less.
    pattern : {"2:4"}, optional
        Instead of an amount: two of every four neighbouring inputs.
    """

    amount: Probability = 0.0
    scope: Literal["network", "layer"] = "network"
    below: Positive | None = None
    pattern: Literal["2:4"] | None = None


class RemoveChannels(CommandRecord, tag="remove_channels", frozen=True, kw_only=True):
    """Take channels or blocks out of the model for good, between two steps.

    Parameters
    ----------
    pruning : PruningConfig
        Its amount is a part of the model as it was before any pruning of this run.
    """

    pruning: PruningConfig


class FindLearningRate(CommandRecord, tag="find_learning_rate", frozen=True, kw_only=True):
    """Hold, and try rates on a copy of model and optimizer; the run itself stays as it is."""


class StopFinding(CommandRecord, tag="stop_finding", frozen=True, kw_only=True):
    """Try no more rates."""


Edit: TypeAlias = SetSchedule | SetOptimizer | Unfreeze | Prune | RemoveChannels
"""Commands that change the weights to come: replayed at their step when a run is repeated."""

Command: TypeAlias = Pause | Resume | Stop | SaveCheckpoint | FindLearningRate | StopFinding | Edit


class PlannedEdit(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An edit that a run makes by itself.

    Parameters
    ----------
    step : int
        Optimizer steps taken when it takes effect.
    edit : Edit
    """

    step: Annotated[int, Meta(ge=0)]
    edit: Edit


class AppliedEdit(Struct, frozen=True):
    """An entry of a run's edit log.

    Parameters
    ----------
    command_id : int
        Number of the command.
    step : int
        Optimizer steps taken when it took effect.
    edit : Edit
    """

    command_id: int
    step: int
    edit: Edit

    def supersedes(self, earlier: AppliedEdit) -> bool:
        """Whether nothing is left to do of an edit that was given before, for a later step."""
        return self.step < earlier.step and replaces(self.edit, earlier.edit)


def as_applied(planned: Sequence[PlannedEdit]) -> list[AppliedEdit]:
    """Planned edits as entries that stand before an edit log; their numbers are below 0."""
    return [AppliedEdit(-n, entry.step, entry.edit) for n, entry in enumerate(planned, start=1)]


def replaces(new: Command, old: Command) -> bool:
    """Whether `new` sets everything that `old` would set."""
    if type(new) is not type(old):
        return False
    if not isinstance(old, SetOptimizer):
        return True
    given = [name for name in old.__struct_fields__ if getattr(old, name) is not None]
    return all(getattr(new, name) is not None for name in given)


def in_force(log: Sequence[AppliedEdit]) -> list[AppliedEdit]:
    """Edits to replay, by step, out of a log in the order in which they were given.

    A run that was killed repeats some steps; what someone asks for meanwhile, later but at an
    earlier step, counts more than what was asked before.
    """
    kept = [
        entry
        for number, entry in enumerate(log)
        if not any(later.supersedes(entry) for later in log[number + 1 :])
    ]
    return sorted(kept, key=lambda entry: entry.step)

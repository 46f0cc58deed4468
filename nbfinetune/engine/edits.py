"""Changes to a live run, each in force from the next step on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nbfinetune.engine import live_pruning
from nbfinetune.engine.optimizers import add_groups, set_values
from nbfinetune.errors import TrainingError
from nbfinetune.models.groups import parameter_groups, set_trainable
from nbfinetune.records import (
    Edit,
    Event,
    LayersUnfrozen,
    OptimizerChanged,
    Prune,
    RemoveChannels,
    ScheduleChanged,
    SetOptimizer,
    SetSchedule,
)
from nbfinetune.schedules import check, momentum_at

if TYPE_CHECKING:
    from nbfinetune.engine.training import Training


RESHAPING = (Prune, RemoveChannels)
"""Edits that make another model of it, which must not happen while it is measured."""


def apply(training: Training, number: int, edit: Edit, *, silent: bool = False) -> None:
    """Put an edit into force, or raise and change nothing.

    Parameters
    ----------
    number : int
        Of the command.
    silent : bool
        Whether the run's log has the event already (a resumed run).

    Raises
    ------
    NbFinetuneError
        With the sentence that refuses it.
    """
    event: Event | None = None
    if isinstance(edit, SetSchedule):
        event = _set_schedule(training, edit)
    elif isinstance(edit, SetOptimizer):
        event = _set_optimizer(training, edit)
    elif isinstance(edit, Prune):
        live_pruning.zero_weights(training, edit, silent=silent)
    elif isinstance(edit, RemoveChannels):
        live_pruning.remove_channels(training, edit.pruning, silent=silent)
    elif _all_trained(training):
        raise TrainingError("every layer is trained already; there is nothing to unfreeze")
    else:
        thaw(training, silent=silent)
    training.progress.edits.append(number)
    training.feeding.review(reshaped=isinstance(edit, RESHAPING), silent=silent)
    if event is not None and not silent:
        training.recorder.emit(event)


def _set_schedule(training: Training, edit: SetSchedule) -> Event:
    progress = training.progress
    schedule, epochs = check(edit.schedule), edit.epochs or progress.epochs
    begun = progress.epoch + (1 if progress.batch else 0)
    if epochs < begun:
        raise TrainingError(
            f"epochs is {epochs}, but epoch {begun} has begun (step {progress.step:,}); "
            f"give at least {begun}, or stop() the run"
        )
    if momentum_at(schedule, 0.0) is not None or momentum_at(progress.schedule, 0.0) is not None:
        # Refused here where the optimizer has none; a curve that asks sets its own at each step.
        set_values(training.optimizer, momentum=progress.momentum)
    progress.schedule, progress.epochs = schedule, epochs
    progress.schedule_since = progress.epoch
    return ScheduleChanged(step=progress.step, schedule=schedule, epochs=epochs)


def _set_optimizer(training: Training, edit: SetOptimizer) -> Event:
    values: dict[str, float] = {
        name: value
        for name in SetOptimizer.__struct_fields__
        if (value := getattr(edit, name)) is not None
    }
    if not values:
        known = ", ".join(SetOptimizer.__struct_fields__)
        raise TrainingError(f"no value was given; name one of {known}")
    set_values(training.optimizer, weight_decay=edit.weight_decay, momentum=edit.momentum)
    progress, stepper = training.progress, training.stepper
    progress.weight_decay = values.get("weight_decay", progress.weight_decay)
    progress.momentum = values.get("momentum", progress.momentum)
    progress.clip_norm = stepper.clip_norm = values.get("clip_norm", progress.clip_norm)
    progress.l1 = stepper.l1 = values.get("l1", progress.l1)
    if edit.clip_weights is not None:
        progress.clip_weights = edit.clip_weights
        training.held.clip(edit.clip_weights)
    return OptimizerChanged(step=progress.step, values=values)


def _all_trained(training: Training) -> bool:
    return all(p.requires_grad for p in training.model.parameters())


def groups(training: Training) -> list[dict[str, Any]]:
    """Optimizer groups of every parameter that is trained now."""
    return parameter_groups(
        training.model,
        training.parts.groups,
        training.config.model,
        training.progress.weight_decay,
    )


def thaw(training: Training, *, silent: bool = False) -> None:
    """Train every layer from here on, with fresh optimizer groups for the thawed ones."""
    training.progress.thawed = True
    known = {n for group in training.optimizer.param_groups for n in group["names"]}
    set_trainable(training.model, training.parts.groups, "none")
    add_groups(training.optimizer, _without(groups(training), known))
    training.stepper.wrap()
    training.stale_mode = True
    if not silent:
        count = sum(p.numel() for p in training.model.parameters() if p.requires_grad)
        training.recorder.emit(
            LayersUnfrozen(step=training.progress.step, trainable_parameters=count)
        )


def thaw_in_time(training: Training) -> None:
    """Thaw once `freeze_epochs` are over."""
    after, progress = training.config.model.freeze_epochs, training.progress
    if after and progress.epoch >= after and not progress.thawed:
        thaw(training)


def _without(wanted: list[dict[str, Any]], known: set[str]) -> list[dict[str, Any]]:
    rest = []
    for group in wanted:
        pairs = [
            (n, p) for n, p in zip(group["names"], group["params"], strict=True) if n not in known
        ]
        if pairs:
            names, params = zip(*pairs, strict=True)
            rest.append({**group, "names": list(names), "params": list(params)})
    return rest

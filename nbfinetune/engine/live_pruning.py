"""Prunings of a run that trains: all at once between two steps, or by and by."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from nbfinetune.engine.leaner import Chooser, accuracy, choose, settle
from nbfinetune.engine.narrowing import narrow
from nbfinetune.engine.progress import Gradual
from nbfinetune.errors import TrainingError
from nbfinetune.pruning import asking
from nbfinetune.pruning.gradual import amount_at, round_steps
from nbfinetune.pruning.magnitude import magnitude_masks, pattern_masks, prunable, threshold_masks
from nbfinetune.records import ChannelsRemoved, Prune, Pruned, PruningConfig

if TYPE_CHECKING:
    from nbfinetune.engine.training import Training


def begin(training: Training) -> None:
    """What the config asks for before the first step, but for channels that go all at once."""
    wanted = training.config.pruning
    if not wanted.amount:
        return
    if wanted.gradual_epochs:
        _begin_gradual(training, wanted)
    elif wanted.method == "unstructured":
        training.recorder.emit(_zero(training, _as_weights(wanted)))


def remove_channels(training: Training, pruning: PruningConfig, *, silent: bool) -> None:
    """Take channels, blocks or weights out of the model, now or by and by.

    Parameters
    ----------
    silent : bool
        Whether the run's log has been told already.

    Raises
    ------
    NbFinetuneError
        With the sentence that refuses it; nothing has changed then.
    """
    _refuse_a_second(training)
    progress = training.progress
    if not pruning.amount:
        raise TrainingError("amount is 0, so nothing goes; give a part between 0 and 1")
    asking.check(pruning, max(1, progress.epochs - progress.epoch))
    if pruning.gradual_epochs:
        _begin_gradual(training, pruning)
        return
    if pruning.method == "unstructured":
        told: Pruned | ChannelsRemoved = _zero(training, _as_weights(pruning))
    else:
        if pruning.target == "latency":
            raise TrainingError(
                "target is 'latency', which is measured before a first step and would not come "
                "out alike when the run is repeated; give target='macs', or leave live out"
            )
        told = _narrow(training, pruning, pruning.amount)
        _settle(training)
        if not silent:
            known = accuracy(training.models[-1], training.parts)
            told = msgspec.structs.replace(told, accuracy=known)
    training.clock.skip()
    if not silent:
        training.recorder.emit(told)


def zero_weights(training: Training, edit: Prune, *, silent: bool) -> None:
    """Set weights to zero and hold them there; with nothing asked for, let all of them learn.

    Raises
    ------
    TrainingError
        If it contradicts itself.
    """
    asked = [name for name in ("amount", "below", "pattern") if getattr(edit, name)]
    if len(asked) > 1:
        raise TrainingError(f"{' and '.join(asked)} both say which weights go; give one of them")
    gradual = training.progress.gradual
    if gradual is not None and gradual.pruning.method == "unstructured":
        if asked:
            _refuse_a_second(training)
        training.progress.gradual = None
    told = _zero(training, edit)
    if not silent:
        training.recorder.emit(told)


def after_step(training: Training) -> None:
    """Let the next part go, where a pruning goes on and it is time.

    Right after the step that makes it due and before a checkpoint of it, so that a run that is
    resumed neither misses nor repeats a part.
    """
    gradual, step = training.progress.gradual, training.progress.step
    if gradual is None or step not in round_steps(gradual.begun, gradual.steps):
        return
    training.read_losses()
    pruning = gradual.pruning
    amount = amount_at(pruning.amount, (step - gradual.begun) / gradual.steps)
    last = step >= gradual.begun + gradual.steps
    if pruning.method == "unstructured":
        training.recorder.emit(_zero(training, _as_weights(pruning, amount)))
    else:
        _one_round(training, pruning, amount, last=last)
    if last:
        training.progress.gradual = None
    training.clock.skip()


def _one_round(training: Training, pruning: PruningConfig, amount: float, *, last: bool) -> None:
    try:
        told = _narrow(training, pruning, amount)
    except TrainingError:
        # The rounds before took so much already: widths are round.
        told = None
    if last:
        _settle(training)
    if told is not None:
        training.recorder.emit(told)


def _begin_gradual(training: Training, pruning: PruningConfig) -> None:
    """Make sure that it can be, and begin; the first part goes some steps later."""
    progress, parts = training.progress, training.parts
    if pruning.method != "unstructured":
        chooser = _chooser(training, pruning)
        asking.wishes_for(chooser.structure, pruning)
        progress.whole = chooser.before
        training.stale_mode = True  # it was looked at in another mode
    steps = max(1, round(pruning.gradual_epochs * parts.steps_per_epoch))
    progress.gradual = Gradual(pruning, progress.step, steps)
    progress.forget_best()


def _narrow(training: Training, pruning: PruningConfig, amount: float) -> ChannelsRemoved:
    """Take out what is missing to an amount; the batch norms are still to be measured."""
    training.read_losses()
    chooser = _chooser(training, pruning)
    training.stale_mode = True
    step = training.progress.step
    cut = choose(
        chooser,
        amount,
        lambda told: training.recorder.emit(msgspec.structs.replace(told, step=step)),
    )
    for recipe in cut.recipes:
        narrow(training, recipe)
    training.progress.whole = chooser.before
    training.progress.forget_best()
    return msgspec.structs.replace(cut.told, step=step)


def _chooser(training: Training, pruning: PruningConfig) -> Chooser:
    config = msgspec.structs.replace(training.config, pruning=pruning)
    return Chooser(replace(training.parts, config=config), training.progress.whole)


def _settle(training: Training) -> None:
    for model in training.models:
        settle(model, training.parts)
    training.stale_mode = True


def _zero(training: Training, edit: Prune) -> Pruned:
    head = training.parts.groups[-1].parameter_names
    weights = prunable(training.model, kept=head)
    if edit.below is not None:
        masks = threshold_masks(weights, edit.below)
    elif edit.pattern is not None:
        masks = pattern_masks(weights)
    else:
        masks = magnitude_masks(weights, edit.amount, edit.scope) if edit.amount else {}
    training.held.mask(masks)
    training.progress.forget_best()
    zeros = sum(int((~mask).sum()) for mask in masks.values())
    total = sum(weight.numel() for weight in weights.values())
    by_amount = edit.below is None and edit.pattern is None
    return Pruned(
        step=training.progress.step,
        amount=edit.amount if by_amount else zeros / total,
        zeros=zeros,
        weights=total,
    )


def _as_weights(pruning: PruningConfig, amount: float | None = None) -> Prune:
    """The same as it is asked for weight by weight."""
    return Prune(
        amount=pruning.amount if amount is None else amount,
        scope="layer" if pruning.uniform else "network",
    )


def _refuse_a_second(training: Training) -> None:
    gradual = training.progress.gradual
    if gradual is not None:
        raise TrainingError(
            f"a pruning of {gradual.pruning.amount:g} goes on until step "
            f"{gradual.begun + gradual.steps:,}; wait for its end, or stop() the run"
        )

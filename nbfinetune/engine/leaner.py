"""Channels taken out of a model before its first step, as the config asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from nbfinetune.engine.assemble import Parts
from nbfinetune.models.heads import head_names
from nbfinetune.models.removing import remove
from nbfinetune.pruning import importance
from nbfinetune.pruning.calibration import recalibrate
from nbfinetune.pruning.gradients import all_trained
from nbfinetune.pruning.importance import Scores
from nbfinetune.pruning.plan import Planner, Wishes
from nbfinetune.pruning.structure import Structure
from nbfinetune.pruning.structured import recipe_for
from nbfinetune.pruning.tracing import trace
from nbfinetune.records import ChannelsRemoved, PhaseStarted

LOOKED_AT = 512
"""Training images by which channels are judged, and over which batch norms are measured anew."""


def pruned(parts: Parts, emit: Callable[[ChannelsRemoved | PhaseStarted], None]) -> Parts:
    """Parts with a smaller model, where the config asks for one; the same parts where not.

    All processes end with the same channels: the first one's.
    """
    wanted = parts.config.pruning
    if not wanted.amount:
        return parts
    emit(PhaseStarted(phase="choosing the channels that go"))
    channels = parts.config.model.in_chans
    structure = trace(parts.model, head_names(parts.model), parts.image_size, channels)
    scores = _scores(parts, structure)
    wishes = Wishes(
        round_to=wanted.round_to, uniform=wanted.uniform, protected=frozenset(wanted.protect)
    )
    removed = Planner(structure, scores, wishes).removed(wanted.amount, wanted.target)
    recipe = recipe_for(parts.model, structure.groups, scores, removed)
    recipe = parts.world.share(recipe)
    remove(parts.model, recipe)
    parts.model.to(memory_format=parts.placement.memory_format)
    recalibrate(parts.model, (images for images, _ in _some_batches(parts)))
    emit(_told(structure, removed))
    return replace(parts, recipes=(*parts.recipes, recipe))


def _told(structure: Structure, removed: np.ndarray) -> ChannelsRemoved:
    return ChannelsRemoved(
        step=0,
        parameters=(round(structure.cost("parameters")), round(structure.parameters(removed))),
        macs=(round(structure.cost("macs")), round(structure.macs(removed))),
        layers={
            group.name: (group.units, group.units - int(count))
            for group, count in zip(structure.groups, removed, strict=True)
        },
    )


def _scores(parts: Parts, structure: Structure) -> Scores:
    model, criterion = parts.model, parts.config.pruning.criterion
    if criterion == "random":
        return importance.random(structure, parts.config.seed)
    if criterion == "taylor":
        return importance.comparable(_taylor(parts, structure))
    if criterion == "bn_scale":
        return importance.comparable(importance.batch_norm_scale(model, structure))
    power = 1 if criterion == "l1" else 2
    scores = importance.magnitude(model, structure, power)
    return importance.lamp(scores) if criterion == "lamp" else importance.comparable(scores)


def _taylor(parts: Parts, structure: Structure) -> Scores:
    """Scores summed over batches, each squared by itself, so that signs do not cancel."""
    model = parts.model.eval()
    total: Scores = {group.name: np.zeros(group.units) for group in structure.groups}
    with all_trained(model):
        for images, labels in _some_batches(parts):
            model.zero_grad(set_to_none=True)
            with torch.enable_grad():
                torch.autograd.backward(parts.loss(model(images).float(), labels))
            gradients = {n: p.grad for n, p in model.named_parameters() if p.grad is not None}
            for name, values in importance.taylor(model, structure, gradients).items():
                total[name] += values
    model.zero_grad(set_to_none=True)
    return total


def _some_batches(parts: Parts) -> Iterator[tuple[Tensor, Tensor]]:
    """The first training images of the first epoch, without chance beyond their order."""
    seen = 0
    with closing(parts.train.epoch(0, shuffle=True, drop_last=True)) as batches:
        for batch in batches:
            if seen >= LOOKED_AT:
                return
            if len(batch.ids):
                seen += len(batch.ids) * parts.world.size
                yield parts.normalised(batch.images), parts.labels(batch.labels)

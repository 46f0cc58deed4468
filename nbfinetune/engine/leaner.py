"""Channels taken out of a model before its first step, as the config asks for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from nbfinetune.engine import judging
from nbfinetune.engine.assemble import Parts
from nbfinetune.models.heads import head_names
from nbfinetune.models.removing import remove
from nbfinetune.pruning.calibration import recalibrate
from nbfinetune.pruning.plan import Planner, Wishes
from nbfinetune.pruning.structure import Structure
from nbfinetune.pruning.structured import recipe_for
from nbfinetune.pruning.tracing import trace
from nbfinetune.records import ChannelsRemoved, PhaseStarted


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
    scores = judging.scores(parts, structure)
    wishes = Wishes(
        round_to=wanted.round_to, uniform=wanted.uniform, protected=frozenset(wanted.protect)
    )
    removed = Planner(structure, scores, wishes).removed(wanted.amount, wanted.target)
    recipe = recipe_for(parts.model, structure.groups, scores, removed)
    recipe = parts.world.share(recipe)
    remove(parts.model, recipe)
    parts.model.to(memory_format=parts.placement.memory_format)
    recalibrate(parts.model, (images for images, _ in judging.some_batches(parts)))
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

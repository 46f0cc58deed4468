"""How much a run's model would miss each of its channels, by the criterion that was asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from nbfinetune.engine.assemble import Parts
from nbfinetune.pruning import importance
from nbfinetune.pruning.activation import mean_activations
from nbfinetune.pruning.gradients import all_trained
from nbfinetune.pruning.importance import Scores
from nbfinetune.pruning.structure import Structure

LOOKED_AT = 512
"""Training images by which channels are judged, and over which batch norms are measured anew."""

Batches = Iterable[tuple[Tensor, Tensor]]


def scores(parts: Parts, structure: Structure, batches: Batches | None = None) -> Scores:
    """Importance of every unit by ``parts.config.pruning.criterion``, comparable between groups.

    The model is left in evaluation mode, and without gradients.

    Parameters
    ----------
    structure : Structure
        Of `parts.model`.
    batches : iterable of (Tensor, Tensor), optional
        Images and labels on the model's device; default `some_batches`.
    """
    model, criterion = parts.model, parts.config.pruning.criterion
    if criterion == "random":
        return importance.random(structure, parts.config.seed)
    if criterion == "taylor":
        seen = some_batches(parts) if batches is None else batches
        changes = _taylor(parts, structure, seen)
        priced = "parameters" if parts.config.pruning.target == "parameters" else "macs"
        return importance.balanced(changes, structure, priced)
    if criterion == "entropy":
        seen = some_batches(parts) if batches is None else batches
        told = mean_activations(model.eval(), structure, (images for images, _ in seen))
        return importance.comparable(importance.entropy(structure, told))
    if criterion == "bn_scale":
        return importance.comparable(importance.batch_norm_scale(model, structure))
    sizes = importance.magnitude(model, structure, 1 if criterion == "l1" else 2)
    return importance.lamp(sizes) if criterion == "lamp" else importance.comparable(sizes)


def some_batches(parts: Parts) -> Iterator[tuple[Tensor, Tensor]]:
    """The first training images of the first epoch, without chance beyond their order.

    They come from a loader of their own: where the run stands in its data is left alone.
    """
    seen = 0
    with (
        closing(replace(parts.train)) as loader,
        closing(loader.epoch(0, shuffle=True, drop_last=True)) as batches,
    ):
        for batch in batches:
            if seen >= LOOKED_AT:
                return
            if len(batch.ids):
                seen += len(batch.ids) * parts.world.size
                yield parts.normalised(batch.images), parts.labels(batch.labels)


def _taylor(parts: Parts, structure: Structure, batches: Batches) -> Scores:
    """Scores summed over batches, each squared by itself, so that signs do not cancel."""
    model = parts.model.eval()
    total: Scores = {group.name: np.zeros(group.units) for group in structure.groups}
    with all_trained(model):
        for images, labels in batches:
            model.zero_grad(set_to_none=True)
            with torch.enable_grad():
                torch.autograd.backward(parts.loss(model(images).float(), labels))
            gradients = {n: p.grad for n, p in model.named_parameters() if p.grad is not None}
            for name, values in importance.taylor(model, structure, gradients).items():
                total[name] += values
    model.zero_grad(set_to_none=True)
    return total

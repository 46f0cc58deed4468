"""A live run's model made narrower in place: with it go its average, moments, masks and groups."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from nbfinetune.models.groups import LayerGroup
from nbfinetune.models.recipe import Recipe
from nbfinetune.models.removing import remove

if TYPE_CHECKING:
    from nbfinetune.engine.training import Training

Places = Mapping[str, Tensor]


def narrow(training: Training, recipe: Recipe) -> None:
    """Take out what a recipe says, between two steps.

    Every moment of the optimizer loses what its weight loses. What an optimizer keeps in another
    form than its weights' (Adafactor's rows and columns) begins anew for the weights that shrink.
    """
    model, parts = training.model, training.parts
    places = surviving(model, recipe)
    before = dict(model.named_parameters())
    for module in training.models:
        remove(module, recipe)
        module.to(memory_format=parts.placement.memory_format)
    after = dict(model.named_parameters())
    _narrow_optimizer(training.optimizer, before, after, places)
    training.held.mask(_narrower(training.held.masks, places))
    training.held.clip(training.held.limit)
    training.parts = replace(
        parts, recipes=(*parts.recipes, recipe), groups=groups_left(parts.groups, model)
    )
    training.stepper.wrap()
    training.stale_mode = True


def surviving(module: nn.Module, recipe: Recipe) -> dict[str, Tensor]:
    """By name of each parameter that is left, which of its elements: places in the flat tensor.

    The module stays as it is.
    """
    numbered = copy.deepcopy(module)
    for owner in numbered.modules():
        for name, value in owner.named_parameters(recurse=False):
            places = torch.arange(value.numel(), device=value.device).view(value.shape)
            setattr(owner, name, nn.Parameter(places, requires_grad=False))
    remove(numbered, recipe)
    return {name: places.detach() for name, places in numbered.named_parameters()}


def _narrower(tensors: Mapping[str, Tensor], places: Places) -> dict[str, Tensor]:
    return {name: _at(value, places[name]) for name, value in tensors.items() if name in places}


def _at(value: Tensor, places: Tensor) -> Tensor:
    return value.reshape(-1)[places.reshape(-1).to(value.device)].view(places.shape)


def _narrow_optimizer(
    optimizer: Optimizer,
    before: Mapping[str, nn.Parameter],
    after: Mapping[str, nn.Parameter],
    places: Places,
) -> None:
    for group in optimizer.param_groups:
        group["names"] = [name for name in group["names"] if name in after]
        group["params"] = [after[name] for name in group["names"]]
    optimizer.param_groups[:] = [group for group in optimizer.param_groups if group["params"]]
    for name, old in before.items():
        new = after.get(name)
        if new is old:
            continue
        state = optimizer.state.pop(old, None)
        kept = None if state is None or new is None else _kept(state, old, new, places[name])
        if kept:
            optimizer.state[new] = kept  # type: ignore[index]


def _kept(
    state: Mapping[str, Any], old: nn.Parameter, new: nn.Parameter, places: Tensor
) -> dict[str, Any]:
    """What an optimizer remembers of a weight that has shrunk; nothing if it can't be cut alike."""
    kept: dict[str, Any] = {}
    for key, value in state.items():
        single = isinstance(value, Tensor) and value.numel() == 1
        if isinstance(value, Tensor) and value.shape == old.shape:
            # In the strides of the weight: fused kernels read memory in order.
            like = torch.empty_like(new, dtype=value.dtype, device=value.device)
            kept[key] = like.detach().copy_(_at(value, places))
        elif single or isinstance(value, (int, float, str, type(None))):
            kept[key] = value
        else:
            return {}
    return kept


def groups_left(groups: list[LayerGroup], module: nn.Module) -> list[LayerGroup]:
    """Layer groups without the parameters that went with their blocks."""
    there = {name for name, _ in module.named_parameters()}
    left = [
        replace(group, parameter_names=tuple(n for n in group.parameter_names if n in there))
        for group in groups
    ]
    return [group for group in left if group.parameter_names]

"""Slices of layers, and whole blocks, taken out of a network for good, as a recipe says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from nbfinetune.errors import ModelError
from nbfinetune.models.recipe import Lost, Recipe

__all__ = ["Skipped", "remove"]


class Skipped(nn.Identity):
    """Stands where a block was taken out, whatever else the block was given."""

    def forward(self, input: Tensor, *_: object, **__: object) -> Tensor:
        """Give back what came first."""
        return input


def remove(module: nn.Module, recipe: Recipe) -> None:
    """Make a network as small as the recipe says, in place.

    Parameters
    ----------
    module : nn.Module
        As it was built, with the widths that its architecture has.

    Raises
    ------
    ModelError
        If the recipe is for another architecture.
    """
    for name in recipe.blocks:
        with _named(module, name):
            module.get_submodule(name)
            module.set_submodule(name, Skipped())
    for lost in recipe.layers:
        with _named(module, lost.layer):
            _shrink(module, lost)
    for name, values in recipe.attributes.items():
        inner = module.get_submodule(name)
        for key, value in values.items():
            setattr(inner, key, value)


@contextmanager
def _named(module: nn.Module, layer: str) -> Iterator[None]:
    """Say which layer it was that does not fit."""
    try:
        yield
    except (AttributeError, IndexError, KeyError) as error:
        raise ModelError(
            f"the pruning recipe names {layer!r}, which {type(module).__name__} has not "
            f"in that form ({error}); it was made for another architecture"
        ) from error


def _shrink(module: nn.Module, lost: Lost) -> None:
    if lost.dim is not None:
        parent, _, attribute = lost.layer.rpartition(".")
        _keep(module.get_submodule(parent), attribute, lost.out, lost.dim)
        return
    layer = module.get_submodule(lost.layer)
    if isinstance(layer, nn.Conv2d):
        _shrink_convolution(layer, lost)
    elif isinstance(layer, nn.Linear):
        _keep(layer, "weight", lost.out, 0)
        _keep(layer, "bias", lost.out, 0)
        _keep(layer, "weight", lost.into, 1)
        layer.out_features, layer.in_features = layer.weight.shape
    else:
        _shrink_per_channel(layer, lost.out or lost.into)


def _shrink_convolution(layer: nn.Conv2d, lost: Lost) -> None:
    depthwise = layer.groups > 1
    _keep(layer, "weight", lost.out, 0)
    _keep(layer, "bias", lost.out, 0)
    if not depthwise:
        _keep(layer, "weight", lost.into, 1)
    layer.out_channels = layer.weight.shape[0]
    layer.in_channels = layer.out_channels if depthwise else layer.weight.shape[1]
    if depthwise:
        layer.groups = layer.out_channels


def _shrink_per_channel(layer: nn.Module, gone: tuple[int, ...]) -> None:
    """A norm, or a layer with parameters of one value a channel."""
    before = {tensor.shape[-1] for tensor in layer.parameters(recurse=False)}
    for name, _ in [*layer.named_parameters(recurse=False), *layer.named_buffers(recurse=False)]:
        value = getattr(layer, name)
        if value is not None and value.ndim:
            _keep(layer, name, gone, value.ndim - 1)
    for name in ("num_features", "num_channels"):
        if hasattr(layer, name):
            setattr(layer, name, getattr(layer, name) - len(gone))
    if hasattr(layer, "normalized_shape") and before:
        layer.normalized_shape = (before.pop() - len(gone),)  # type: ignore[assignment]


def _keep(owner: Any, name: str, gone: tuple[int, ...], dim: int) -> None:
    value: Tensor | None = getattr(owner, name, None)
    if value is None or not gone:
        return
    kept = np.setdiff1d(np.arange(value.shape[dim]), np.asarray(gone))
    if len(kept) + len(gone) != value.shape[dim]:
        raise IndexError(f"{name} has {value.shape[dim]} channels")
    left = value.detach().index_select(dim, torch.from_numpy(kept).to(value.device)).contiguous()
    if isinstance(value, nn.Parameter):
        setattr(owner, name, nn.Parameter(left, requires_grad=value.requires_grad))
    else:
        setattr(owner, name, left)

"""What the units of a network say of each image: their activations, averaged over the image."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from nbfinetune.pruning.attention import PRODUCTS
from nbfinetune.pruning.structure import Group, Structure

Activations = dict[str, NDArray[np.float32]]


def mean_activations(
    module: nn.Module, structure: Structure, batches: Iterable[Tensor]
) -> Activations:
    """By group one row an image, one column an output of the layer that makes the group.

    Of a convolution with a batch norm behind it, what the norm makes of it. Layers whose weights
    are used without calling them are left out.

    Parameters
    ----------
    module : nn.Module
        In evaluation mode.
    batches : iterable of Tensor, (B, C, S, S)
    """
    seen: dict[str, list[NDArray[np.float32]]] = {group.name: [] for group in structure.groups}

    def note(name: str) -> Callable[..., None]:
        def hook(layer: nn.Module, _: Any, out: Tensor) -> None:
            seen[name].append(_over_the_image(layer, out.float()).cpu().numpy())

        return hook

    hooks = [
        module.get_submodule(_maker(module, group)).register_forward_hook(note(group.name))
        for group in structure.groups
    ]
    try:
        with torch.no_grad():
            for images in batches:
                module(images)
    finally:
        for handle in hooks:
            handle.remove()
    return {name: np.concatenate(rows) for name, rows in seen.items() if rows}


def _maker(module: nn.Module, group: Group) -> str:
    """The layer itself, or the first batch norm that says how loud each of its channels is."""
    for member in group.members:
        if member.dim is None and not member.layer.endswith(f".{PRODUCTS}"):
            inner = module.get_submodule(member.layer)
            alone = np.array_equal(member.indices.ravel(), np.arange(group.units))
            if alone and isinstance(inner, nn.modules.batchnorm._BatchNorm):  # noqa: SLF001
                return member.layer
    return group.name


def _over_the_image(layer: nn.Module, out: Tensor) -> Tensor:
    """Mean over all places: (B, C, H, W) of convolutions and norms, (B, ..., C) of the others."""
    if isinstance(layer, (nn.Conv2d, nn.modules.batchnorm._BatchNorm)):  # noqa: SLF001
        return out.flatten(2).mean(2) if out.ndim > 2 else out
    return out.flatten(1, -2).mean(1) if out.ndim > 2 else out

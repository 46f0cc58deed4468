"""Unstructured pruning by magnitude: the smallest weights of the whole network become zero.

Zeros make a file that packs smaller and a network that generalises differently; they do not make
dense layers faster.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import torch
from torch import Tensor, nn


def prunable(module: nn.Module, kept: Collection[str] = ()) -> dict[str, nn.Parameter]:
    """Weights of convolutions and linear layers, by name; norms, biases and `kept` stay whole.

    Parameters
    ----------
    kept : collection of str
        Names of parameters that are not touched (the head).
    """
    return {
        name: parameter
        for name, parameter in module.named_parameters()
        if parameter.ndim > 1 and name not in kept
    }


def magnitude_masks(weights: Mapping[str, Tensor], amount: float) -> dict[str, Tensor]:
    """Masks (bool, True where a weight stays) that leave out the smallest `amount` of all weights.

    One threshold holds for the whole network (Han et al., arXiv:1506.02626). Exactly
    ``round(amount * total)`` weights go; of equal ones at the threshold the earlier.

    Parameters
    ----------
    weights : mapping of str to Tensor
    amount : float in [0, 1)
    """
    sizes = [weight.numel() for weight in weights.values()]
    magnitudes = torch.cat([weight.detach().abs().flatten() for weight in weights.values()])
    stays = torch.ones_like(magnitudes, dtype=torch.bool)
    gone = round(amount * len(magnitudes))
    if gone:
        stays[torch.argsort(magnitudes, stable=True)[:gone]] = False
    masks = zip(weights.items(), torch.split(stays, sizes), strict=True)
    return {name: mask.view(weight.shape) for (name, weight), mask in masks}


def masked_weights(
    module: nn.Module, masks: Mapping[str, Tensor]
) -> list[tuple[nn.Parameter, Tensor]]:
    """Weights with their masks, looked up once for all the steps that hold them."""
    parameters = dict(module.named_parameters()) if masks else {}
    return [(parameters[name], mask) for name, mask in masks.items()]


@torch.no_grad()
def apply_masks(masked: Iterable[tuple[nn.Parameter, Tensor]]) -> None:
    """Set the weights that are left out to zero."""
    for weight, mask in masked:
        weight.mul_(mask)

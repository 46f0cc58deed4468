"""Unstructured pruning: single weights, the smallest first, become zero.

Zeros make a file that packs smaller and a network that generalises differently; they do not make
dense layers faster.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Literal, TypeAlias

import torch
from torch import Tensor, nn

Scope: TypeAlias = Literal["network", "layer"]


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


def magnitude_masks(
    weights: Mapping[str, Tensor], amount: float, scope: Scope = "network"
) -> dict[str, Tensor]:
    """Masks (bool, True where a weight stays) that leave out the smallest `amount` of the weights.

    One threshold holds for the whole network, or one for each layer (Han et al.,
    arXiv:1506.02626). Exactly ``round(amount * total)`` weights go; of equal ones at the threshold
    the earlier.

    Parameters
    ----------
    weights : mapping of str to Tensor
    amount : float in [0, 1)
    scope : {"network", "layer"}
        Of what `amount` is a part.
    """
    if scope == "layer":
        return {
            n: m for k, w in weights.items() for n, m in magnitude_masks({k: w}, amount).items()
        }
    sizes = [weight.numel() for weight in weights.values()]
    magnitudes = torch.cat([weight.detach().abs().flatten() for weight in weights.values()])
    stays = torch.ones_like(magnitudes, dtype=torch.bool)
    gone = round(amount * len(magnitudes))
    if gone:
        stays[torch.argsort(magnitudes, stable=True)[:gone]] = False
    masks = zip(weights.items(), torch.split(stays, sizes), strict=True)
    return {name: mask.view(weight.shape) for (name, weight), mask in masks}


def threshold_masks(weights: Mapping[str, Tensor], below: float) -> dict[str, Tensor]:
    """Masks that leave out every weight whose magnitude is less than `below`."""
    return {name: weight.detach().abs() >= below for name, weight in weights.items()}


def pattern_masks(weights: Mapping[str, Tensor], keep: int = 2, of: int = 4) -> dict[str, Tensor]:
    """Masks that keep the `keep` largest of every `of` neighbouring inputs.

    2:4 is what sparse tensor cores take (Mishra et al., arXiv:2104.08378). Layers whose inputs are
    no multiple of `of` stay whole.
    """
    return {
        name: _pattern(weight.detach(), keep, of)
        for name, weight in weights.items()
        if weight.shape[1] % of == 0
    }


def _pattern(weight: Tensor, keep: int, of: int) -> Tensor:
    last = weight.movedim(1, -1)
    blocks = last.abs().reshape(-1, of)
    stays = torch.zeros_like(blocks, dtype=torch.bool)
    stays.scatter_(1, torch.argsort(blocks, dim=1, descending=True, stable=True)[:, :keep], True)
    return stays.view(last.shape).movedim(-1, 1)


@torch.no_grad()
def clip_weights(weights: list[Tensor], limit: float) -> None:
    """Bring every weight into [-limit, limit], in place."""
    torch._foreach_clamp_min_(weights, -limit)
    torch._foreach_clamp_max_(weights, limit)


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

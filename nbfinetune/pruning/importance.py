"""How much a network would miss each of its units."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from nbfinetune.pruning.attention import PRODUCTS
from nbfinetune.pruning.structure import Group, Member, Structure

Scores = dict[str, NDArray[np.float64]]
Gradients = Mapping[str, Tensor]

BINS_A_DEVIATION, MOST_BINS = 4, 32
"""Bins of an activation's entropy: within one standard deviation of its layer, and either side."""


def magnitude(module: nn.Module, structure: Structure, power: int = 2) -> Scores:
    """Mean absolute (power 1) or squared (2) weight of everything that goes with a unit."""
    return _summed(module, structure, lambda _, weight: weight.abs() ** power)


def taylor(module: nn.Module, structure: Structure, gradients: Gradients) -> Scores:
    """How much the loss would change to first order, squared (Molchanov et al., arXiv:1906.10771).

    Parameters
    ----------
    gradients : mapping of str to Tensor
        Of the loss, by name of the parameter, summed over some training images.
    """
    return _summed(module, structure, lambda name, weight: weight * gradients[name], total=True)


def random(structure: Structure, seed: int) -> Scores:
    """Scores by chance: what a criterion has to beat."""
    rng = np.random.default_rng(seed)
    return {group.name: rng.random(group.units) for group in structure.groups}


def batch_norm_scale(module: nn.Module, structure: Structure) -> Scores:
    """Size of the batch norms' scales; magnitude where a group has none.

    Liu et al., arXiv:1708.06519.
    """
    fallback = magnitude(module, structure)
    scores = {}
    for group in structure.groups:
        scales = [
            _scale(module, m)
            for m in group.members
            if m.dim is None and m.side == "out" and _is_norm(module, m.layer)
        ]
        scores[group.name] = np.mean(scales, 0) if scales else fallback[group.name]
    return scores


def entropy(structure: Structure, activations: Mapping[str, NDArray[np.float32]]) -> Scores:
    """How much a unit's mean activation varies from image to image, in bits.

    Luo and Wu, arXiv:1706.05791. Bins are as wide for all units of a group, so that one which
    hardly moves says little.

    Parameters
    ----------
    activations : mapping of str to array (images, outputs)
        By group, of the layer that makes it; a group without any has 1 bit for each unit.
    """
    return {
        group.name: _bits(activations[group.name])[_places(group)].mean(1)
        if group.name in activations
        else np.ones(group.units)
        for group in structure.groups
    }


def _bits(activations: NDArray[np.float32]) -> NDArray[np.float64]:
    """Entropy of each column."""
    centred = activations - activations.mean(0)
    width = max(float(centred.std()), 1e-30) / BINS_A_DEVIATION
    bins = np.clip(np.round(centred / width), -MOST_BINS, MOST_BINS).astype(np.int64) + MOST_BINS
    count = 2 * MOST_BINS + 1
    columns = activations.shape[1]
    flat = (bins + count * np.arange(columns)).ravel()
    parts = np.bincount(flat, minlength=count * columns).reshape(columns, count) / len(activations)
    return np.asarray(-(parts * np.log2(np.maximum(parts, 1e-30))).sum(1), np.float64)


def _places(group: Group) -> NDArray[np.int64]:
    """Outputs of the layer that makes a group, by unit."""
    made = (m.indices for m in group.members if m.layer == group.name and m.side == "out")
    return next(made, np.arange(group.units)[:, None])


def lamp(scores: Scores) -> Scores:
    """Each unit's share of what is at least as important in its group.

    Lee et al., arXiv:2010.07611.
    """
    result = {}
    for name, values in scores.items():
        order = np.argsort(values)[::-1]
        shares = np.empty_like(values)
        shares[order] = values[order] / np.maximum(np.cumsum(values[order]), 1e-30)
        result[name] = shares
    return result


def comparable(scores: Scores) -> Scores:
    """Scores on one scale: as multiples of their group's mean."""
    return {name: v / max(float(v.mean()), 1e-30) for name, v in scores.items()}


def balanced(scores: Scores, structure: Structure, target: str) -> Scores:
    """Scores on one scale: each between its share of its group's and what it is for its cost.

    It is their geometric mean, ``score / sqrt(group's mean * cost of a unit)``. Shares alone take
    as much of the layers that matter most as of others; scores for their cost alone empty the
    layers that are dear. What one-shot pruning leaves with each is in `benchmarks/LOG.md`.

    Parameters
    ----------
    target : {"parameters", "macs"}
        What a unit costs.
    """
    whole = structure.cost(target)
    single = np.eye(len(structure.groups), dtype=np.int64)
    costs = [max(whole - structure.cost(target, one), 1e-30) for one in single]
    named = ((group.name, scores[group.name]) for group in structure.groups)
    return {
        name: values / np.sqrt(max(float(values.mean()), 1e-30) * cost)
        for (name, values), cost in zip(named, costs, strict=True)
    }


def _scale(module: nn.Module, member: Member) -> NDArray[np.float64]:
    weight = cast("Tensor", module.get_submodule(member.layer).weight)
    return np.asarray(weight.detach().abs()[member.indices].mean(1).cpu(), np.float64)


def _is_norm(module: nn.Module, name: str) -> bool:
    if name.endswith(f".{PRODUCTS}"):
        return False
    return isinstance(module.get_submodule(name), nn.modules.batchnorm._BatchNorm)  # noqa: SLF001


def _summed(
    module: nn.Module,
    structure: Structure,
    value: Callable[[str, Tensor], Tensor],
    *,
    total: bool = False,
) -> Scores:
    parameters = dict(module.named_parameters())
    return {
        group.name: _of_group(parameters, group, value, total=total) for group in structure.groups
    }


@torch.no_grad()
def _of_group(
    parameters: Mapping[str, Tensor],
    group: Group,
    value: Callable[[str, Tensor], Tensor],
    *,
    total: bool,
) -> NDArray[np.float64]:
    sums = torch.zeros(group.units, dtype=torch.float64)
    count = 0
    for member in group.members:
        name = member.layer if member.dim is not None else f"{member.layer}.weight"
        if name not in parameters:
            continue
        weight = parameters[name]
        if weight.ndim < 2 and not total:
            # Scales of norms are on a scale of their own; they count where gradients weigh them.
            continue
        dim = member.dim if member.dim is not None else (0 if member.side == "out" else 1)
        dim = min(dim, weight.ndim - 1)
        values = value(name, weight.detach()).movedim(dim, 0).double()
        values = values.reshape(len(values), -1)
        # Contributions of one unit add up before they are squared.
        per_channel = values.sum(1) if total else values.mean(1)
        sums += per_channel.cpu()[torch.from_numpy(member.indices)].sum(1)
        count += 1
    scores = (sums**2 if total else sums / max(count, 1)).numpy()
    return np.asarray(scores, np.float64)

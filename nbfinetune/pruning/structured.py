"""Structured pruning from end to end: amounts in, a recipe out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import nn

from nbfinetune.models.recipe import Lost, Recipe
from nbfinetune.pruning.attention import PRODUCTS, head_attributes
from nbfinetune.pruning.importance import Scores
from nbfinetune.pruning.structure import Counts, Group, removed_slices


def recipe_for(
    module: nn.Module, groups: Sequence[Group], scores: Scores, removed: Counts
) -> Recipe:
    """What goes where, when so many of the least important units of each group go."""
    gone, heads = {}, {}
    for group, count in zip(groups, removed, strict=True):
        order = np.argsort(scores[group.name], kind="stable")
        gone[group.name] = np.sort(order[:count])
        if group.kind == "heads" and count:
            heads[group.name.rpartition(".")[0]] = int(count)
    slices = removed_slices(groups, gone)
    layers: dict[tuple[str, int | None], dict[str, tuple[int, ...]]] = {}
    for (layer, side, dim), places in slices.items():
        if not layer.endswith(f".{PRODUCTS}"):
            entry = layers.setdefault((layer, dim), {})
            entry["out" if side == "out" else "into"] = tuple(places.tolist())
    return Recipe(
        tuple(Lost(layer=layer, dim=dim, **lost) for (layer, dim), lost in layers.items()),
        head_attributes(module, heads),
    )

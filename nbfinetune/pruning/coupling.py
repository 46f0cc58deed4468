"""What hangs together, walked along Torch-Pruning's graph, with an end to every walk.

Its own walk counts places without a bound: where a reshape is not what it takes it for, as in some
attentions, they multiply for ever. It also computes anew before each walk what does not change.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from torch import nn

MOST_PLACES = 2000
"""For each channel, of all layers together. Beyond it a walk has no end."""


def coupled(graph: Any, kept: Collection[nn.Module]) -> Iterator[Any]:
    """Groups of a graph, each from the first layer that makes its channels.

    Parameters
    ----------
    graph : torch_pruning.DependencyGraph
        That was built.
    kept : collection of nn.Module
        Layers whose outputs stay, and so what hangs together with them.
    """
    from torch_pruning import ops

    staying = {id(layer) for layer in kept}
    seen: set[int] = set()
    for layer in [*graph.module2node]:
        if not isinstance(layer, (ops.TORCH_CONV, ops.TORCH_LINEAR)):
            continue
        if id(layer) in seen | staying:
            continue
        group, ended = _walked(graph, layer)
        made = {
            id(item.dep.target.module)
            for item in group
            if graph.is_out_channel_pruning_fn(item.dep.handler)
        }
        seen |= made
        if ended and not made & staying:
            yield group


def _walked(graph: Any, layer: nn.Module) -> tuple[Any, bool]:
    """What goes with the outputs of a layer, and whether that is all of it."""
    from torch_pruning import _helpers
    from torch_pruning.dependency.dependency import Dependency
    from torch_pruning.dependency.group import Group

    pruner = graph.get_pruner_of_module(layer)
    handler = _handler(pruner, layer)
    root = graph.module2node[layer]
    places = [_helpers._HybridIndex(i, i) for i in range(pruner.get_out_channels(layer))]  # noqa: SLF001
    left = MOST_PLACES * len(places)
    found, ways = Group(), [(Dependency(handler, handler, source=root, target=root), places)]
    found.add_dep(*ways[0])
    visited: set[Any] = set()
    while ways:
        way, places = ways.pop()
        visited.add(way.target)
        for onward in way.target.dependencies:
            if not onward.is_triggered_by(way.handler):
                continue
            there = places
            for mapping in onward.index_mapping:
                there = mapping(there) if mapping is not None else there
                left -= len(there)
            if left < 0:
                return _merged(found), False
            known = onward.target in visited and found.has_pruning_op(onward, there)
            if there and not known:
                found.add_dep(onward, there)
                ways.append((onward, there))
    return _merged(found), True


def _handler(pruner: Any, layer: nn.Module) -> Any:
    from torch_pruning.pruner import function

    groups = getattr(layer, "groups", 1)
    if groups > 1 and groups == getattr(layer, "out_channels", 0):
        return function.prune_depthwise_conv_out_channels
    return pruner.prune_out_channels


def _merged(found: Any) -> Any:
    """Each layer's side once, its places beside those of the root that they go with."""
    from torch_pruning import _helpers
    from torch_pruning.dependency.group import Group

    merged = Group()
    for way, places in found.items:
        merged.add_and_merge(way, places)
    for number in range(len(merged)):
        way, places = merged[number]
        merged[number] = _helpers.GroupItem(way, _helpers.to_plain_idxs(places))
        merged[number].root_idxs = _helpers.to_root_idxs(places)
    return merged

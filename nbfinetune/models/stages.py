"""Where a network's resolution changes: the stages that people cut, freeze and train."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any

from torch import nn
from torchvision.models.swin_transformer import PatchMerging, PatchMergingV2

from nbfinetune.models.heads import is_under

__all__ = ["stage_ends", "stage_numbers"]

_POOLS = (nn.MaxPool2d, nn.AvgPool2d)
_MERGING = (PatchMerging, PatchMergingV2)


def stage_numbers(module: nn.Module, blocks: Sequence[Sequence[str]]) -> list[int]:
    """Stage of each block of parameters, from 0, never falling.

    timm's models say where their stages end (`feature_info`); in others a stage begins with the
    layers that follow, or are, a stride. A network of one resolution has its blocks for stages.

    Parameters
    ----------
    blocks : sequence of sequences of str
        Names of parameters, from the input on, the head left out.
    """
    ends = stage_ends(module)
    if ends:
        numbers = _by_ends(module, blocks, ends)
    else:
        numbers = _by_strides(module, blocks)
        if len(set(numbers)) <= 1:
            # Patches are cut out by a convolution; what cuts them goes with the first block.
            stem = int(not _has_convolutions(module, blocks[1:]))
            numbers = [max(0, place - stem) for place in range(len(blocks))]
    return list(accumulate(numbers, max))


def stage_ends(module: nn.Module) -> list[str]:
    """Modules with which the stages of a timm model end; empty for other models."""
    info: Any = getattr(module, "feature_info", None)
    if not info or not isinstance(info, (list, tuple)):
        return []
    ends = [stage["module"] for stage in info]
    modules = dict(module.named_modules())
    if ends[0] in modules:
        return ends
    # Some name modules that they have not; the stages are then the list that is as long.
    lists = [
        path
        for path, layer in modules.items()
        if isinstance(layer, (nn.ModuleList, nn.Sequential)) and len(layer) == len(ends)
    ]
    alike = [path for path in lists if ends[0].split(".")[0] in path.split(".")[-1]]
    chosen = (alike or lists)[:1]
    return [f"{path}.{place}" for path in chosen for place in range(len(ends))] or ends


def _by_ends(module: nn.Module, blocks: Sequence[Sequence[str]], ends: list[str]) -> list[int]:
    places = {name: place for place, (name, _) in enumerate(module.named_modules())}
    last = [max((p for n, p in places.items() if is_under(n, (end,))), default=-1) for end in ends]
    begins = [min(places[name.rpartition(".")[0]] for name in names) for names in blocks]
    return [
        next((stage for stage, end in enumerate(last) if place <= end), len(ends) - 1)
        for place in begins
    ]


def _by_strides(module: nn.Module, blocks: Sequence[Sequence[str]]) -> list[int]:
    owner = {name.rpartition(".")[0]: place for place, names in enumerate(blocks) for name in names}
    starts = {owner[name] for name in _after_strides(module, owner)}
    return list(accumulate(int(place in starts and place > 0) for place in range(len(blocks))))


def _after_strides(module: nn.Module, owner: dict[str, int]) -> Iterator[str]:
    """Layers that shrink the map, or are the first convolution behind a pooling that does."""
    pooled_in: int | None = None
    block = 0
    for name, layer in module.named_modules():
        block = owner.get(name, block)
        if isinstance(layer, _POOLS) and _shrinks(layer):
            pooled_in = block
        elif isinstance(layer, _MERGING):
            yield next(f"{name}.{inner}" for inner, _ in layer.named_children())
        elif name in owner and isinstance(layer, nn.Conv2d):
            behind = pooled_in is not None and block != pooled_in
            if behind or _shrinks(layer):
                yield name
            pooled_in = None if behind else pooled_in


def _shrinks(layer: nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d) -> bool:
    stride = layer.stride
    return max(stride if isinstance(stride, tuple) else (stride,)) > 1


def _has_convolutions(module: nn.Module, blocks: Sequence[Sequence[str]]) -> bool:
    return any(module.get_parameter(name).ndim == 4 for names in blocks for name in names)

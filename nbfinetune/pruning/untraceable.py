"""Which part of a network stands in the way where it can't be traced."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import torch
from torch import Tensor, nn

from nbfinetune.pruning.coupling import coupled


def guilty_part(module: nn.Module, images: Tensor) -> str:
    """Name of the innermost module that can't be traced by itself, or "" where all of them can.

    Parameters
    ----------
    images : Tensor, (1, C, S, S)
    """
    given = _inputs(module, images)
    name, inner = "", module
    while True:
        parts = [(f"{name}.{key}".lstrip("."), child) for key, child in inner.named_children()]
        found = next((p for p in parts if p[0] in given and not _traces(p[1], given[p[0]])), None)
        if found is None:
            break
        name, inner = found
    return name


def passed_by(module: nn.Module, images: Tensor) -> list[str]:
    """Names of convolutions and linear layers that the images did not go through."""
    reached = _inputs(module, images)
    return [
        name
        for name, layer in module.named_modules()
        if isinstance(layer, (nn.Conv2d, nn.Linear)) and name not in reached
    ]


def _inputs(module: nn.Module, images: Tensor) -> dict[str, tuple[Any, ...]]:
    """What each module was called with, as far as the network came."""
    given: dict[str, tuple[Any, ...]] = {}
    names = {inner: name for name, inner in module.named_modules()}

    def note(inner: nn.Module, args: tuple[Any, ...]) -> None:
        given.setdefault(names[inner], args)

    hooks = [inner.register_forward_pre_hook(note) for inner in names]
    try:
        with torch.no_grad(), suppress(Exception):  # what stopped it has its own sentence
            module(images)
    finally:
        for hook in hooks:
            hook.remove()
    return given


def _traces(module: nn.Module, given: tuple[Any, ...]) -> bool:
    import torch_pruning

    own = tuple(arg.detach() if isinstance(arg, Tensor) else arg for arg in given)
    if next(module.parameters(), None) is None or not all(isinstance(a, Tensor) for a in own):
        return True
    try:
        graph = torch_pruning.DependencyGraph()
        graph.build_dependency(module, own, verbose=False)
        list(coupled(graph, ()))
    except Exception:  # noqa: BLE001 - whatever it is, it is this part's
        return False
    return True

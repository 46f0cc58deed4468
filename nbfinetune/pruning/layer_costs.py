"""What each layer of a network costs: its weights, and its products for one image."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from nbfinetune.pruning.attention import PRODUCTS, is_attention
from nbfinetune.pruning.structure import Group, Layer, Structure


def priced(module: nn.Module, groups: tuple[Group, ...], images: Tensor) -> Structure:
    """Groups of a network together with what its layers cost.

    Parameters
    ----------
    images : Tensor, (1, C, S, S)
        What goes through it to be counted.
    """
    layers = _computing(module, images)
    layers |= _others(module, groups, layers.keys())
    rows = layers.values()
    counted = sum(row.outputs * (row.inputs * row.per_pair + row.per_output) for row in rows)
    total = sum(parameter.numel() for parameter in module.parameters())
    return Structure(groups, tuple(rows), round(total - counted))


def _computing(module: nn.Module, images: Tensor) -> dict[str, Layer]:
    """Layers with products, counted while the images go through."""
    found: dict[str, Layer] = {}

    def note(name: str, count: Callable[..., Layer]) -> Callable[..., None]:
        def hook(layer: nn.Module, given: Any, out: Tensor) -> None:
            row = count(name, layer, given[0], out)
            again = found[row.name].macs if row.name in found else 0
            found[row.name] = Layer(
                row.name, row.outputs, row.inputs, row.per_pair, row.per_output, row.macs + again
            )

        return hook

    hooks = []
    for name, layer in module.named_modules():
        count = _counter(layer)
        if count is not None:
            hooks.append(layer.register_forward_hook(note(name, count)))
    try:
        with torch.no_grad():
            module(images)
    finally:
        for hook in hooks:
            hook.remove()
    return found


def _counter(layer: nn.Module) -> Callable[..., Layer] | None:
    if isinstance(layer, nn.Conv2d):
        return _convolution
    if isinstance(layer, nn.Linear):
        return _linear
    return _products if is_attention(layer) else None


def _convolution(name: str, layer: nn.Conv2d, _: Tensor, out: Tensor) -> Layer:
    inputs = layer.in_channels // layer.groups
    area = layer.kernel_size[0] * layer.kernel_size[1]
    bias = float(layer.bias is not None)
    return Layer(name, layer.out_channels, inputs, float(area), bias, out.numel() * inputs * area)


def _linear(name: str, layer: nn.Linear, _: Tensor, out: Tensor) -> Layer:
    bias = float(layer.bias is not None)
    macs = out.numel() * layer.in_features
    return Layer(name, layer.out_features, layer.in_features, 1.0, bias, macs)


def _products(name: str, layer: Any, given: Tensor, _: Tensor) -> Layer:
    rows, tokens = given.numel() // given.shape[-1], given.shape[-2]
    macs = 2 * rows * tokens * (layer.qkv.out_features // 3)
    return Layer(f"{name}.{PRODUCTS}", layer.num_heads, 1, 0.0, 0.0, macs)


def _others(module: nn.Module, groups: Iterable[Group], known: Iterable[str]) -> dict[str, Layer]:
    """Norms, and parameters of no layer, that shrink with a group and compute no products."""
    members = {member.layer: member for group in groups for member in group.members}
    rows = {}
    for name in members.keys() - set(known):
        dim = members[name].dim
        if dim is not None:
            parameter = module.get_parameter(name)
            outputs, numbers = parameter.shape[dim], parameter.numel()
        else:
            sizes = [p.numel() for p in module.get_submodule(name).parameters()]
            outputs, numbers = max(sizes, default=1), sum(sizes)
        rows[name] = Layer(name, outputs, 1, 0.0, numbers / outputs, 0)
    return rows

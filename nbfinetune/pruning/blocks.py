"""Whole blocks that a network can do without, found by leaving each out in turn."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call

from nbfinetune.models.heads import is_under
from nbfinetune.models.recipe import Recipe
from nbfinetune.models.removing import Skipped
from nbfinetune.pruning.layer_costs import priced

LOOKED_AT = 128
"""Images on which the loss without a block is measured."""

ALIKE = 1e-5
"""Part of the largest number by which rounding may tell two maps of features apart."""

Batches = list[tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class Block:
    """A part of a network that adds to what passes by it, so that the rest works without.

    Parameters
    ----------
    name : str
    parameters, macs : int
        That go with it; multiply-accumulates of one image.
    """

    name: str
    parameters: int
    macs: int


def blocks(module: nn.Module, image_size: int, in_chans: int = 3) -> tuple[Block, ...]:
    """Blocks with a shortcut around them, in the order of the network; others can't be missed.

    A module is one if it gives back what it got once all its weights are zero. Of modules within
    each other the inner ones count where they make up the outer one (a stage of blocks).

    Parameters
    ----------
    image_size : int
        Side in pixels for which multiply-accumulates are counted.
    """
    weight = next(module.parameters())
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(1, in_chans, image_size, image_size, generator=generator)
    images = images.to(weight.device)
    was_training = module.training
    module.eval()
    try:
        names = _innermost(module, _with_shortcuts(module, images))
        layers = priced(module, (), images).layers
    finally:
        module.train(was_training)
    return tuple(
        Block(
            name,
            sum(p.numel() for p in module.get_submodule(name).parameters()),
            sum(layer.macs for layer in layers if is_under(layer.name, (name,))),
        )
        for name in names
    )


def depth_recipe(
    model: nn.Module,
    batches: Iterable[tuple[Tensor, Tensor]],
    loss: Callable[[Tensor, Tensor], Tensor],
    amount: float,
    target: str,
    image_size: int,
    in_chans: int = 3,
    *,
    protect: Collection[str] = (),
) -> Recipe | None:
    """Blocks that are taken out, so that `amount` of the target goes at most.

    One after the other goes the block without which the loss rises least for what it costs. What
    was measured with more blocks in place is taken for a lower bound (Minoux, 1978), so few are
    measured again in each round. Batch norms take the statistics of each batch meanwhile, since
    they will be measured anew.

    Parameters
    ----------
    batches : iterable of (Tensor (B, C, S, S), Tensor (B,) or (B, K))
        Normalised images and their labels, on the model's device; the first `LOOKED_AT` images
        are looked at.
    loss : callable
        Of logits and labels.
    amount : float in (0, 1)
        Part of the target.
    target : {"macs", "parameters"}
    protect : collection of str
        Layers that stay: the blocks that they are in, or that are in them, are not touched.

    Returns
    -------
    Recipe or None
        None where no block is small enough, or the network has none.
    """
    with _restored(model):
        free = [
            block
            for block in blocks(model, image_size, in_chans)
            if not any(is_under(block.name, (p,)) or is_under(p, (block.name,)) for p in protect)
        ]
        costs = {block.name: block.macs if target == "macs" else block.parameters for block in free}
        room = amount * _whole(model, target, image_size, in_chans)
        looked_at = _first(batches)
        _take_statistics_of_each_batch(model)
        gone = _least_missed(model, costs, room, lambda: _mean_loss(model, looked_at, loss))
    # In the order of the network, whatever the order in which they were found.
    names = tuple(block.name for block in free if block.name in gone)
    return Recipe(layers=(), blocks=names) if names else None


def _least_missed(
    model: nn.Module, costs: dict[str, int], room: float, measured: Callable[[], float]
) -> set[str]:
    """Names of blocks whose costs together are not above `room`; the model stays whole."""
    whole = {name: model.get_submodule(name) for name in costs}
    queue = [(-math.inf, place, -1, name) for place, name in enumerate(costs)]
    gone: set[str] = set()
    now = math.nan
    try:
        while queue:
            rise, place, seen, name = heapq.heappop(queue)
            if costs[name] > room or not costs[name]:
                continue
            if seen == len(gone):
                model.set_submodule(name, Skipped())
                gone.add(name)
                room -= costs[name]
                now += rise * costs[name]
                continue
            now = measured() if math.isnan(now) else now
            model.set_submodule(name, Skipped())
            rise = (measured() - now) / costs[name]
            model.set_submodule(name, whole[name])
            heapq.heappush(queue, (rise, place, len(gone), name))
    finally:
        for name in gone:
            model.set_submodule(name, whole[name])
    return gone


def _with_shortcuts(module: nn.Module, images: Tensor) -> list[str]:
    """Modules that give their input back when their weights are zero."""
    calls: dict[str, list[tuple[Any, Any]]] = {}

    def note(name: str) -> Callable[..., None]:
        def hook(_: nn.Module, given: Any, named: Any, out: Any) -> None:
            fits = given and isinstance(out, Tensor) and isinstance(given[0], Tensor)
            same = bool(fits) and out.shape == given[0].shape
            calls.setdefault(name, []).append((given, named) if same else ((), {}))

        return hook

    computing = (nn.Conv2d, nn.Linear)
    hooks = [
        layer.register_forward_hook(note(name), with_kwargs=True)
        for name, layer in module.named_modules()
        if name and any(isinstance(inner, computing) for inner in layer.modules())
    ]
    try:
        with torch.no_grad():
            module(images)
    finally:
        for hook in hooks:
            hook.remove()
    # What is used twice would have to go from both places.
    once = {name: called[0] for name, called in calls.items() if len(called) == 1}
    return [
        name
        for name, (given, named) in once.items()
        if given and _gives_back(module.get_submodule(name), given, named)
    ]


@torch.no_grad()
def _gives_back(block: nn.Module, given: Any, named: Any) -> bool:
    nothing = {name: torch.zeros_like(value) for name, value in block.named_parameters()}
    out = functional_call(block, nothing, given, named)
    scale = float(given[0].abs().max())
    return scale > 0 and bool((out - given[0]).abs().max() < ALIKE * scale)


def _innermost(module: nn.Module, names: Collection[str]) -> list[str]:
    def size(name: str) -> int:
        return sum(p.numel() for p in module.get_submodule(name).parameters())

    chosen: list[str] = []
    for name, _ in reversed([*module.named_modules()]):
        if name not in names:
            continue
        inner = [one for one in chosen if is_under(one, (name,))]
        if 2 * sum(map(size, inner)) < size(name):
            chosen = [name, *(one for one in chosen if one not in inner)]
    order = {name: place for place, (name, _) in enumerate(module.named_modules())}
    return sorted(chosen, key=order.__getitem__)


def _whole(model: nn.Module, target: str, image_size: int, in_chans: int) -> float:
    weight = next(model.parameters())
    images = torch.zeros(1, in_chans, image_size, image_size, device=weight.device)
    return priced(model.eval(), (), images).cost(target)


def _first(batches: Iterable[tuple[Tensor, Tensor]]) -> Batches:
    kept: Batches = []
    for images, labels in batches:
        kept.append((images, labels))
        if sum(len(labels) for _, labels in kept) >= LOOKED_AT:
            break
    return kept


@torch.no_grad()
def _mean_loss(
    model: nn.Module, batches: Batches, loss: Callable[[Tensor, Tensor], Tensor]
) -> float:
    losses = [float(loss(model(images).float(), labels)) for images, labels in batches]
    mean = float(np.average(losses, weights=[len(labels) for _, labels in batches]))
    return mean if math.isfinite(mean) else math.inf


def _take_statistics_of_each_batch(model: nn.Module) -> None:
    for inner in model.eval().modules():
        if isinstance(inner, nn.modules.batchnorm._BatchNorm):  # noqa: SLF001
            inner.train()
            inner.track_running_stats = False


@contextmanager
def _restored(model: nn.Module) -> Iterator[None]:
    """Afterwards modules are in training, and norms keep statistics, as before."""
    modes = {inner: inner.training for inner in model.modules()}
    tracked = {m: m.track_running_stats for m in modes if hasattr(m, "track_running_stats")}
    try:
        yield
    finally:
        for inner, was in modes.items():
            inner.training = was
        for norm, kept in tracked.items():
            norm.track_running_stats = kept

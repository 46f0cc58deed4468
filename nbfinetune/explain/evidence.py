"""What speaks for a class in a batch of images, by one of the methods."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal, NamedTuple, TypeAlias

import torch
from torch import Tensor, nn

from nbfinetune.errors import ModelError
from nbfinetune.explain.activation import eigen_cam, grad_cam, hires_cam, scaled
from nbfinetune.explain.attention import attention_maps, gradient_attention, rollout
from nbfinetune.explain.targets import Positions, Target

__all__ = ["Evidence", "Method", "chosen", "evidence"]

Method: TypeAlias = Literal[
    "auto", "grad_cam", "hires_cam", "eigen_cam", "gradient_attention", "attention_rollout"
]

_BY_ATTENTION = ("gradient_attention", "attention_rollout")


class Evidence(NamedTuple):
    """What was found in a batch, on the CPU.

    Parameters
    ----------
    maps : Tensor, float32 (B, h, w) in [0, 1]
    columns : Tensor, int64 (B,)
        Classes that they are of.
    probabilities : Tensor, float32 (B,)
        Of these classes.
    layer : str
        Whose output was looked at.
    """

    maps: Tensor
    columns: Tensor
    probabilities: Tensor
    layer: str


def chosen(method: Method, target: Target) -> Method:
    """The method that is meant by `method` for a model with this target.

    Raises
    ------
    ModelError
        If attention is asked for and the model's is not known.
    """
    if method == "auto":
        return "gradient_attention" if target.readers and target.attends else "grad_cam"
    if method in _BY_ATTENTION and not target.attends:
        raise ModelError(
            f"method={method!r} needs a model whose layers all attend between the same tokens, "
            "as timm's ViTs do, and this one does not; take 'grad_cam', 'hires_cam' or 'eigen_cam'"
        )
    return method


def evidence(
    model: nn.Module, batch: Tensor, target: Target, method: Method, column: int | None
) -> Evidence:
    """Send a batch through and back, and look at it as `method` does.

    Parameters
    ----------
    model : nn.Module
        In evaluation mode.
    batch : Tensor, float32 (B, C, S, S)
    method : str
        Not `"auto"`; see `chosen`.
    column : int, optional
        Class that is looked for; default the one that each image has the highest logit of.
    """
    attending = method in _BY_ATTENTION
    listening = attention_maps(model) if attending else _output_of(model, target.layer)
    with torch.enable_grad(), listening as seen:
        logits = model(batch.detach().requires_grad_())
    best = logits.detach().argmax(1)
    columns = (best if column is None else torch.full_like(best, column))[:, None]
    # What all logits share changes no probability: a class is found by what it has over the mean.
    contrast = logits - logits.mean(1, keepdim=True)
    gradients = torch.autograd.grad(contrast.gather(1, columns).sum(), seen)
    with torch.no_grad():
        maps = (
            _attended(method, target, seen, gradients)
            if attending
            else _activated(method, target.positions, seen[0], gradients[0])
        )
        probabilities = logits.float().softmax(1).gather(1, columns)
        layer = f"{len(seen)} layers of attention" if attending else target.layer
        return Evidence(
            scaled(maps.float()).cpu(), columns[:, 0].cpu(), probabilities[:, 0].cpu(), layer
        )


@contextmanager
def _output_of(model: nn.Module, layer: str) -> Iterator[list[Tensor]]:
    """What a layer gave last, while this lasts."""
    found: list[Tensor] = []

    def note(_: nn.Module, __: object, output: Tensor) -> None:
        found[:] = [output]

    handle = model.get_submodule(layer).register_forward_hook(note)
    try:
        yield found
    finally:
        handle.remove()


def _activated(method: Method, positions: Positions, output: Tensor, gradient: Tensor) -> Tensor:
    activations, gradients = positions.grid(output), positions.grid(gradient)
    if method == "eigen_cam":
        return eigen_cam(activations.float())
    return (hires_cam if method == "hires_cam" else grad_cam)(activations, gradients)


def _attended(
    method: Method, target: Target, maps: Sequence[Tensor], gradients: Sequence[Tensor]
) -> Tensor:
    relevance = (
        rollout(maps) if method == "attention_rollout" else gradient_attention(maps, gradients)
    )
    before = target.positions.prefix
    readers = list(target.readers) or list(range(before, target.tokens))
    read = relevance[:, readers].mean(1)[..., None]
    return target.positions.grid(read)[:, 0]

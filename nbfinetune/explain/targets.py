"""Which layer of a model is looked at: the last whose output has positions that decide.

There is no table of families: one image is sent through the model, and each layer's output is
asked whether it has positions and whether the gradient of the score reaches them. So the rule
holds for edited and pruned models, and for a user's own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

import torch
from torch import Tensor, nn

from nbfinetune.errors import ModelError
from nbfinetune.explain.attention import attention_maps, attentions
from nbfinetune.models.heads import is_under

__all__ = ["Positions", "Target", "find_target", "positions_in"]

Form: TypeAlias = Literal["NCHW", "NHWC", "NLC"]
Hook: TypeAlias = Callable[[nn.Module, object, object], None]

MOST_PREFIX_TOKENS = 16
"""Classes and registers that may stand before the tokens of the patches."""

_PASSING = (nn.Identity, nn.Dropout, nn.Dropout2d)
"""What gives its input back is not worth a name."""


class Positions(NamedTuple):
    """How an output holds its positions.

    Parameters
    ----------
    form : {"NCHW", "NHWC", "NLC"}
        Map with its channels first or last, or tokens.
    prefix : int
        Tokens before those of the positions.
    """

    form: Form
    prefix: int = 0

    def grid(self, output: Tensor) -> Tensor:
        """Output, or gradient by it, as (B, C, H, W)."""
        if self.form == "NCHW":
            return output
        if self.form == "NLC":
            side = math.isqrt(output.shape[1] - self.prefix)
            output = output[:, self.prefix :].reshape(len(output), side, side, -1)
        return output.permute(0, 3, 1, 2)


@dataclass(frozen=True)
class Target:
    """What of a model is looked at.

    Parameters
    ----------
    layer : str
        Name of the module.
    positions : Positions
        How its output holds them.
    readers : tuple of int
        Tokens that the classifier reads instead of the positions; empty where it reads these.
    tokens : int
        Of the last layer, those before the positions among them; 0 where it gives maps.
    attends : bool
        Whether all attention of the model is known, and between all these tokens.
    """

    layer: str
    positions: Positions
    readers: tuple[int, ...] = ()
    tokens: int = 0
    attends: bool = False


def find_target(model: nn.Module, image: Tensor) -> Target:
    """Layer to look at: the last with positions, as far as the gradient reaches them.

    Where the classifier reads a token of its own, the last layers' positions no longer matter to
    it; then it is the last layer with an output of that shape whose positions still do.

    Parameters
    ----------
    model : nn.Module
        In evaluation mode.
    image : Tensor (1, C, S, S)

    Raises
    ------
    ModelError
        If there is no such layer.
    """
    with torch.enable_grad(), attention_maps(model) as maps, _listening(model) as heard:
        score = model(image.detach().requires_grad_()).max()
    if not heard:
        raise ModelError(
            f"{type(model).__name__} has no layer whose output has positions in the image (a map "
            "or tokens, more than one), so no place can be shown; take a convolutional model, a "
            "transformer, or larger images"
        )
    outputs = [one.output for one in heard]
    gradients: list[Tensor | None] = [*torch.autograd.grad(score, outputs, allow_unused=True)]
    last = heard[-1]
    for one, gradient in zip(reversed(heard), reversed(gradients), strict=True):
        alike = one.output.shape == last.output.shape
        if alike and gradient is not None and bool(one.positions.grid(gradient).any()):
            tokens = last.output.shape[1] if last.positions.form == "NLC" else 0
            readers = _readers(gradients[-1], last.positions) if one is not last else ()
            attends = bool(maps) and all(
                attention.shape[0] == 1 and attention.shape[-2:] == (tokens, tokens)
                for attention in maps
            )
            return Target(one.name, one.positions, readers, tokens, attends and bool(tokens))
    raise ModelError(
        f"no gradient reaches the positions of any layer of {type(model).__name__} (the last with "
        f"positions is {last.name!r}), so no place can be shown; train the model, or leave out of "
        "it what computes without gradients"
    )


def positions_in(shape: torch.Size, prefix: int) -> Positions | None:
    """How an output of this shape holds more than one position; None where it does not.

    Parameters
    ----------
    prefix : int
        Tokens before the patches', as the model says; others are tried where it can't be.
    """
    if len(shape) == 4:
        form: Form = "NHWC" if shape[1] == shape[2] != shape[3] else "NCHW"
        height, width = shape[1:3] if form == "NHWC" else shape[2:]
        return Positions(form) if height > 1 and width > 1 else None
    if len(shape) != 3:
        return None
    fitting = [
        before
        for before in (prefix, *range(MOST_PREFIX_TOKENS))
        if shape[1] - before > 1 and math.isqrt(shape[1] - before) ** 2 == shape[1] - before
    ]
    return Positions("NLC", fitting[0]) if fitting else None


class _Heard(NamedTuple):
    name: str
    output: Tensor
    positions: Positions


@contextmanager
def _listening(model: nn.Module) -> Iterator[list[_Heard]]:
    """Outputs with positions that a gradient can reach, in the order in which they are made."""
    heard: list[_Heard] = []
    prefix = int(getattr(model, "num_prefix_tokens", 0))
    inner = tuple(attentions(model))

    def hook(name: str) -> Hook:
        def note(_: nn.Module, __: object, output: object) -> None:
            if not isinstance(output, Tensor) or not output.requires_grad or len(output) != 1:
                return
            positions = positions_in(output.shape, prefix)
            if positions is not None:
                heard.append(_Heard(name, output, positions))

        return note

    handles = [
        module.register_forward_hook(hook(name))
        for name, module in model.named_modules()
        if name and not isinstance(module, _PASSING) and not is_under(name, inner)
    ]
    try:
        yield heard
    finally:
        for handle in handles:
            handle.remove()


def _readers(gradient: Tensor | None, positions: Positions) -> tuple[int, ...]:
    if gradient is None or positions.form != "NLC":
        return ()
    reached = gradient[0, : positions.prefix].abs().sum(1) > 0
    return tuple(reached.nonzero().flatten().tolist())

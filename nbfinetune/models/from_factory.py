"""A user's own model, out of a function named as `"package.module:function"`."""

from __future__ import annotations

import inspect
from dataclasses import asdict
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from nbfinetune.errors import ModelError
from nbfinetune.models.first_layer import fit_channels
from nbfinetune.models.heads import head_names, quieten, replace_head, set_dropout
from nbfinetune.models.names import ModelName, factory
from nbfinetune.models.shape import RGB, Shape

__all__ = ["adapted", "arguments", "create", "create_pretrained"]


def arguments(name: ModelName, shape: Shape) -> dict[str, Any]:
    """Keywords with which the factory is called: those of ours that its signature names."""
    try:
        parameters = inspect.signature(factory(name.full)).parameters
    except (TypeError, ValueError):
        return {}
    offered = asdict(shape)
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    named = {key for key, parameter in parameters.items() if parameter.kind in kinds}
    return {key: value for key, value in offered.items() if key in named}


def create(name: ModelName, shape: Shape) -> nn.Module:
    """What the factory gives.

    It is called with those of `num_classes`, `in_chans`, `image_size` and `dropout` that its
    signature names. Where it takes no `num_classes`, its last layer is replaced; where it takes no
    `in_chans` and images are not RGB, its first convolution is fitted to them.

    Raises
    ------
    ModelError
        If it fails, or gives something else than a module; the message quotes it.
    """
    function = factory(name.full)
    taken = arguments(name, shape)
    try:
        module = function(**taken)
    except Exception as error:
        raise ModelError(
            f"{name.full} failed when it was called with {taken}: {type(error).__name__}: {error}"
        ) from error
    if not isinstance(module, nn.Module):
        raise ModelError(
            f"{name.full} gave a {type(module).__name__}, not a torch.nn.Module: {module!r:.80}"
        )
    _complete(module, name, shape, taken)
    return module


def create_pretrained(
    name: ModelName,
    shape: Shape,
    cache_dir: Path | None = None,  # noqa: ARG001 - one signature for all origins
) -> tuple[nn.Module, str]:
    """As `create`: which weights a factory gives is the factory's affair."""
    return create(name, shape), f"as {name.full} gives them"


def adapted(module: nn.Module, state: dict[str, Tensor]) -> dict[str, Tensor]:  # noqa: ARG001
    """Weights as they are."""
    return state


def _complete(module: nn.Module, name: ModelName, shape: Shape, taken: dict[str, Any]) -> None:
    if "in_chans" not in taken and shape.in_chans != RGB:
        fit_channels(module, shape.in_chans, name.full)
    if "num_classes" not in taken:
        heads = head_names(module)
        replace_head(
            module, heads, num_classes=shape.num_classes, kind="linear", dropout=shape.dropout
        )
        quieten(module, heads)
    elif "dropout" not in taken:
        set_dropout(module, head_names(module), shape.dropout)

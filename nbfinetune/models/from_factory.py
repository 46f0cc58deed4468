"""A user's own model, out of a function named as `"package.module:function"`."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from nbfinetune.errors import ModelError
from nbfinetune.models.heads import head_names, quieten, replace_head, set_dropout
from nbfinetune.models.names import ModelName, factory

__all__ = ["adapted", "arguments", "create", "create_pretrained"]


def arguments(
    name: ModelName, *, num_classes: int, image_size: int, dropout: float
) -> dict[str, Any]:
    """Keywords with which the factory is called: those of ours that its signature names."""
    try:
        parameters = inspect.signature(factory(name.full)).parameters
    except (TypeError, ValueError):
        return {}
    offered = {
        "num_classes": num_classes,
        "in_chans": 3,
        "image_size": image_size,
        "dropout": dropout,
    }
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    named = {key for key, parameter in parameters.items() if parameter.kind in kinds}
    return {key: value for key, value in offered.items() if key in named}


def create(name: ModelName, *, num_classes: int, image_size: int, dropout: float) -> nn.Module:
    """What the factory gives.

    It is called with those of `num_classes`, `in_chans`, `image_size` and `dropout` that its
    signature names. Where it takes no `num_classes`, its last layer is replaced.

    Raises
    ------
    ModelError
        If it fails, or gives something else than a module; the message quotes it.
    """
    function = factory(name.full)
    taken = arguments(name, num_classes=num_classes, image_size=image_size, dropout=dropout)
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
    if "num_classes" not in taken:
        heads = head_names(module)
        replace_head(module, heads, num_classes=num_classes, kind="linear", dropout=dropout)
        quieten(module, heads)
    elif "dropout" not in taken:
        set_dropout(module, head_names(module), dropout)
    return module


def create_pretrained(
    name: ModelName,
    *,
    num_classes: int,
    image_size: int,
    dropout: float,
    cache_dir: Path | None = None,  # noqa: ARG001 - one signature for all origins
) -> tuple[nn.Module, str]:
    """As `create`: which weights a factory gives is the factory's affair."""
    module = create(name, num_classes=num_classes, image_size=image_size, dropout=dropout)
    return module, f"as {name.full} gives them"


def adapted(module: nn.Module, state: dict[str, Tensor]) -> dict[str, Tensor]:  # noqa: ARG001
    """Weights as they are."""
    return state

"""Models of timm: built, with published weights or without."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import timm
from torch import Tensor, nn

from nbfinetune.errors import ModelError
from nbfinetune.models.names import ModelName, timm_config
from nbfinetune.models.published import timm_weights
from nbfinetune.models.shape import Shape

__all__ = ["adapted", "arguments", "create", "create_pretrained"]


def arguments(name: ModelName, shape: Shape) -> dict[str, Any]:
    """Keywords with which `timm.create_model` builds the model."""
    given: dict[str, Any] = {"num_classes": shape.num_classes}
    cfg = timm_config(name.full)
    side = shape.image_size
    if cfg.get("fixed_input_size") and cfg["input_size"][1:] != (side, side):
        given["img_size"] = side
    if shape.in_chans != cfg["input_size"][0]:
        given["in_chans"] = shape.in_chans
    if shape.dropout:
        given["drop_rate"] = shape.dropout
    return given


def create(name: ModelName, shape: Shape, **options: Any) -> nn.Module:
    """Model with random weights; `options` go to `timm.create_model`."""
    model: nn.Module = timm.create_model(name.full, **arguments(name, shape), **options)
    return model


def create_pretrained(
    name: ModelName, shape: Shape, cache_dir: Path | None = None
) -> tuple[nn.Module, str]:
    """Model with published weights, and a sentence on where they are from.

    timm itself fits them in: position embeddings are resampled, the first convolution is inflated
    to the channels, the classifier is dropped where the number of classes differs.

    Raises
    ------
    WeightsUnavailable
        If nothing is published, or it is neither cached nor reachable.
    ModelError
        If the weights can't be had at this image size.
    """
    cfg = timm_config(name.full)
    path, sentence = timm_weights(cfg, cache_dir)
    # timm reads a local file as it reads the hub's, but for formats that the model itself reads.
    custom = path.suffix == ".npz" or cfg.get("custom_load") == "hf"
    try:
        model = create(
            name,
            shape,
            pretrained=True,
            pretrained_cfg_overlay={"file": str(path), "custom_load": custom},
        )
    except RuntimeError as error:
        raise ModelError(
            f"the published weights of {name.full} ({path}) can't be loaded at "
            f"{shape.image_size} pixels ({_first_line(error)}); leave image_size out, "
            "or delete the file if it is damaged"
        ) from error
    return model, sentence


def adapted(module: nn.Module, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights of another release or image size in the model's own form, where timm knows how."""
    convert = getattr(sys.modules[type(module).__module__], "checkpoint_filter_fn", None)
    if convert is None:
        return state
    try:
        converted: dict[str, Tensor] = convert(dict(state), module)
    except (KeyError, AttributeError, RuntimeError, IndexError, AssertionError, ValueError):
        # Not the layout that it converts; what differs is said when the weights are loaded.
        return state
    return converted


def _first_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]

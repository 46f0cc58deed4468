"""Classification models of torchvision (`tv_<name>`), for what timm has not."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import torchvision
from torch import Tensor, nn
from torchvision.models.vision_transformer import VisionTransformer, interpolate_embeddings

from nbfinetune.models.first_layer import fit_channels
from nbfinetune.models.heads import head_names, set_dropout
from nbfinetune.models.names import ModelName
from nbfinetune.models.published import file_at_url
from nbfinetune.models.shape import RGB, Shape
from nbfinetune.models.weights import load_weights, read_weights

__all__ = ["adapted", "arguments", "create", "create_pretrained"]

# Heads that only help training from nothing; torchvision's own fine-tuning drops them as well.
_AUXILIARY = ("aux1.", "aux2.", "AuxLogits.")
_OLD_DENSENET = re.compile(r"^(.*denselayer\d+\.(?:norm|relu|conv))\.([12]\..*)$")


def arguments(name: ModelName, shape: Shape) -> dict[str, Any]:
    """Keywords with which torchvision's constructor builds the model."""
    given: dict[str, Any] = {"num_classes": shape.num_classes}
    if name.architecture in ("googlenet", "inception_v3"):
        # Their weights expect pixels scaled to [-1, 1]; of RGB `transform_input` makes them within.
        given |= {"aux_logits": False, "init_weights": True}
        given["transform_input"] = shape.in_chans == RGB
    if name.architecture.startswith("vit_"):
        given["image_size"] = shape.image_size
    return given


def create(name: ModelName, shape: Shape) -> nn.Module:
    """Model with random weights.

    `dropout` sets the dropout layer before the classifier; 0 leaves it as published.
    """
    model = _for_rgb(name, shape)
    fit_channels(model, shape.in_chans, name.full)
    return model


def create_pretrained(
    name: ModelName, shape: Shape, cache_dir: Path | None = None
) -> tuple[nn.Module, str]:
    """Model with published weights, and a sentence on where they are from.

    Raises
    ------
    WeightsUnavailable
        If they are neither cached nor reachable.
    """
    entries = torchvision.models.get_model_weights(name.architecture)
    weights = entries[name.tag] if name.tag else entries.DEFAULT
    path, sentence = file_at_url(weights.url, cache_dir)
    model = create(name, shape)
    state = adapted(model, read_weights(path))
    load_weights(model, state, head_names(model), source=str(path))
    return model, sentence


def _for_rgb(name: ModelName, shape: Shape) -> nn.Module:
    model: nn.Module = torchvision.models.get_model(
        name.architecture, weights=None, **arguments(name, shape)
    )
    set_dropout(model, head_names(model), shape.dropout)
    return model


def adapted(module: nn.Module, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights of another release or image size in the model's own form."""
    state = {k: v for k, v in state.items() if not k.startswith(_AUXILIARY)}
    state = {_OLD_DENSENET.sub(r"\1\2", k): v for k, v in state.items()}
    if isinstance(module, VisionTransformer) and "encoder.pos_embedding" in state:
        state = dict(interpolate_embeddings(module.image_size, module.patch_size, state))
    return state

"""Classification models of torchvision (`tv_<name>`), for what timm has not."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import torchvision
from torch import Tensor, nn
from torchvision.models.vision_transformer import VisionTransformer, interpolate_embeddings

from nbfinetune.models.heads import head_names, set_dropout
from nbfinetune.models.names import ModelName
from nbfinetune.models.published import file_at_url
from nbfinetune.models.weights import load_weights, read_weights

__all__ = ["adapted", "arguments", "create", "create_pretrained"]

# Heads that only help training from nothing; torchvision's own fine-tuning drops them as well.
_AUXILIARY = ("aux1.", "aux2.", "AuxLogits.")
_OLD_DENSENET = re.compile(r"^(.*denselayer\d+\.(?:norm|relu|conv))\.([12]\..*)$")


def arguments(
    name: ModelName,
    *,
    num_classes: int,
    image_size: int,
    dropout: float,  # noqa: ARG001 - not every constructor takes it
) -> dict[str, Any]:
    """Keywords with which torchvision's constructor builds the model."""
    given: dict[str, Any] = {"num_classes": num_classes}
    if name.architecture in ("googlenet", "inception_v3"):
        # Their weights expect pixels scaled to [-1, 1]; `transform_input` does that within.
        given |= {"aux_logits": False, "transform_input": True, "init_weights": True}
    if name.architecture.startswith("vit_"):
        given["image_size"] = image_size
    return given


def create(name: ModelName, *, num_classes: int, image_size: int, dropout: float) -> nn.Module:
    """Model with random weights.

    `dropout` sets the dropout layer before the classifier; 0 leaves it as published.
    """
    given = arguments(name, num_classes=num_classes, image_size=image_size, dropout=dropout)
    model: nn.Module = torchvision.models.get_model(name.architecture, weights=None, **given)
    set_dropout(model, head_names(model), dropout)
    return model


def create_pretrained(
    name: ModelName,
    *,
    num_classes: int,
    image_size: int,
    dropout: float,
    cache_dir: Path | None = None,
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
    model = create(name, num_classes=num_classes, image_size=image_size, dropout=dropout)
    state = adapted(model, read_weights(path))
    load_weights(model, state, head_names(model), source=str(path))
    return model, sentence


def adapted(module: nn.Module, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights of another release or image size in the model's own form."""
    state = {k: v for k, v in state.items() if not k.startswith(_AUXILIARY)}
    state = {_OLD_DENSENET.sub(r"\1\2", k): v for k, v in state.items()}
    if isinstance(module, VisionTransformer) and "encoder.pos_embedding" in state:
        state = dict(interpolate_embeddings(module.image_size, module.patch_size, state))
    return state

"""Lines of Python that load an exported model where nbfinetune is not installed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from nbfinetune.models.build import ORIGINS
from nbfinetune.models.heads import Head, head_names
from nbfinetune.models.names import ModelName
from nbfinetune.models.shape import Shape

__all__ = ["loading_code"]


def loading_code(
    module: nn.Module, name: ModelName, facts: Mapping[str, Any], filename: str
) -> list[str]:
    """Code that ends with `model` in eval mode.

    Parameters
    ----------
    facts : mapping
        Of the checkpoint.
    filename : str
        The weights, as seen from the working directory.
    """
    shape = Shape(facts["num_classes"], facts["image_size"], 0.0, facts["model"]["in_chans"])
    given = ORIGINS[name.origin].arguments(name, shape)
    layers = {head: module.get_submodule(head) for head in head_names(module)}
    replaced = [
        f"model.set_submodule({head!r}, {_code(layer)})"
        for head, layer in layers.items()
        if isinstance(layer, Head) or "num_classes" not in given
    ]
    return [
        "from safetensors.torch import load_file",
        *(["from torch import nn"] if replaced else []),
        *_built(name, given),
        *replaced,
        f"model.load_state_dict(load_file({filename!r}))",
        "_ = model.eval()",
    ]


def _built(name: ModelName, given: Mapping[str, Any]) -> tuple[str, str]:
    keywords = ", ".join(f"{key}={value!r}" for key, value in given.items())
    if name.origin == "factory":
        package, _, function = name.full.partition(":")
        return f"from {package} import {function}", f"model = {function}({keywords})"
    if name.origin == "timm":
        return "import timm", f"model = timm.create_model({name.architecture!r}, {keywords})"
    return "import torchvision", f"model = torchvision.models.{name.architecture}({keywords})"


def _code(layer: nn.Module) -> str:
    if isinstance(layer, Head):
        return f"nn.Sequential({', '.join(_code(inner) for inner in layer)})"
    if isinstance(layer, nn.Linear):
        return f"nn.Linear({layer.in_features}, {layer.out_features})"
    if isinstance(layer, nn.Conv2d):
        return f"nn.Conv2d({layer.in_channels}, {layer.out_channels}, 1)"
    if isinstance(layer, nn.Dropout):
        return f"nn.Dropout({layer.p})"
    return "nn.GELU()"

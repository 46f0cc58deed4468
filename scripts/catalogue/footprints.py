"""What each architecture costs, found on the meta device and kept while the build goes on."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TypedDict

import timm
import torch
import torchvision
from torch import nn

from nbfinetune.models.footprint import footprint
from nbfinetune.models.from_torchvision import arguments
from nbfinetune.models.names import parse_name
from nbfinetune.models.shape import Shape

CLASSES = 1000
"""Of torchvision's published classifiers; timm's configuration of the weights says for itself."""


class Cost(TypedDict):
    """Of one image of the model's own size, in float32; `error` where it could not be followed."""

    parameters: int
    macs: int
    activations: int
    saved_bytes: int
    weights_bytes: int
    seconds: float
    error: str


class Footprints:
    """Costs by name, in a file of one line each: a tag may change more than the weights.

    The whole catalogue takes half an hour or more; what was found survives a build that ends early.
    """

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch
        lines = scratch.read_text().splitlines() if scratch.exists() else []
        self._known: dict[str, Cost] = {k: v for line in lines for k, v in json.loads(line).items()}

    def of(self, name: str, image_size: int) -> Cost:
        """Cost of a model at its own image size, measured if it is not known yet."""
        if name not in self._known:
            self._known[name] = measured(name, image_size)
            with self._scratch.open("a") as lines:
                lines.write(json.dumps({name: self._known[name]}) + "\n")
        return self._known[name]


def measured(name: str, image_size: int) -> Cost:
    """Build a model on the meta device and follow one image through it.

    An architecture whose forward pass must see values keeps its parameters and has no other cost.
    """
    started = time.perf_counter()
    module = _on_meta(name, image_size)
    tensors = module.state_dict().values()
    cost = Cost(
        parameters=sum(p.numel() for p in module.parameters()),
        macs=0,
        activations=0,
        saved_bytes=0,
        weights_bytes=sum(t.numel() * t.element_size() for t in tensors),
        seconds=0.0,
        error="",
    )
    try:
        found = footprint(module, image_size)
    except Exception as error:  # noqa: BLE001 - models fail in any way; the row says so
        cost["error"] = f"{type(error).__name__}: {error}"[:200]
    else:
        cost["macs"], cost["activations"] = found.macs, found.activations
        cost["saved_bytes"] = found.saved_bytes
    cost["seconds"] = round(time.perf_counter() - started, 2)
    return cost


def _on_meta(name: str, image_size: int) -> nn.Module:
    try:
        with torch.device("meta"):
            return _built(name, image_size)
    except (NotImplementedError, RuntimeError):
        # Some (torchvision's RegNets) compute their widths with tensors, whose values they read.
        return _built(name, image_size).to("meta")


def _built(name: str, image_size: int) -> nn.Module:
    found = parse_name(name)
    if found.origin == "timm":
        return timm.create_model(name, pretrained=False)  # type: ignore[no-any-return]
    given = arguments(found, Shape(CLASSES, image_size)) | {"weights": None}
    return torchvision.models.get_model(found.architecture, **given)  # type: ignore[no-any-return]

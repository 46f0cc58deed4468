"""What a model wants to see: side, normalisation and crop, known without its weights."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import cycle, islice
from typing import Any

import timm
import torchvision

from nbfinetune.errors import ConfigError
from nbfinetune.models.names import ModelName, factory, parse_name, timm_config
from nbfinetune.models.shape import RGB

__all__ = ["ModelInput", "choose_image_size", "for_channels", "model_input"]

STRIDE_PX = 32
SMALLEST_PX = 8

# What timm's metadata leave out. Each was found by running the architecture on the meta device.
_MINIMUM_PX = {
    "csatv2": 64,
    "ghostnetv2": 64,
    "inception_resnet_v2": 75,
    "inception_v3": 75,
    "inception_v4": 75,
}
# Modules of timm whose weights belong to one number of patches and are resampled for no other.
# Found by loading weights of one size at twice the size.
_RIGID_FAMILIES = (
    "byoanet",
    "byobnet",
    "convit",
    "crossvit",
    "efficientformer",
    "efficientformer_v2",
    "gcvit",
    "hiera",
    "levit",
    "mlp_mixer",
    "nest",
    "pit",
    "visformer",
    "vision_transformer_sam",
    "volo",
)
# Networks that scale RGB to [-1, 1] by themselves, and other channels not.
_SCALED_WITHIN = ("tv_googlenet", "tv_inception_v3")


@dataclass(frozen=True)
class ModelInput:
    """Images as a model expects them.

    Parameters
    ----------
    name : str
        The model, for messages.
    size_px : int
        Side of the square that its weights were trained at.
    fixed_size : bool
        Built for one size (most transformers): small images are enlarged to it.
    resizable : bool
        Another size can be asked for, at least when the model is built.
    min_px : int
        Smallest side that goes through.
    mean, std : tuple of floats
        Of each channel, on the scale of pixels in [0, 1].
    interpolation : {"bicubic", "bilinear"}
    crop_pct : float in (0, 1]
        Side of the centre crop over the resized shorter side, in evaluation.
    """

    name: str
    size_px: int
    fixed_size: bool = False
    resizable: bool = True
    min_px: int = SMALLEST_PX
    mean: tuple[float, ...] = timm.data.IMAGENET_DEFAULT_MEAN
    std: tuple[float, ...] = timm.data.IMAGENET_DEFAULT_STD
    interpolation: str = "bicubic"
    crop_pct: float = 0.875


def model_input(name: str, in_chans: int = RGB) -> ModelInput:
    """Input of a model by name; neither the model nor its weights are loaded.

    For one channel `mean` and `std` are the means of the published three; for more, they are
    repeated in turn, as the first layer's weights are.

    A factory may carry a `default_cfg` attribute with the keys that timm uses: `input_size`,
    `fixed_input_size`, `min_input_size`, `mean`, `std`, `interpolation`, `crop_pct`.

    Raises
    ------
    UnknownModel
        With the three closest names.
    """
    facts = _published(parse_name(name))
    mean, std = facts.mean, facts.std
    if in_chans != RGB and facts.name.startswith(_SCALED_WITHIN):
        mean = std = (0.5,) * RGB
    return replace(facts, mean=for_channels(mean, in_chans), std=for_channels(std, in_chans))


def for_channels(values: tuple[float, ...], in_chans: int) -> tuple[float, ...]:
    """Values of the published channels for as many channels: their mean for one, else in turn."""
    if len(values) == in_chans:
        return values
    if in_chans == 1:
        return (sum(values) / len(values),)
    return tuple(islice(cycle(values), in_chans))


def _published(name: ModelName) -> ModelInput:
    if name.origin == "torchvision":
        return _torchvision_input(name)
    if name.origin == "factory":
        return _from_cfg(name.full, getattr(factory(name.full), "default_cfg", {}), rigid=True)
    rigid = timm.models.is_model_in_modules(name.architecture, _RIGID_FAMILIES)
    return _from_cfg(name.full, timm_config(name.full), rigid=rigid)


def choose_image_size(facts: ModelInput, requested: int | None, median_side: int) -> int:
    """Side in pixels at which to train.

    Without a request it is the model's own, lowered for small images where the model takes that:
    to twice their side, so that a network that shrinks its input 32-fold still sees more than one
    cell of it, and a step costs a fraction of the full size.

    Parameters
    ----------
    requested : int, optional
        What the user wants; it wins.
    median_side : int
        Median of the images' shorter sides, in pixels.

    Raises
    ------
    ConfigError
        If the model can't take the requested size.
    """
    if requested is not None:
        _check_request(facts, requested)
        return requested
    if facts.fixed_size:
        return facts.size_px
    wanted = max(2 * median_side, facts.min_px)
    return min(STRIDE_PX * math.ceil(wanted / STRIDE_PX), facts.size_px)


def _check_request(facts: ModelInput, requested: int) -> None:
    if facts.fixed_size and not facts.resizable and requested != facts.size_px:
        raise ConfigError(
            f"image_size is {requested}, but {facts.name} takes {facts.size_px} pixels only; "
            "leave image_size out, or choose another model"
        )
    if requested < facts.min_px:
        raise ConfigError(
            f"image_size is {requested}, but {facts.name} needs at least {facts.min_px} pixels"
        )


def _from_cfg(name: str, cfg: Mapping[str, Any], *, rigid: bool) -> ModelInput:
    minimum = cfg.get("min_input_size")
    families = [px for family, px in _MINIMUM_PX.items() if name.startswith(family)]
    default = ModelInput(name, size_px=0)
    return ModelInput(
        name,
        size_px=min(cfg.get("input_size", (3, 224, 224))[1:]),
        # Windows and patches of odd sizes: what they take is not a multiple of anything in common.
        fixed_size=bool(cfg.get("fixed_input_size") or minimum),
        resizable=not (rigid and cfg.get("fixed_input_size")),
        min_px=max([*(minimum or ())[1:], *families, SMALLEST_PX]),
        mean=tuple(cfg.get("mean", default.mean)),
        std=tuple(cfg.get("std", default.std)),
        interpolation=cfg.get("interpolation", default.interpolation),
        crop_pct=cfg.get("crop_pct", default.crop_pct),
    )


def _torchvision_input(name: ModelName) -> ModelInput:
    entries = torchvision.models.get_model_weights(name.architecture)
    weights = entries[name.tag] if name.tag else entries.DEFAULT
    seen = weights.transforms()
    size, resized = seen.crop_size[0], seen.resize_size[0]
    return ModelInput(
        name.full,
        size_px=size,
        fixed_size=name.architecture.startswith(("vit_", "maxvit_")),
        resizable=not name.architecture.startswith("maxvit_"),
        min_px=SMALLEST_PX
        if name.architecture.startswith("vit_")
        else max(*weights.meta["min_size"], SMALLEST_PX),
        mean=tuple(seen.mean),
        std=tuple(seen.std),
        interpolation=seen.interpolation.value,
        crop_pct=size / resized,
    )

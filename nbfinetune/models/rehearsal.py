"""A model built without memory first: whether it fits, and takes images of that size."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import nn

from nbfinetune.errors import ModelError, NbFinetuneError
from nbfinetune.models.catalogue import known
from nbfinetune.models.editing import edit, is_edited
from nbfinetune.models.freezing import freeze
from nbfinetune.models.heads import head_names
from nbfinetune.models.inputs import STRIDE_PX, model_input
from nbfinetune.models.memory import available_bytes, check_fits, needed_bytes
from nbfinetune.models.names import ModelName, parse_name
from nbfinetune.models.origins import ORIGINS
from nbfinetune.models.shape import RGB, Shape
from nbfinetune.records import ModelConfig

__all__ = ["is_light", "rehearse", "sketch", "try_forward"]

LIGHT_MACS = 1e9
"""Of two images: a model that takes no more is tried out sooner than rehearsed."""


def is_light(name: ModelName, shape: Shape, device: torch.device) -> bool:
    """Whether the catalogue says that a model takes little memory and time.

    Such a one is built at once and tried on real images.
    """
    facts = known(name.full)
    if facts is None or not (facts.parameters and facts.macs and facts.image_size):
        return False
    macs = 2 * facts.macs * (shape.image_size / facts.image_size) ** 2
    needed = needed_bytes(facts.parameters, facts.parameters)
    return macs <= LIGHT_MACS and 2 * needed < available_bytes(device)


def rehearse(name: ModelName, config: ModelConfig, shape: Shape, device: torch.device) -> None:
    """See that a model of timm's or torchvision's can be built and trained as the config says.

    Raises
    ------
    ModelError, ConfigError
        With the sizes that go, where it is the size of the images that does not.
    """
    try:
        module = sketch(config, shape)
    except NbFinetuneError:
        raise
    except Exception as error:
        raise _cannot_take(name, config, shape, error) from error
    _check_memory(name, config, module, device)
    with torch.device("meta"):
        try_forward(name, config, module, shape)


def sketch(config: ModelConfig, shape: Shape) -> nn.Module:
    """The model of a config on the meta device: its layers and their shapes, no weights."""
    name = parse_name(config.name)
    try:
        with torch.device("meta"):
            module: nn.Module = ORIGINS[name.origin].create(name, shape)
    except NotImplementedError:
        # Some (torchvision's RegNets) compute their widths with tensors, whose values they read.
        with torch.random.fork_rng(devices=[]):
            module = ORIGINS[name.origin].create(name, shape).to("meta")
    if is_edited(config):
        with torch.device("meta"):
            edit(module, config, shape)
    return module


def try_forward(name: ModelName, config: ModelConfig, module: nn.Module, shape: Shape) -> None:
    """Send two empty images through; leaves the module in evaluation mode.

    Raises
    ------
    ModelError
        If they do not go through, or no logits come out.
    """
    try:
        logits = _logits(module, shape)
    except Exception as error:
        raise _cannot_take(name, config, shape, error) from error
    given = tuple(getattr(logits, "shape", ()))
    if given != (2, shape.num_classes):
        raise ModelError(
            f"{name.full} gives {given or type(logits).__name__} for 2 images of "
            f"{shape.num_classes} classes; (2, {shape.num_classes}) is needed, "
            "so it can't be trained as a classifier"
        )


def _logits(module: nn.Module, shape: Shape) -> object:
    images = torch.zeros(2, shape.in_chans, shape.image_size, shape.image_size)
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        return module.eval()(images)


def _check_memory(
    name: ModelName, config: ModelConfig, module: nn.Module, device: torch.device
) -> None:
    heads = head_names(module) if config.freeze != "none" or config.train_stages else ()
    if heads and not config.freeze_epochs:
        freeze(module, heads, config)
    parameters = sum(p.numel() for p in module.parameters())
    trained = sum(p.numel() for p in module.parameters() if p.requires_grad)
    check_fits(name.full, needed_bytes(parameters, trained), available_bytes(device))


def _cannot_take(
    name: ModelName, config: ModelConfig, shape: Shape, error: Exception
) -> ModelError:
    reason = " ".join(str(error).split())[:200] or "it says no more"
    side = shape.image_size
    sizes = [] if name.origin == "factory" else _sizes_that_go(config, shape)
    rgb = shape.in_chans == RGB
    channels = "" if rgb else f" and {shape.in_chans} channels"
    remedy = "set image_size to " + (
        " or ".join(map(str, sizes)) if sizes else "a size that it was made for"
    )
    return ModelError(
        f"{name.full} can't take images of {side}×{side} pixels{channels} "
        f"({type(error).__name__}: {reason}); {remedy}{'' if rgb else ', or leave in_chans out'}"
    )


def _sizes_that_go(config: ModelConfig, shape: Shape) -> list[int]:
    """The model's own side and the multiples of its stride next to the one that does not go."""
    below = shape.image_size // STRIDE_PX * STRIDE_PX
    sides = {below, below + STRIDE_PX, model_input(config.name).size_px} - {0, shape.image_size}
    return [side for side in sorted(sides) if _goes(config, replace(shape, image_size=side))]


def _goes(config: ModelConfig, shape: Shape) -> bool:
    try:
        with torch.device("meta"):
            _logits(sketch(config, shape), shape)
    except Exception:  # noqa: BLE001 - architectures refuse with whatever they like
        return False
    return True

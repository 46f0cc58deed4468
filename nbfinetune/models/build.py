"""A model ready to be fine-tuned: architecture, weights to start from, and a head of its own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from nbfinetune.errors import ModelError, ModelTooLarge, NbFinetuneError
from nbfinetune.models import from_factory, from_timm, from_torchvision
from nbfinetune.models.editing import edit, is_edited
from nbfinetune.models.groups import frozen_at_start, layer_groups, set_trainable
from nbfinetune.models.heads import head_names, is_under, quieten
from nbfinetune.models.memory import available_bytes, check_fits, needed_bytes
from nbfinetune.models.names import ModelName, parse_name, timm_config
from nbfinetune.models.shape import RGB, Shape
from nbfinetune.models.weights import load_weights, read_weights
from nbfinetune.records import ModelConfig

__all__ = ["ORIGINS", "Built", "build"]

ORIGINS = {"timm": from_timm, "torchvision": from_torchvision, "factory": from_factory}
"""Modules with one and the same four functions, by where a model comes from."""

IMAGENET = 1000
"""Classes of torchvision's published classifiers."""


@dataclass(frozen=True)
class Built:
    """A model on the CPU, in training mode.

    Parameters
    ----------
    module : nn.Module
        Takes (B, in_chans, S, S) float32, gives (B, num_classes) logits.
    weights_from : str
        Where its weights are from, in words.
    head_names : tuple of str
        Modules of the head: the classifier, and a pooling layer that is trained.
    """

    module: nn.Module
    weights_from: str
    head_names: tuple[str, ...]


def build(
    config: ModelConfig,
    *,
    num_classes: int,
    image_size: int,
    device: torch.device | str = "cpu",
    cache_dir: Path | None = None,
) -> Built:
    """Build the model of a run.

    Timm's and torchvision's are first built without memory, to see that they fit and that they
    take the image size.

    Parameters
    ----------
    image_size : int
        Side in pixels of the square that it will see.
    device : torch.device or str
        Where it will be trained; it has to fit there.
    cache_dir : Path, optional
        Where published weights are kept; default the hub's and torch's own.

    Raises
    ------
    ModelError
        Or the one of its kinds that fits: unknown, too large, weights that can't be had, or that
        are unsafe or of another architecture. A sentence each.
    """
    name = parse_name(config.name)
    shape = Shape(num_classes, image_size, config.dropout, config.in_chans)
    if name.origin != "factory":
        _rehearse(name, config, shape, torch.device(device))
    module, weights_from = _created(name, config, shape, cache_dir)
    if name.origin == "factory":
        _try_forward(name, module, shape)
    state = {}
    if config.checkpoint is not None:
        # Fitted to the whole architecture, whose cut layers' weights are then left out.
        state = ORIGINS[name.origin].adapted(module, read_weights(config.checkpoint))
    whole = set(module.state_dict())
    heads = edit(module, config, shape)
    if is_edited(config) or not _keeps_its_classifier(name, config, num_classes):
        quieten(module, head_names(module))
    if config.checkpoint is not None:
        cut = whole - set(module.state_dict())
        state = {k: v for k, v in state.items() if k not in cut or is_under(k, heads)}
        load_weights(module, state, heads, source=config.checkpoint)
        weights_from = f"the checkpoint {config.checkpoint}"
    return Built(module.train(), weights_from, heads)


def _created(
    name: ModelName, config: ModelConfig, shape: Shape, cache_dir: Path | None
) -> tuple[nn.Module, str]:
    origin = ORIGINS[name.origin]
    try:
        if not config.pretrained or config.checkpoint is not None:
            return origin.create(name, shape), "random weights"
        module, weights_from = origin.create_pretrained(name, shape, cache_dir)
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise ModelTooLarge(f"there is not enough memory to build {name.full} ({error})") from error
    return module, weights_from


def _keeps_its_classifier(name: ModelName, config: ModelConfig, num_classes: int) -> bool:
    """Whether the classifier is the user's own, or of published weights for as many classes."""
    if name.origin == "factory":
        return True
    if not config.pretrained or config.checkpoint is not None:
        return False
    published = timm_config(name.full)["num_classes"] if name.origin == "timm" else IMAGENET
    return bool(num_classes == published)


def _rehearse(name: ModelName, config: ModelConfig, shape: Shape, device: torch.device) -> None:
    with torch.device("meta"):
        try:
            module = ORIGINS[name.origin].create(name, shape)
            if is_edited(config):
                edit(module, config, shape)
        except NbFinetuneError:
            raise
        except Exception as error:
            raise _cannot_take(name, shape, error) from error
        _check_memory(name, config, module, device)
        _try_forward(name, module, shape)


def _check_memory(
    name: ModelName, config: ModelConfig, module: nn.Module, device: torch.device
) -> None:
    heads = head_names(module) if config.freeze != "none" or config.train_stages else ()
    if heads and not config.freeze_epochs:
        frozen = frozen_at_start(module, heads, config)
        set_trainable(module, layer_groups(module, heads), frozen)
    parameters = sum(p.numel() for p in module.parameters())
    trained = sum(p.numel() for p in module.parameters() if p.requires_grad)
    check_fits(name.full, needed_bytes(parameters, trained), available_bytes(device))


def _try_forward(name: ModelName, module: nn.Module, shape: Shape) -> None:
    module.eval()
    side = shape.image_size
    try:
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            logits = module(torch.zeros(2, shape.in_chans, side, side))
    except Exception as error:
        raise _cannot_take(name, shape, error) from error
    given = tuple(getattr(logits, "shape", ()))
    if given != (2, shape.num_classes):
        raise ModelError(
            f"{name.full} gives {given or type(logits).__name__} for 2 images of "
            f"{shape.num_classes} classes; (2, {shape.num_classes}) is needed, "
            "so it can't be trained as a classifier"
        )


def _cannot_take(name: ModelName, shape: Shape, error: Exception) -> ModelError:
    reason = " ".join(str(error).split())[:200] or "it says no more"
    side = shape.image_size
    channels = "" if shape.in_chans == RGB else f" and {shape.in_chans} channels"
    remedy = "" if shape.in_chans == RGB else ", or leave in_chans out"
    return ModelError(
        f"{name.full} can't take images of {side}×{side} pixels{channels} "
        f"({type(error).__name__}: {reason}); set image_size to a size that it was made for{remedy}"
    )

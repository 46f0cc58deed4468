"""A model ready to be fine-tuned: architecture, weights to start from, and a head of its own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from nbfinetune.errors import ModelTooLarge, NbFinetuneError
from nbfinetune.models.editing import edit, is_edited
from nbfinetune.models.heads import head_names, is_under, quieten
from nbfinetune.models.names import ModelName, parse_name, timm_config
from nbfinetune.models.origins import ORIGINS
from nbfinetune.models.recipe import Recipe, recipes_of
from nbfinetune.models.rehearsal import is_light, rehearse, try_forward
from nbfinetune.models.removing import remove
from nbfinetune.models.shape import Shape
from nbfinetune.models.weights import load_weights, read_weights
from nbfinetune.records import ModelConfig

__all__ = ["Built", "build"]

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
    recipes : tuple of Recipe
        What was pruned away already, in this order.
    """

    module: nn.Module
    weights_from: str
    head_names: tuple[str, ...]
    recipes: tuple[Recipe, ...] = ()


def build(
    config: ModelConfig,
    *,
    num_classes: int,
    image_size: int,
    device: torch.device | str = "cpu",
    cache_dir: Path | None = None,
    recipes: tuple[Recipe, ...] = (),
) -> Built:
    """Build the model of a run.

    Timm's and torchvision's are first built without memory, to see that they fit and that they
    take the image size, unless they are so light that this would take longer than trying them.

    Parameters
    ----------
    image_size : int
        Side in pixels of the square that it will see.
    device : torch.device or str
        Where it will be trained; it has to fit there.
    cache_dir : Path, optional
        Where published weights are kept; default the hub's and torch's own.
    recipes : tuple of Recipe
        What was pruned away from the model whose weights will be loaded into this one. A
        checkpoint of a pruned run brings its own.

    Raises
    ------
    ModelError
        Or the one of its kinds that fits: unknown, too large, weights that can't be had, or that
        are unsafe or of another architecture. A sentence each.
    """
    name = parse_name(config.name)
    shape = Shape(num_classes, image_size, config.dropout, config.in_chans)
    where = torch.device(device)
    light = name.origin != "factory" and is_light(name, shape, where)
    if name.origin != "factory" and not light:
        rehearse(name, config, shape, where)
    module, weights_from = _created(name, config, shape, cache_dir, light=light)
    if name.origin == "factory":
        try_forward(name, config, module, shape)
    state = {}
    if config.checkpoint is not None:
        recipes = recipes or recipes_of(Path(config.checkpoint).expanduser())
        state = read_weights(config.checkpoint)
        if not recipes:
            # Fitted to the whole architecture, whose cut layers' weights are then left out. Of a
            # pruned model only a run of ours writes weights, which need no fitting.
            state = ORIGINS[name.origin].adapted(module, state)
    whole = set(module.state_dict())
    heads = edit(module, config, shape)
    if light:
        try_forward(name, config, module, shape)
    if is_edited(config) or not _keeps_its_classifier(name, config, num_classes):
        quieten(module, head_names(module))
    for recipe in recipes:
        remove(module, recipe)
    if config.checkpoint is not None:
        cut = whole - set(module.state_dict())
        state = {k: v for k, v in state.items() if k not in cut or is_under(k, heads)}
        load_weights(module, state, heads, source=config.checkpoint)
        weights_from = f"the checkpoint {config.checkpoint}"
    return Built(module.train(), weights_from, heads, recipes)


def _created(
    name: ModelName, config: ModelConfig, shape: Shape, cache_dir: Path | None, *, light: bool
) -> tuple[nn.Module, str]:
    origin = ORIGINS[name.origin]
    try:
        if not config.pretrained or config.checkpoint is not None:
            return origin.create(name, shape), "random weights"
        module, weights_from = origin.create_pretrained(name, shape, cache_dir)
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise ModelTooLarge(f"there is not enough memory to build {name.full} ({error})") from error
    except NbFinetuneError:
        raise
    except Exception:
        if light:  # not rehearsed before; says what sizes go, if this is not one of them
            rehearse(name, config, shape, torch.device("cpu"))
        raise
    return module, weights_from


def _keeps_its_classifier(name: ModelName, config: ModelConfig, num_classes: int) -> bool:
    """Whether the classifier is the user's own, or of published weights for as many classes."""
    if name.origin == "factory":
        return True
    if not config.pretrained or config.checkpoint is not None:
        return False
    published = timm_config(name.full)["num_classes"] if name.origin == "timm" else IMAGENET
    return bool(num_classes == published)

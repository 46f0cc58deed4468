"""Heat maps of a run's model: for images of the run, of a folder, or of anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch
from torch import nn

from nbfinetune.data.augment import eval_plan
from nbfinetune.data.decode import ImageSource, decode
from nbfinetune.data.stored_image import stored_side, stored_size
from nbfinetune.errors import ConfigError, ModelError
from nbfinetune.evaluation.given_images import images_of, name_of
from nbfinetune.evaluation.preprocessing import Preprocess
from nbfinetune.evaluation.trained import Which, device_of, load_model
from nbfinetune.explain.asked_images import asked_images
from nbfinetune.explain.evidence import Evidence, Method, chosen, evidence
from nbfinetune.explain.heat_map import HeatMap
from nbfinetune.explain.targets import Target, find_target
from nbfinetune.records import FineTuneConfig

__all__ = ["Method", "explain", "heat_maps"]

BATCH_SIZE = 8
"""Images at a time: unlike a prediction, an explanation keeps what every layer made of them."""

LARGEST_PX = 640
"""Longer side of the image that a map keeps to be drawn over."""


def explain(
    run_folder: Path,
    config: FineTuneConfig,
    images: Any,
    *,
    method: Method = "auto",
    target: str | None = None,
    which: Which = "best",
) -> list[HeatMap]:
    """Where a run's model finds a class in images, one map each, in their order.

    Parameters
    ----------
    images : path, folder, PIL image, array, int, name, or a list of these
        What can be predicted; and images of the run, by their numbers or their names.
    method, target
        As in `heat_maps`.

    Raises
    ------
    DataError
        If `images` is none of these, or a single one of them can't be read.
    ConfigError, ModelError
        As `heat_maps`.
    """
    model: Any = load_model(run_folder, config, which)
    asked = asked_images(run_folder, config, images, model.preprocess.channels)
    names, sources = [one.name for one in asked], [one.source for one in asked]
    device = device_of(config)
    return heat_maps(model, sources, method=method, target=target, names=names, device=device)


def heat_maps(
    model: nn.Module,
    images: Any,
    *,
    method: Method = "auto",
    target: str | None = None,
    names: Sequence[str] | None = None,
    device: torch.device | str = "cpu",
) -> list[HeatMap]:
    """Where a model finds a class in images, one map each, in their order.

    Parameters
    ----------
    model : nn.Module
        Of `load_model`.
    images : path, PIL image, array, or a list of these
    method : str
        `"grad_cam"`, `"hires_cam"` or `"eigen_cam"` (of no class) of the last layer with
        positions; `"gradient_attention"` or `"attention_rollout"` (of no class) of a transformer.
        `"auto"`: gradient attention where the classifier reads a token of its own, else Grad-CAM.
    target : str, optional
        A class; default what the model predicts for each image.
    names : sequence of str, optional
        What the maps call the images; default their paths, or their places in the list.
    device : torch.device or str
        Where to compute; the model is moved there.

    Raises
    ------
    ConfigError
        If there is no such method, or the model has no such class.
    DataError
        If an image can't be read.
    ModelError
        If the model has no layer with positions, no attention where attention is asked for, no
        gradients, as a quantized one, or neither preprocess nor classes.
    """
    _check(model, method)
    preprocess, classes = _told_by(model)
    column = None if target is None else _column(target, classes)
    listed = images_of(images, preprocess.channels)
    if names is None:
        names = [name_of(image, place) for place, image in enumerate(listed)]
    model = model.eval().to(device)
    looked_at: Target | None = None
    maps: list[HeatMap] = []
    for start in range(0, len(listed), BATCH_SIZE):
        some = listed[start : start + BATCH_SIZE]
        batch = preprocess(some).to(device)
        looked_at = looked_at or find_target(model, batch[:1])
        how = chosen(method, looked_at)
        found = evidence(model, batch, looked_at, how, column)
        for place, image in enumerate(some):
            name = names[start + place]
            maps.append(_drawn(image, name, found, place, how, preprocess, classes))
    return maps


def _check(model: object, method: str) -> None:
    if not isinstance(model, nn.Module):
        raise ModelError(
            f"a {type(model).__name__} has no gradients to explain it by, as a quantized or "
            "exported model; explain the run that it came from"
        )
    if not (hasattr(model, "preprocess") and hasattr(model, "classes")):
        raise ModelError(
            f"{type(model).__name__} does not say how it takes images or what its classes are, as "
            "the model of run.load_model() does in preprocess and classes; give it both"
        )
    if method not in get_args(Method):
        raise ConfigError(f"method is {method!r}; choose one of {', '.join(get_args(Method))}")


def _told_by(model: Any) -> tuple[Preprocess, tuple[str, ...]]:
    return model.preprocess, model.classes


def _column(target: str, classes: Sequence[str]) -> int:
    if target not in classes:
        raise ConfigError(
            f"target is {target!r}, which is no class of the run; its classes are "
            f"{', '.join(classes[:20])}{', …' if len(classes) > 20 else ''}"
        )
    return list(classes).index(target)


def _drawn(
    image: ImageSource,
    name: str,
    found: Evidence,
    place: int,
    method: str,
    preprocess: Preprocess,
    classes: Sequence[str],
) -> HeatMap:
    shown = decode(image)
    size = shown.size
    shown.thumbnail((LARGEST_PX, LARGEST_PX))
    return HeatMap(
        np.ascontiguousarray(found.maps[place].numpy(), np.float32),
        _seen_box(size, preprocess),
        size,
        shown,
        name,
        classes[int(found.columns[place])],
        float(found.probabilities[place]),
        method,
        found.layer,
    )


def _seen_box(size: tuple[int, int], preprocess: Preprocess) -> tuple[int, int, int, int]:
    """What of an image the model sees, in pixels of the image."""
    side = preprocess.size_px
    stored = stored_size(*size, stored_side(side, preprocess.crop_pct))
    kept = preprocess.crop_pct if min(stored) > side else 1.0
    scale = size[0] / stored[0]
    left, top, right, lower = (round(edge * scale) for edge in eval_plan(*stored, kept).box)
    return left, top, min(right, size[0]), min(lower, size[1])

"""What a run's model makes of the run's images before its head: a vector for each."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from nbfinetune.data.images import ImageSet, open_images
from nbfinetune.data.index import FILE_NAME, load_index
from nbfinetune.data.randomness import Ids
from nbfinetune.data.splits import LEFT_OUT
from nbfinetune.errors import ModelError
from nbfinetune.evaluation.batches import OnBatch, rows_as_seen
from nbfinetune.evaluation.left_out import LeftOut, left_out
from nbfinetune.evaluation.trained import Which, device_of, load_model, logits
from nbfinetune.models.heads import head_names
from nbfinetune.records import FineTuneConfig

__all__ = ["RunFeatures", "features_of", "run_features"]


class RunFeatures(NamedTuple):
    """Features of those images of a run that can be read.

    Parameters
    ----------
    features : float32 array (N, D)
    ids : int64 array (N,)
        Numbers of the images in the run.
    images : ImageSet
        Of the run.
    """

    features: NDArray[np.float32]
    ids: Ids
    images: ImageSet


def run_features(
    run_folder: Path,
    config: FineTuneConfig,
    which: Which = "best",
    on_batch: OnBatch | None = None,
) -> RunFeatures:
    """Features of all images that a run trains on and validates on, as validation sees them.

    A warning names the images that can't be read.

    Parameters
    ----------
    on_batch : OnBatch, optional
        As in `nbfinetune.evaluation.batches.rows_as_seen`.

    Raises
    ------
    DataError
        If the images are gone, or more than a tenth of them can't be read.
    ModelError
        If the checkpoint can't be loaded, or has no head at which features arrive.
    """
    model: Any = load_model(run_folder, config, which)
    images = open_images(config.data.source, load_index(run_folder / FILE_NAME), run_folder)
    device = device_of(config)
    found = rows_as_seen(
        images,
        np.flatnonzero(images.index.split != LEFT_OUT),
        model.preprocess,
        lambda pixels: features_of(model, [pixels], device),
        threads=config.data.loader_threads,
        on_batch=on_batch,
    )
    if found.unreadable:
        warnings.warn(left_out(found.unreadable), LeftOut, stacklevel=2)
    return RunFeatures(np.concatenate(found.rows), found.ids, images)


def features_of(
    model: nn.Module, batches: Iterable[NDArray[np.uint8]], device: torch.device | str = "cpu"
) -> NDArray[np.float32]:
    """What arrives at the head of a model of `load_model`, float32 (N, D).

    Features that still have positions there are averaged over them. Of two heads (a distilled
    model), it is the first's.

    Parameters
    ----------
    batches : iterable of uint8 arrays (B, S, S, C)
    device : torch.device or str
        Where to compute; the model is moved there.

    Raises
    ------
    ModelError
        If nothing, or not one vector for each image, arrives at the head.
    """
    name = head_names(model)[0]
    seen: list[NDArray[np.float32]] = []

    def note(_: nn.Module, given: tuple[Any, ...]) -> None:
        seen.extend(_vectors(one) for one in given[:1] if isinstance(one, Tensor))

    handle = model.get_submodule(name).register_forward_pre_hook(note)
    try:
        count = len(logits(model, batches, device))
    finally:
        handle.remove()
    if not seen or sum(map(len, seen)) != count:
        raise ModelError(
            f"{sum(map(len, seen))} features arrive at {name!r} for {count} images: label errors "
            "need a model whose head reads one vector for each image"
        )
    return np.concatenate(seen)


def _vectors(given: Tensor) -> NDArray[np.float32]:
    """One vector an image, out of (B, D), tokens (B, L, D) or a map (B, D, H, W)."""
    if given.ndim > 2:
        given = given.mean((2, 3)) if given.ndim == 4 else given.mean(1)
    return np.asarray(given.float().cpu().numpy())

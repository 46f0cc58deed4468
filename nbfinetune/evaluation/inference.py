"""A run's model at work: asked about images, measured on labelled ones."""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nbfinetune.data import accept
from nbfinetune.data.decode import UnreadableImage
from nbfinetune.data.folders import list_images
from nbfinetune.data.images import ImageSet, open_images
from nbfinetune.data.index import FILE_NAME, ImageIndex, load_index
from nbfinetune.data.listing import ArrayData, FileList
from nbfinetune.data.machine import default_threads
from nbfinetune.data.source_reading import read_source
from nbfinetune.data.splits import TRAIN, VAL
from nbfinetune.errors import DataError
from nbfinetune.evaluation.batches import BATCH_SIZE, loader_as_seen
from nbfinetune.evaluation.class_map import class_places
from nbfinetune.evaluation.metrics import log_softmax
from nbfinetune.evaluation.preprocessing import Preprocess, images_of
from nbfinetune.evaluation.report import Evaluation
from nbfinetune.evaluation.stored import evaluate
from nbfinetune.evaluation.trained import Which, device_of, load_model, logits
from nbfinetune.records import FineTuneConfig

__all__ = ["evaluate", "load_model", "logits", "measure_anew", "predict"]


def predict(
    run_folder: Path,
    config: FineTuneConfig,
    images: Any,
    which: Which = "best",
    batch_size: int = BATCH_SIZE,
) -> pd.DataFrame:
    """Label and probabilities for images, one row each, in their order.

    Parameters
    ----------
    images : path, folder, PIL image, array, or a list of these
        Of a folder, all images under it.

    Returns
    -------
    DataFrame
        Columns `name` (the path, or the place in the list), `label`, and one per class with its
        probability. An image that can't be read has none, and a warning names it.

    Raises
    ------
    DataError
        If `images` is none of these, or none of them can be read.
    """
    listed = _listed(images, config.model.in_chans)
    model: Any = load_model(run_folder, config, which)
    unreadable: dict[int, str] = {}
    batches = _decoded(model.preprocess, listed, batch_size, unreadable)
    output = logits(model, batches, device_of(config))
    if len(unreadable) == len(listed):
        raise DataError(_skipped(list(unreadable.values())))
    if unreadable:
        warnings.warn(_skipped(list(unreadable.values())), stacklevel=2)
    read = [place for place in range(len(listed)) if place not in unreadable]
    probabilities = np.full((len(listed), len(model.classes)), np.nan)
    labels = np.full(len(listed), None, dtype=object)
    probabilities[read] = np.exp(log_softmax(output))
    labels[read] = [model.classes[column] for column in output.argmax(axis=1)]
    frame = pd.DataFrame({"name": _names(listed), "label": labels})
    return pd.concat([frame, pd.DataFrame(probabilities, columns=list(model.classes))], axis=1)


def measure_anew(
    run_folder: Path, config: FineTuneConfig, data: Any, which: Which, temperature: float | None
) -> Evaluation:
    """Evaluation of a run's model, asked about every image.

    Parameters
    ----------
    data
        As in `nbfinetune.evaluation.stored.evaluate`.
    temperature : float, optional
        Of that model, where it was fitted before.

    Raises
    ------
    DataError
        If the data hold a class that the run does not know.
    """
    model: Any = load_model(run_folder, config, which)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        images = _validation_images(run_folder, config, data, Path(folder), model.classes)
        output, seen = _outputs(model, images, config)
    return Evaluation.from_logits(
        output,
        images.index.labels[seen],
        model.classes,
        [images.name(int(number)) for number in seen],
        ids=seen if data is None else None,
        temperature=temperature,
    )


def _outputs(
    model: Any, images: ImageSet, config: FineTuneConfig
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Logits of the images that can be read, and their ids."""
    skipped: list[str] = []
    loader = loader_as_seen(
        images,
        images.index.val,
        model.preprocess,
        threads=config.data.loader_threads,
        on_skip=lambda name, reason: skipped.append(f"{name}: {reason}"),
    )
    ids: list[NDArray[np.int64]] = []

    def batches() -> Iterator[NDArray[np.uint8]]:
        for batch in loader.epoch(0, shuffle=False, drop_last=False):
            ids.append(batch.ids)
            yield batch.images

    with closing(loader):
        output = logits(model, batches(), device_of(config))
    if skipped:
        warnings.warn(_skipped(skipped), stacklevel=4)
    return output, np.concatenate(ids) if ids else np.empty(0, np.int64)


def _validation_images(
    run_folder: Path, config: FineTuneConfig, data: Any, scratch: Path, classes: tuple[str, ...]
) -> ImageSet:
    if data is None:
        return open_images(config.data.source, load_index(run_folder / FILE_NAME), run_folder)
    accepted = accept(data)
    accepted.place(scratch)
    listing = read_source(accepted.source, scratch)
    split = np.full(len(listing.labels), VAL, dtype=np.uint8)
    split[: listing.train_count or 0] = TRAIN
    index = ImageIndex(
        classes,
        class_places(listing.classes, classes)[listing.labels],
        split,
        listing.items if isinstance(listing, FileList) else (),
        listing.root if isinstance(listing, FileList) else "",
    )
    # A file mapped into memory can't be deleted everywhere, so the scratch arrays are read.
    pixels = np.array(listing.images) if isinstance(listing, ArrayData) else None
    return ImageSet(index, pixels)


def _listed(images: Any, channels: int) -> list[Any]:
    if isinstance(images, (str, os.PathLike)) and Path(images).expanduser().is_dir():
        folder = Path(images).expanduser()
        listed: list[Any] = [str(folder / path) for path in list_images(folder)]
        if not listed:
            raise DataError(f"the folder {folder} holds no images")
        return listed
    return images_of(images, channels)


def _decoded(
    preprocess: Preprocess, listed: list[Any], batch_size: int, unreadable: dict[int, str]
) -> Iterator[NDArray[np.uint8]]:
    def pixels(place: int) -> NDArray[np.uint8] | None:
        try:
            return preprocess.pixels(listed[place])
        except UnreadableImage as error:
            unreadable[place] = str(error)
            return None

    with ThreadPoolExecutor(default_threads(), thread_name_prefix="nbft-predict") as pool:
        for start in range(0, len(listed), batch_size):
            places = range(start, min(start + batch_size, len(listed)))
            decoded = [one for one in pool.map(pixels, places) if one is not None]
            if decoded:
                yield np.stack(decoded)


def _names(listed: list[Any]) -> list[str]:
    return [
        os.fspath(image) if isinstance(image, (str, os.PathLike)) else f"image {place}"
        for place, image in enumerate(listed)
    ]


def _skipped(reasons: list[str]) -> str:
    images = "1 image" if len(reasons) == 1 else f"{len(reasons)} images"
    return f"{images} can't be read, so no result for: {'; '.join(reasons[:3])}"

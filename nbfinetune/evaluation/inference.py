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
from nbfinetune.evaluation.metrics import load_predictions, log_softmax
from nbfinetune.evaluation.preprocessing import Preprocess, images_of
from nbfinetune.evaluation.report import Evaluation
from nbfinetune.evaluation.trained import Which, device_of, load_model, logits
from nbfinetune.records import FineTuneConfig

__all__ = ["evaluate", "load_model", "logits", "predict"]


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


def evaluate(
    run_folder: Path, config: FineTuneConfig, data: Any = None, which: Which = "best"
) -> Evaluation:
    """Measure a run's model.

    Parameters
    ----------
    data : optional
        Whatever can be trained on; of data with a validation part, that part. Its classes are
        matched by name with the run's. Default: the run's own validation images.

    Raises
    ------
    DataError
        If the data hold a class that the run does not know.
    """
    stored = run_folder / "predictions" / "best.npz"
    if data is None and which == "best" and stored.exists():
        kept = load_predictions(stored)
        index = load_index(run_folder / FILE_NAME)
        names = [index.name(int(number)) for number in kept.ids]
        return Evaluation.from_logits(kept.logits, kept.labels, index.classes, names)
    model: Any = load_model(run_folder, config, which)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        images = _validation_images(run_folder, config, data, Path(folder), model.classes)
        return _measured(model, images, config)


def _measured(model: Any, images: ImageSet, config: FineTuneConfig) -> Evaluation:
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
        warnings.warn(_skipped(skipped), stacklevel=3)
    seen = np.concatenate(ids) if ids else np.empty(0, np.int64)
    names = [images.name(int(number)) for number in seen]
    return Evaluation.from_logits(output, images.index.labels[seen], model.classes, names)


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
        _relabelled(listing, classes),
        split,
        listing.items if isinstance(listing, FileList) else (),
        listing.root if isinstance(listing, FileList) else "",
    )
    # A file mapped into memory can't be deleted everywhere, so the scratch arrays are read.
    pixels = np.array(listing.images) if isinstance(listing, ArrayData) else None
    return ImageSet(index, pixels)


def _relabelled(listing: ArrayData | FileList, classes: tuple[str, ...]) -> NDArray[np.int64]:
    unknown = [name for name in listing.classes if name not in classes]
    if unknown:
        raise DataError(
            f"the data have {'classes' if len(unknown) > 1 else 'a class'} that the run does not "
            f"know: {', '.join(unknown[:5])}; it was trained on {', '.join(classes[:20])}"
        )
    places = np.array([classes.index(name) for name in listing.classes], dtype=np.int64)
    return places[listing.labels]


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

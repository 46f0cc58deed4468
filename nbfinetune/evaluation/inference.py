"""A run's model at work: asked about images, measured on labelled ones."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nbfinetune.data import accept
from nbfinetune.data.images import ImageSet, open_images
from nbfinetune.data.index import FILE_NAME, ImageIndex, load_index
from nbfinetune.data.listing import ArrayData, FileList
from nbfinetune.data.randomness import Ids
from nbfinetune.data.source_reading import read_source
from nbfinetune.data.splits import TRAIN, VAL
from nbfinetune.errors import DataError
from nbfinetune.evaluation.batches import BATCH_SIZE, OnBatch, rows_as_seen
from nbfinetune.evaluation.class_map import class_places
from nbfinetune.evaluation.given_images import given_images
from nbfinetune.evaluation.left_out import LeftOut, left_out
from nbfinetune.evaluation.predicting import probabilities
from nbfinetune.evaluation.report import Evaluation
from nbfinetune.evaluation.stored import evaluate
from nbfinetune.evaluation.trained import Which, device_of, load_model, logits
from nbfinetune.records import FineTuneConfig, Source

__all__ = [
    "evaluate",
    "labelled_images",
    "load_model",
    "logits",
    "logits_as_seen",
    "measure_anew",
    "predict",
]


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
    listed = given_images(images, config.model.in_chans)
    model: Any = load_model(run_folder, config, which)
    sources = [one.source for one in listed]
    batches = probabilities(model, sources, model.preprocess.pixels, device_of(config), batch_size)
    said = [one for batch in batches for one in batch]
    unreadable = [one for one in said if isinstance(one, str)]
    if len(unreadable) == len(listed):
        raise DataError(left_out(unreadable))
    if unreadable:
        warnings.warn(left_out(unreadable), LeftOut, stacklevel=2)
    labels = [None if isinstance(one, str) else model.classes[int(one.argmax())] for one in said]
    frame = pd.DataFrame(
        {"name": [one.name for one in listed], "label": np.array(labels, dtype=object)}
    )
    missing = np.full(len(model.classes), np.nan)
    rows = np.stack([missing if isinstance(one, str) else one for one in said])
    return pd.concat([frame, pd.DataFrame(rows, columns=list(model.classes))], axis=1)


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
        output, seen = logits_as_seen(model, images, config)
    return Evaluation.from_logits(
        output,
        images.index.labels[seen],
        model.classes,
        [images.name(int(number)) for number in seen],
        ids=seen if data is None else None,
        temperature=temperature,
    )


def logits_as_seen(
    model: Any, images: ImageSet, config: FineTuneConfig, on_batch: OnBatch | None = None
) -> tuple[NDArray[np.float32], Ids]:
    """Logits (N, C) of those validation images of a set that can be read, and their ids.

    A warning names the others.

    Parameters
    ----------
    model
        Of `load_model`.
    on_batch : OnBatch, optional
        As in `nbfinetune.evaluation.batches.rows_as_seen`.

    Raises
    ------
    DataError
        If more than a tenth of them can't be read.
    """
    device = device_of(config)
    found = rows_as_seen(
        images,
        images.index.val,
        model.preprocess,
        lambda pixels: logits(model, [pixels], device),
        threads=config.data.loader_threads,
        on_batch=on_batch,
    )
    if found.unreadable:
        warnings.warn(left_out(found.unreadable), LeftOut, stacklevel=4)
    return np.concatenate([logits(model, []), *found.rows]), found.ids


def labelled_images(source: Source, folder: Path, classes: tuple[str, ...]) -> ImageSet:
    """What can be measured of a source: its validation part, or all of it.

    Parameters
    ----------
    folder : Path
        Where the arrays of a notebook lie, if it has any.
    classes : tuple of str
        Of the model; those of the source are matched with them by name.

    Raises
    ------
    DataError
        If the source can't be read, or holds a class that the model does not know.
    """
    listing = read_source(source, folder)
    split = np.full(len(listing.labels), VAL, dtype=np.uint8)
    split[: listing.train_count or 0] = TRAIN
    index = ImageIndex(
        classes,
        class_places(listing.classes, classes)[listing.labels],
        split,
        listing.items if isinstance(listing, FileList) else (),
        listing.root if isinstance(listing, FileList) else "",
    )
    # A file mapped into memory can't be deleted everywhere, so the arrays are read.
    pixels = np.array(listing.images) if isinstance(listing, ArrayData) else None
    return ImageSet(index, pixels)


def _validation_images(
    run_folder: Path, config: FineTuneConfig, data: Any, scratch: Path, classes: tuple[str, ...]
) -> ImageSet:
    if data is None:
        return open_images(config.data.source, load_index(run_folder / FILE_NAME), run_folder)
    accepted = accept(data)
    accepted.place(scratch)
    return labelled_images(accepted.source, scratch, classes)

"""How the index of a run is made: listed, split, edited, checked and saved."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from nbfinetune.data.edits import OnSkip, apply_edits
from nbfinetune.data.headers import check_files
from nbfinetune.data.image_index import ImageIndex, load_index, printable, save_index
from nbfinetune.data.listing import ArrayData, FileList
from nbfinetune.data.machine import default_threads
from nbfinetune.data.source_reading import read_source
from nbfinetune.data.splits import (
    LEFT_OUT,
    TRAIN,
    VAL,
    Split,
    split_folds,
    split_grouped,
    split_grouped_folds,
    split_stratified,
)
from nbfinetune.errors import DataError
from nbfinetune.records import DataConfig

__all__ = [
    "FILE_NAME",
    "MAX_BAD",
    "ImageIndex",
    "OnSkip",
    "build_index",
    "check_share",
    "load_index",
    "preview_index",
    "printable",
    "save_index",
]

MAX_BAD = 0.1
"""Part of the images that may be unreadable before a run refuses to start or go on."""

FILE_NAME = "index.json"


def build_index(config: DataConfig, seed: int, run_folder: Path, on_skip: OnSkip) -> ImageIndex:
    """Index of a run: the saved one where there is one, else read, split, checked and saved.

    A run that is resumed thus has the split it began with, whatever happened to its folder. The
    split is drawn before any image is left out, so that no edit and no bad file changes which of
    the others validate.

    Parameters
    ----------
    config : DataConfig
    seed : int
        Decides which images validate.
    run_folder : Path
        Where `index.json` lies, and the arrays of a notebook.
    on_skip : callable (path, reason)
        Told of every file that is left out because it can't be read, and of every edit whose image
        is gone. Not called again for a saved index.

    Raises
    ------
    DataError
        If there is nothing to train on, or more than a tenth of the files can't be read.
    """
    saved = run_folder / FILE_NAME
    if saved.exists():
        return load_index(saved)
    index = apply_edits(_split_index(config, seed, run_folder), config.edits, on_skip)
    if index.items:
        index = _without_bad(index, on_skip)
    _check_train(index)
    save_index(index, saved)
    return index


def preview_index(config: DataConfig, seed: int, folder: Path) -> ImageIndex:
    """Index that a run of this config would have if no file was bad; no image is opened.

    Parameters
    ----------
    config : DataConfig
    seed : int
    folder : Path
        Where arrays and lists of files were placed.

    Raises
    ------
    DataError
        If there is nothing to look at.
    """
    return apply_edits(_split_index(config, seed, folder), config.edits)


def check_share(bad: list[str], of: int) -> None:
    """Refuse to train where more than `MAX_BAD` of the images can't be read.

    Raises
    ------
    DataError
        With the count and the first names.
    """
    if len(bad) > MAX_BAD * of:
        first = ", ".join(bad[:3]) + (", …" if len(bad) > 3 else "")
        raise DataError(
            f"{len(bad)} of {of} images can't be read ({first}): more than {MAX_BAD:.0%} is too "
            "many to train on; repair or remove them"
        )


def _split_index(config: DataConfig, seed: int, folder: Path) -> ImageIndex:
    listing = read_source(config.source, folder)
    items, root = (listing.items, listing.root) if isinstance(listing, FileList) else ((), "")
    split = _split(listing, config, seed)
    return ImageIndex(listing.classes, listing.labels, split, items, root)


def _split(listing: ArrayData | FileList, config: DataConfig, seed: int) -> Split:
    everything = len(listing.labels)
    count = everything if listing.train_count is None else listing.train_count
    split = np.full(everything, VAL, dtype=np.uint8)
    split[:count] = TRAIN
    labels = listing.labels[:count]
    groups = listing.groups[:count] if isinstance(listing, FileList) and listing.groups else None
    if config.folds is not None:
        # The source's own validation part stays out: it is the test that folds were not tuned on.
        split[count:] = LEFT_OUT
        split[:count] = (
            split_folds(labels, config.folds, config.fold, seed)
            if groups is None
            else split_grouped_folds(labels, groups, config.folds, config.fold, seed)
        )
    elif count == everything:
        split = (
            split_stratified(labels, config.val_split, seed)
            if groups is None
            else split_grouped(labels, groups, config.val_split, seed)
        )
    return split


def _without_bad(index: ImageIndex, on_skip: OnSkip) -> ImageIndex:
    wanted = np.flatnonzero(index.split != LEFT_OUT)
    bad, checked = check_files(
        index.root, [index.items[image] for image in wanted.tolist()], default_threads()
    )
    reasons = {int(wanted[position]): reason for position, reason in bad.items()}
    names = [index.name(image) for image in reasons]
    for name, reason in zip(names, reasons.values(), strict=True):
        on_skip(name, reason)
    check_share(names, checked)
    good = np.ones(len(index), dtype=bool)
    good[list(reasons)] = False
    items = tuple(item for image, item in enumerate(index.items) if image not in reasons)
    return replace(index, items=items, labels=index.labels[good], split=index.split[good])


def _check_train(index: ImageIndex) -> None:
    counts = np.bincount(index.labels[index.train], minlength=len(index.classes))
    if len(index.classes) < 2:
        raise DataError(f"all images are {index.classes[0]!r}: at least two classes are needed")
    missing = [name for name, count in zip(index.classes, counts, strict=True) if count == 0]
    if missing:
        raise DataError(
            f"there is no readable training image of {', '.join(map(repr, missing[:5]))}: "
            "add images, move some of those that validate to 'train', or remove the class"
        )
    if not len(index.val):
        raise DataError("no readable image is left to validate on: move some to 'val'")

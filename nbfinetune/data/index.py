"""Every image of a run once: where it lies, what it shows, and which part of the split it is in."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

import numpy as np

from nbfinetune.data.headers import check_files
from nbfinetune.data.listing import ArrayData, FileList
from nbfinetune.data.machine import default_threads
from nbfinetune.data.randomness import Ids
from nbfinetune.data.source_reading import read_source
from nbfinetune.data.splits import LEFT_OUT, TRAIN, VAL, Split, split_folds, split_stratified
from nbfinetune.errors import DataError
from nbfinetune.records import DataConfig

MAX_BAD = 0.1
"""Part of the images that may be unreadable before a run refuses to start or go on."""

FILE_NAME = "index.json"

OnSkip: TypeAlias = Callable[[str, str], None]


@dataclass(frozen=True, eq=False)
class ImageIndex:
    """The images of a run; an image's id is its place in here.

    Parameters
    ----------
    classes : tuple of str
    labels : int64 array (N,)
        Class number of each image.
    split : uint8 array (N,)
        `TRAIN`, `VAL` or `LEFT_OUT` for each image.
    items : tuple of str
        Paths, relative to `root` where they lie under it; empty where the images are arrays,
        whose rows are the ids.
    root : str
        Folder that relative paths start from.
    """

    classes: tuple[str, ...]
    labels: Ids
    split: Split
    items: tuple[str, ...] = ()
    root: str = ""

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def train(self) -> Ids:
        """Ids of the training images, ascending."""
        return np.flatnonzero(self.split == TRAIN)

    @property
    def val(self) -> Ids:
        """Ids of the validation images, ascending."""
        return np.flatnonzero(self.split == VAL)

    def path(self, image: int) -> str:
        """Path of an image that is a file."""
        return str(Path(self.root, self.items[image]))

    def name(self, image: int) -> str:
        """What a message calls an image: its path, or its row."""
        return printable(self.path(image)) if self.items else f"image {image}"


def build_index(config: DataConfig, seed: int, run_folder: Path, on_skip: OnSkip) -> ImageIndex:
    """Index of a run: the saved one where there is one, else read, checked, split and saved.

    A run that is resumed thus has the split it began with, whatever happened to its folder.

    Parameters
    ----------
    config : DataConfig
    seed : int
        Decides which images validate.
    run_folder : Path
        Where `index.json` lies, and the arrays of a notebook.
    on_skip : callable (path, reason)
        Told of every file that is left out. Not called again for a saved index.

    Raises
    ------
    DataError
        If there is nothing to train on, or more than a tenth of the files can't be read.
    """
    saved = run_folder / FILE_NAME
    if saved.exists():
        return load_index(saved)
    listing = read_source(config.source, run_folder)
    if isinstance(listing, FileList):
        listing = _without_bad(listing, on_skip)
    index = _split(listing, config, seed)
    _check_train(index)
    save_index(index, saved)
    return index


def load_index(path: Path) -> ImageIndex:
    """Index out of a run's `index.json`.

    Raises
    ------
    DataError
        If the file can't be read.
    """
    try:
        record = json.loads(path.read_bytes())
        return ImageIndex(
            tuple(record["classes"]),
            np.array(record["labels"], dtype=np.int64),
            np.array(record["split"], dtype=np.uint8),
            tuple(record["items"]),
            record["root"],
        )
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise DataError(f"the index of the run, {path}, can't be read ({error!r})") from error


def save_index(index: ImageIndex, path: Path) -> None:
    """Write `index.json` whole or not at all."""
    record = {
        "format": 1,
        "classes": index.classes,
        "root": index.root,
        "items": index.items,
        "labels": index.labels.tolist(),
        "split": index.split.tolist(),
    }
    temporary = path.with_suffix(".tmp")
    with temporary.open("w", encoding="ascii") as file:
        # Not msgspec: it refuses the names of files that are not UTF-8, which disks do hold.
        file.write(json.dumps(record))
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def _without_bad(files: FileList, on_skip: OnSkip) -> FileList:
    bad, checked = check_files(files.root, files.items, default_threads())
    names = [printable(str(Path(files.root, files.items[position]))) for position in bad]
    for name, reason in zip(names, bad.values(), strict=True):
        on_skip(name, reason)
    check_share(names, checked)
    good = np.ones(len(files.items), dtype=bool)
    good[list(bad)] = False
    count = files.train_count
    return files._replace(
        items=tuple(item for i, item in enumerate(files.items) if i not in bad),
        labels=files.labels[good],
        train_count=None if count is None else int(good[:count].sum()),
    )


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


def printable(path: str) -> str:
    """A path as it can be shown and stored: bytes of its name that are no UTF-8 are written out."""
    return path.encode("utf-8", "backslashreplace").decode()


def _split(listing: ArrayData | FileList, config: DataConfig, seed: int) -> ImageIndex:
    items, root = (listing.items, listing.root) if isinstance(listing, FileList) else ((), "")
    count = len(listing.labels) if listing.train_count is None else listing.train_count
    given = np.full(len(listing.labels), VAL, dtype=np.uint8)
    given[:count] = TRAIN
    index = ImageIndex(listing.classes, listing.labels, given, items, root)
    if config.folds is not None:
        # The source's own validation part stays out: it is the test that folds were not tuned on.
        given[count:] = LEFT_OUT
        given[:count] = split_folds(listing.labels[:count], config.folds, config.fold, seed)
    elif count == len(listing.labels):
        return replace(index, split=split_stratified(listing.labels, config.val_split, seed))
    return index


def _check_train(index: ImageIndex) -> None:
    counts = np.bincount(index.labels[index.train], minlength=len(index.classes))
    if len(index.classes) < 2:
        raise DataError(f"all images are {index.classes[0]!r}: at least two classes are needed")
    missing = [name for name, count in zip(index.classes, counts, strict=True) if count == 0]
    if missing:
        raise DataError(
            f"there is no readable training image of {', '.join(map(repr, missing[:5]))}: "
            "add images or remove the class"
        )

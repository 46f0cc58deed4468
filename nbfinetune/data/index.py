"""Every image of a run once: where it lies, what it shows, and which part of the split it is in."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

import msgspec
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
        return self.path(image) if self.items else f"image {image}"


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
        record = msgspec.json.decode(path.read_bytes(), type=_Record)
    except (OSError, msgspec.DecodeError) as error:
        raise DataError(f"the index of the run, {path}, can't be read ({error})") from error
    return ImageIndex(
        record.classes,
        np.array(record.labels, dtype=np.int64),
        np.array(record.split, dtype=np.uint8),
        record.items,
        record.root,
    )


def save_index(index: ImageIndex, path: Path) -> None:
    """Write `index.json` whole or not at all."""
    record = _Record(
        classes=index.classes,
        root=index.root,
        items=index.items,
        labels=index.labels.tolist(),
        split=index.split.tolist(),
    )
    temporary = path.with_suffix(".tmp")
    with temporary.open("wb") as file:
        file.write(msgspec.json.encode(record))
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


class _Record(msgspec.Struct, forbid_unknown_fields=True):
    classes: tuple[str, ...]
    root: str
    items: tuple[str, ...]
    labels: list[int]
    split: list[int]
    format: int = 1


def _without_bad(files: FileList, on_skip: OnSkip) -> FileList:
    def path_of(item: str) -> str:
        return str(Path(files.root, item))

    bad = check_files(files.items, default_threads(), path_of)
    for position, reason in bad.items():
        on_skip(path_of(files.items[position]), reason)
    check_share(len(bad), len(files.items), [files.items[i] for i in list(bad)[:3]])
    good = np.ones(len(files.items), dtype=bool)
    good[list(bad)] = False
    count = files.train_count
    return files._replace(
        items=tuple(item for i, item in enumerate(files.items) if i not in bad),
        labels=files.labels[good],
        train_count=None if count is None else int(good[:count].sum()),
    )


def check_share(bad: int, of: int, first: list[str]) -> None:
    """Refuse to train where more than `MAX_BAD` of the images can't be read.

    Raises
    ------
    DataError
        With the count and the first names.
    """
    if bad > MAX_BAD * of:
        raise DataError(
            f"{bad} of {of} images can't be read ({', '.join(first)}, …): more than "
            f"{MAX_BAD:.0%} is too many to train on; repair or remove them"
        )


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

"""Every image of a run once: where it lies, what it shows, and which part of the split it is in."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nbfinetune.data.randomness import Ids
from nbfinetune.data.splits import TRAIN, VAL, Split
from nbfinetune.errors import DataError
from nbfinetune.whole_files import write_whole


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

    def item(self, image: int) -> str:
        """What an edit calls an image: its path under `root`, or its row."""
        return printable(self.items[image]) if self.items else str(image)

    def name(self, image: int) -> str:
        """What a message calls an image: its path, or its row."""
        return printable(self.path(image)) if self.items else f"image {image}"


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
            record["root"] and str(path.parent / record["root"]),
        )
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise DataError(f"the index of the run, {path}, can't be read ({error!r})") from error


def save_index(index: ImageIndex, path: Path) -> None:
    """Write `index.json` whole or not at all; images in its own folder may move along with it."""
    root = Path(index.root)
    beside = root.is_relative_to(path.parent)
    record = {
        "format": 1,
        "classes": index.classes,
        "root": str(root.relative_to(path.parent)) if beside else index.root,
        "items": index.items,
        "labels": index.labels.tolist(),
        "split": index.split.tolist(),
    }
    # Not msgspec: it refuses the names of files that are not UTF-8, which disks do hold.
    write_whole(path, json.dumps(record).encode("ascii"))


def printable(path: str) -> str:
    """A path as it can be shown and stored: bytes of its name that are no UTF-8 are written out."""
    return path.encode("utf-8", "backslashreplace").decode()

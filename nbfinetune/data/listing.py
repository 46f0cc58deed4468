"""What a source holds before it is split: files by path, or arrays."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nbfinetune.data.randomness import Ids


class FileList(NamedTuple):
    """Image files, those of the training part first.

    Parameters
    ----------
    items : tuple of str
        Paths, relative to `root` where they lie under it.
    labels : int64 array (N,)
        Class number of each file.
    classes : tuple of str
    root : str
        Folder that relative paths start from; may be empty.
    train_count : int, optional
        How many belong to the training part; None where the source has no parts.
    """

    items: tuple[str, ...]
    labels: Ids
    classes: tuple[str, ...]
    root: str
    train_count: int | None = None


class ArrayData(NamedTuple):
    """Images in memory or mapped, those of the training part first.

    Parameters
    ----------
    images : uint8 array (N, H, W) or (N, H, W, C)
    labels : int64 array (N,)
        Class number of each image.
    classes : tuple of str
    train_count : int, optional
        How many belong to the training part; None where the source has no parts.
    """

    images: NDArray[np.uint8]
    labels: Ids
    classes: tuple[str, ...]
    train_count: int | None = None


def without_unused_classes(listing: FileList | ArrayData) -> FileList | ArrayData:
    """The same images, with the classes that have none taken out and the others renumbered.

    Of ten digits a file may hold two, and EMNIST counts its letters from 1.
    """
    used, labels = np.unique(listing.labels, return_inverse=True)
    classes = tuple(listing.classes[number] for number in used.tolist())
    return listing._replace(labels=labels.astype(np.int64), classes=classes)

"""What a source holds before it is split: files by path, or arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nbfinetune.data.randomness import Ids
from nbfinetune.errors import DataError


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
    groups : tuple of N str, optional
        Group of each file; the images of one never stand on both sides of a split.
    """

    items: tuple[str, ...]
    labels: Ids
    classes: tuple[str, ...]
    root: str
    train_count: int | None = None
    groups: tuple[str, ...] | None = None


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


def row(number: int) -> str:
    """What a message calls a row of a table where nothing says it better."""
    return f"row {number}"


def number_labels(
    values: Iterable[Any], place: Callable[[int], str] = row
) -> tuple[tuple[str, ...], Ids]:
    """Class names, in the order of their values, and the class number of each label.

    Parameters
    ----------
    values : iterable
        All whole numbers, all strings or all booleans.
    place : callable (row) -> str
        What a message calls a row.

    Raises
    ------
    DataError
        Names the row without a label, or two labels of different types.
    """
    labels = [as_plain(value) for value in values]
    first: dict[type, int] = {}
    for number, value in enumerate(labels):
        if is_missing(value):
            raise DataError(f"{place(number)} has no label: give it one or remove it")
        first.setdefault(type(value), number)
    if set(first) not in ({int}, {str}, {bool}, set()):
        kinds = sorted(first, key=lambda kind: kind.__name__)
        shown = (f"{labels[first[kind]]!r} ({place(first[kind])})" for kind in kinds)
        raise DataError(
            f"labels are {', '.join(kind.__name__ for kind in kinds)}, such as "
            f"{' and '.join(shown)}: all whole numbers or all strings are needed"
        )
    names = sorted(set(labels))
    numbers = {name: number for number, name in enumerate(names)}
    return tuple(map(str, names)), np.array([numbers[value] for value in labels], dtype=np.int64)


def as_plain(value: Any) -> Any:
    """Python's own value for a scalar of numpy or torch; anything else as it is."""
    single = hasattr(value, "item") and getattr(value, "ndim", 1) == 0
    return value.item() if single else value


def is_missing(value: Any) -> bool:
    """Whether a cell of a table holds nothing: None, NaN, pandas' NA or no text."""
    if isinstance(value, str):
        return not value.strip()
    # Only what is nothing differs from itself (or, as NA, will not even say).
    return value is None or type(value).__name__ == "NAType" or bool(value != value)  # noqa: PLR0124

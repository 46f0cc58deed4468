"""What a preview shows of a data set: which images, in which order, as edited. Pure functions."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any, Literal

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from nbfinetune.data.edits import apply_edits
from nbfinetune.data.image_index import ImageIndex
from nbfinetune.data.randomness import Ids
from nbfinetune.data.splits import LEFT_OUT, TRAIN, VAL
from nbfinetune.errors import ConfigError
from nbfinetune.records import DataEdit, Exclude, Relabel

PARTS = {"train": TRAIN, "val": VAL, "left_out": LEFT_OUT}
PART_NAMES = tuple(PARTS)
UNEDITED, RELABELLED, MOVED, EXCLUDED = 0, 1, 2, 4
"""What was edited about an image, as bits."""

Marks = NDArray[np.uint8]


class Query(Struct, frozen=True, forbid_unknown_fields=True):
    """What a person asked to see.

    Parameters
    ----------
    search : str
        Words that must all occur in the path or the class of an image, in any case.
    label : str
        A class; empty for all.
    part : str
        A part of the split, ``edited`` for what was edited, empty for all.
    finding : str
        Key of a finding of the scan; empty for all images.
    sort : str
        ``folder``: as the data lists them. ``shuffled``: by chance, the same for everybody.
    """

    search: str = ""
    label: str = ""
    part: Literal["", "train", "val", "left_out", "edited"] = ""
    finding: str = ""
    sort: Literal["folder", "name", "shuffled"] = "folder"


@dataclass(frozen=True, eq=False)
class Album:
    """The images of a data set with the edits laid over them.

    Parameters
    ----------
    index : ImageIndex
        Labels and split as edited; ids as without edits, so what is excluded can be shown.
    marks : uint8 array (N,)
        Bits of `RELABELLED`, `MOVED` and `EXCLUDED`.
    """

    index: ImageIndex
    marks: Marks


def overlay(listed: ImageIndex, edits: Sequence[DataEdit]) -> Album:
    """Lay edits over the images; edits that fit no image or class change nothing.

    Parameters
    ----------
    listed : ImageIndex
        Of `nbfinetune.data.index.preview_index`, without edits.
    """
    fitting = [
        edit for edit in edits if not isinstance(edit, Relabel) or edit.label in listed.classes
    ]
    index = apply_edits(listed, fitting)
    excluded = _excluded(listed, index, fitting) > 0
    marks = np.where(index.labels != listed.labels, RELABELLED, UNEDITED).astype(np.uint8)
    marks[(index.split != listed.split) & ~excluded] |= MOVED
    marks[excluded] |= EXCLUDED
    return Album(index, marks)


def _excluded(listed: ImageIndex, edited: ImageIndex, edits: Sequence[DataEdit]) -> Marks:
    """1 where an image is left out by an edit, and not by the split."""
    if (listed.split == LEFT_OUT).any():
        excluding = [edit for edit in edits if isinstance(edit, Exclude)]
        edited = apply_edits(replace(listed, split=np.full_like(listed.split, TRAIN)), excluding)
    out: Marks = (edited.split == LEFT_OUT).astype(np.uint8)
    return out


def find(album: Album, query: Query, among: Collection[int] | None = None) -> Ids:
    """Ids of the images that a query means, in its order.

    Parameters
    ----------
    among : collection of int, optional
        Ids of the finding that the query names, in the order in which they belong together.

    Raises
    ------
    ConfigError
        If there is no such class.
    """
    index = album.index
    kept = np.ones(len(index), dtype=bool)
    if query.label:
        kept &= index.labels == _class_number(index, query.label)
    if query.part == "edited":
        kept &= album.marks > 0
    elif query.part:
        kept &= index.split == PARTS[query.part]
    ids = np.flatnonzero(kept)
    if among is not None:
        ids = np.array([image for image in among if kept[image]], dtype=np.int64)
    words = query.search.casefold().split()
    if words:
        ids = np.array([i for i in ids.tolist() if _holds(index, i, words)], dtype=np.int64)
    return _sorted(index, ids, query.sort)


def _class_number(index: ImageIndex, label: str) -> int:
    if label not in index.classes:
        raise ConfigError(f"there is no class {label!r}; there are {_some(index.classes)}")
    return index.classes.index(label)


def _holds(index: ImageIndex, image: int, words: list[str]) -> bool:
    text = f"{shown_name(index, image)} {index.classes[index.labels[image]]}".casefold()
    return all(word in text for word in words)


def _sorted(index: ImageIndex, ids: Ids, sort: str) -> Ids:
    if sort == "shuffled":
        return np.random.default_rng(0).permutation(ids)
    if sort == "name" and index.items:
        names = [PurePath(index.items[image]).name.casefold() for image in ids.tolist()]
        return ids[np.array(sorted(range(len(names)), key=names.__getitem__), dtype=np.int64)]
    return ids


def rows(album: Album, ids: Iterable[int]) -> list[list[Any]]:
    """What the page knows of images: ``[id, name, class number, part number, marks]`` each."""
    index = album.index
    return [
        [
            image,
            shown_name(index, image),
            int(index.labels[image]),
            int(index.split[image]),
            int(album.marks[image]),
        ]
        for image in ids
    ]


def shown_name(index: ImageIndex, image: int) -> str:
    """Name of an image for people, which can always be written down."""
    return index.item(image) if index.items else f"image {image}"


def class_counts(album: Album) -> list[list[Any]]:
    """``[class, training, validation, left out]`` for each class."""
    index, width = album.index, len(PARTS)
    flat = index.labels * width + index.split
    table = np.bincount(flat, minlength=width * len(index.classes)).reshape(-1, width)
    return [[name, *row] for name, row in zip(index.classes, table.tolist(), strict=True)]


def spans(places: Iterable[int]) -> list[list[int]]:
    """Ascending numbers as ``[first, last]`` of each stretch without a gap."""
    found: list[list[int]] = []
    for place in places:
        if found and place == found[-1][1] + 1:
            found[-1][1] = place
        else:
            found.append([place, place])
    return found


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return ", ".join(map(repr, names[:8])) + more

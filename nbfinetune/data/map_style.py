"""Data sets with items by number (torch's map style): what they hold, without running transforms.

Where a set tells its files (`samples`, as torchvision's `ImageFolder`) or its pixels (`data` and
`targets`, as `MNIST` and `CIFAR10`), these are taken and its `transform` is not run: the run varies
images itself. Of any other set the items are taken as its `transform` leaves them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nbfinetune.data.arrays import channels_last
from nbfinetune.data.folders import looks_like_image
from nbfinetune.data.hugging_face import is_hugging_face, open_hugging_face
from nbfinetune.data.listing import as_plain
from nbfinetune.data.opened import Opened, Unit
from nbfinetune.errors import ConfigError, DataError

IMAGE_KEYS = ("image", "img", "pixel_values")
LABEL_KEYS = ("label", "labels", "target", "class")


def is_map_style(data: Any) -> bool:
    """Whether this has items by number and says how many."""
    return hasattr(data, "__getitem__") and hasattr(data, "__len__")


def open_map_style(dataset: Any, labels: Any = None, groups: Any = None) -> Opened:
    """What a data set holds, as far as that can be told without reading all of it.

    Parameters
    ----------
    dataset
        Of torch or Hugging Face, a `Subset` of one, or an object like them.
    labels, groups : str, optional
        Columns of a Hugging Face data set.

    Raises
    ------
    ConfigError
        If it has no length, or no such column.
    """
    if is_hugging_face(dataset):
        return open_hugging_face(dataset, labels, groups)
    if labels is not None:
        raise ConfigError(
            f"labels={labels!r}: a {type(dataset).__name__} gives labels of its own; leave it out"
        )
    if hasattr(dataset, "dataset") and hasattr(dataset, "indices"):
        return _subset(open_map_style(dataset.dataset, labels, groups), dataset.indices)
    return _of_files(dataset) or _of_arrays(dataset) or _of_items(dataset)


def _subset(whole: Opened, indices: Sequence[Any]) -> Opened:
    rows = [int(index) for index in indices]
    pixels = None if whole.pixels is None else whole.pixels[rows]
    return Opened(
        len(rows),
        lambda some: whole.units([rows[number] for number in some]),
        whole.classes,
        pixels,
    )


def _of_files(dataset: Any) -> Opened | None:
    samples = getattr(dataset, "samples", None)
    if not isinstance(samples, (list, tuple)) or not all(map(_is_sample, islice(samples, 100))):
        return None
    labelled = _labeller(dataset)

    def units(rows: Sequence[int]) -> Iterator[Unit]:
        return (Unit(Path(samples[row][0]), labelled(samples[row][1])) for row in rows)

    return Opened(len(samples), units, _classes(dataset))


def _is_sample(sample: Any) -> bool:
    return (
        isinstance(sample, (tuple, list))
        and len(sample) == 2
        and isinstance(sample[0], (str, os.PathLike))
        and looks_like_image(os.fspath(sample[0]))
    )


def _of_arrays(dataset: Any) -> Opened | None:
    targets = getattr(dataset, "targets", getattr(dataset, "labels", None))
    data = getattr(dataset, "data", None)
    if targets is None or not hasattr(data, "dtype") or not hasattr(data, "shape"):
        return None
    pixels = np.asarray(data)
    if pixels.dtype != np.uint8 or pixels.ndim not in (3, 4) or len(pixels) != len(targets):
        return None
    pixels = channels_last(pixels) if pixels.ndim == 4 else pixels
    labelled = _labeller(dataset)

    def units(rows: Sequence[int]) -> Iterator[Unit]:
        return (Unit(pixels[row], labelled(targets[row])) for row in rows)

    return Opened(len(pixels), units, _classes(dataset), pixels)


def _of_items(dataset: Any) -> Opened:
    name = type(dataset).__name__

    def units(rows: Sequence[int]) -> Iterator[Unit]:
        return (_item(dataset, row, name) for row in rows)

    try:
        count = len(dataset)
    except (TypeError, NotImplementedError) as error:
        raise ConfigError(
            f"the {name} does not say how many items it has: a data set with items by number "
            "(map style) is needed, since a part of it validates"
        ) from error
    return Opened(count, units, _classes(dataset))


def _item(dataset: Any, row: int, name: str) -> Unit:
    try:
        item = dataset[row]
    except Exception as error:  # the user's own code may raise anything
        raise DataError(
            f"item {row} of the {name} can't be had ({type(error).__name__}: {error})"
        ) from error
    if isinstance(item, Mapping):
        image = next((item[key] for key in IMAGE_KEYS if key in item), None)
        label = next((item[key] for key in LABEL_KEYS if key in item), None)
    elif isinstance(item, (tuple, list)) and len(item) >= 2:
        image, label = item[0], item[1]
    else:
        image = label = None
    if image is None or label is None:
        raise DataError(
            f"item {row} of the {name} is a {type(item).__name__}: (image, label) is needed, or a "
            f"dict with {' or '.join(IMAGE_KEYS)} and {' or '.join(LABEL_KEYS)}"
        )
    return Unit(_channels_last_of_torch(image), as_plain(label))


def _channels_last_of_torch(image: Any) -> Any:
    """A tensor as an array (H, W[, C]): torch puts channels first."""
    if not hasattr(image, "detach"):
        return image
    pixels: NDArray[Any] = image.detach().cpu().numpy()
    return np.moveaxis(pixels, 0, -1) if pixels.ndim == 3 else pixels


def _labeller(dataset: Any) -> Callable[[Any], Any]:
    change = getattr(dataset, "target_transform", None)
    return as_plain if change is None else lambda label: as_plain(change(as_plain(label)))


def _classes(dataset: Any) -> tuple[str, ...] | None:
    names = getattr(dataset, "classes", None)
    if not isinstance(names, (list, tuple)) or getattr(dataset, "target_transform", None):
        return None
    return tuple(map(str, names))

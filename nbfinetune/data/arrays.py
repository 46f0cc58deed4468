"""Images and labels as numpy arrays: what a notebook has at hand, made uint8 and written down."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nbfinetune.data.bands import CONVERTIBLE
from nbfinetune.data.listing import ArrayData, number_labels
from nbfinetune.errors import DataError

_CHUNK = 1024
_MOST_CHANNELS = 64
_TRAIN_COUNT = "train_count.npy"


class CheckedArrays(NamedTuple):
    """Arrays that passed the check.

    Parameters
    ----------
    images, labels, classes
        As in `ArrayData`, but of any type of number.
    factor : float
        Brings `images` to 0..255.
    train_count : int, optional
        How many belong to the training part; None where there are no parts.
    """

    images: NDArray[Any]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]
    factor: float
    train_count: int | None = None


def check_arrays(images: Any, labels: Any) -> CheckedArrays:
    """Arrays as a user passes them, checked.

    Parameters
    ----------
    images : array (N, H, W) or (N, H, W, C), or a list of N such images of one shape
        uint8 or other integers in [0, 255], floats in [0, 1] or [0, 255], or booleans; C is
        1 (grey), 3 (RGB), 4 (RGB and alpha), or what a model with `in_chans` of as many sees.
    labels : array (N,)
        Whole numbers, strings or booleans.

    Raises
    ------
    DataError
        Names the shape, type or value that is wrong.
    """
    pixels = _as_images(images)
    names, numbers = _as_labels(labels)
    if len(pixels) != len(numbers):
        raise DataError(f"{len(pixels)} images but {len(numbers)} labels: each image needs one")
    if len(names) == 1:
        raise DataError(f"all {len(numbers)} labels are {names[0]!r}: at least two are needed")
    return CheckedArrays(pixels, numbers, names, factor(pixels))


def number_arrays(
    images: NDArray[Any],
    labels: Sequence[Any],
    classes: tuple[str, ...] | None,
    train_count: int | None,
) -> CheckedArrays:
    """Arrays of a data set that may name its classes; those without images are left out.

    Raises
    ------
    DataError
        As `check_arrays`, and if a label is no number of a class.
    """
    checked = check_arrays(images, labels)._replace(train_count=train_count)
    if classes is None or not set(map(type, labels)) <= {int}:
        return checked
    if min(labels) < 0 or max(labels) >= len(classes):
        raise DataError(
            f"labels run from {min(labels)} to {max(labels)}, but the data set names "
            f"{len(classes)} classes: 0 to {len(classes) - 1} is needed"
        )
    return checked._replace(classes=tuple(classes[int(number)] for number in checked.classes))


def channels_last(images: NDArray[Any]) -> NDArray[Any]:
    """Images (N, H, W, C), also where they came as (N, C, H, W), as torch has them."""
    if _channels_first(images):
        return np.moveaxis(images, 1, -1)
    return images


def save_arrays(arrays: CheckedArrays, folder: Path) -> None:
    """Write `images.npy` (uint8) and `labels.npy` (int64) into a new folder."""
    folder.mkdir(parents=True, exist_ok=True)
    target = np.lib.format.open_memmap(
        folder / "images.npy", mode="w+", dtype=np.uint8, shape=arrays.images.shape
    )
    for start, chunk in _as_saved(arrays):
        target[start : start + len(chunk)] = chunk
    target.flush()
    np.save(folder / "labels.npy", arrays.labels)
    if arrays.train_count is not None:
        np.save(folder / _TRAIN_COUNT, arrays.train_count)


def as_pieces(arrays: CheckedArrays) -> Iterator[bytes]:
    """All that `save_arrays` writes, a piece at a time: what was saved has the same pieces."""
    yield repr((arrays.images.shape, "uint8", arrays.train_count)).encode()
    yield arrays.labels.tobytes()
    for _, chunk in _as_saved(arrays):
        yield chunk.tobytes()


def saved_pieces(arrays: ArrayData) -> Iterator[bytes]:
    """The same of arrays that `load_saved` gives."""
    saved = CheckedArrays(arrays.images, arrays.labels, arrays.classes, 1.0, arrays.train_count)
    yield from as_pieces(saved)


def load_saved(folder: Path, classes: tuple[str, ...]) -> ArrayData:
    """What `save_arrays` wrote; the images stay on the disk until they are looked at.

    Raises
    ------
    DataError
        If the files are gone or are not such arrays.
    """
    try:
        images = np.load(folder / "images.npy", mmap_mode="r", allow_pickle=False)
        labels = np.load(folder / "labels.npy", allow_pickle=False)
        train_count = _load_train_count(folder / _TRAIN_COUNT)
    except (OSError, ValueError, TypeError) as error:
        raise DataError(f"the arrays in {folder} can't be read ({error})") from error
    if (
        images.dtype != np.uint8
        or images.ndim not in (3, 4)
        or labels.shape != images.shape[:1]
        or labels.dtype.kind not in "iu"
    ):
        raise DataError(
            f"the arrays in {folder} do not fit: images {images.dtype} {images.shape}, "
            f"labels {labels.shape}; images.npy is uint8 (N,H,W) or (N,H,W,C), labels.npy (N,)"
        )
    if len(labels) and not 0 <= labels.min() <= labels.max() < len(classes):
        raise DataError(
            f"the labels in {folder} run from {labels.min()} to {labels.max()}, but there are "
            f"{len(classes)} classes: 0 to {len(classes) - 1} is needed"
        )
    return ArrayData(images, labels.astype(np.int64), classes, train_count)


def _load_train_count(path: Path) -> int | None:
    return int(np.load(path, allow_pickle=False)) if path.exists() else None


def _as_images(images: Any) -> NDArray[Any]:
    try:
        pixels = np.asarray(images)
    except (ValueError, TypeError) as error:
        raise DataError(
            f"the images are no array ({error}): all must be of one size and in the computer's "
            "memory; save images of many sizes as files in one folder per class"
        ) from error
    if pixels.ndim not in (3, 4) or 0 in pixels.shape:
        raise DataError(
            f"images have shape {pixels.shape}: (N, height, width) or (N, height, width, "
            "channels) is needed"
        )
    if pixels.ndim == 4 and (_channels_first(pixels) or pixels.shape[3] > _MOST_CHANNELS):
        remedy = (
            "channels come last here: pass images.transpose(0, 2, 3, 1)"
            if pixels.shape[1] <= _MOST_CHANNELS
            else f"at most {_MOST_CHANNELS} can be read"
        )
        raise DataError(f"images have shape {pixels.shape}, {pixels.shape[3]} channels: {remedy}")
    if pixels.dtype.kind not in "buif":
        raise DataError(f"images are of type {pixels.dtype}: uint8 or float is needed")
    return pixels


def _channels_first(images: NDArray[Any]) -> bool:
    return images.shape[-1] not in CONVERTIBLE and images.shape[1] in CONVERTIBLE


def _as_labels(labels: Any) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    values = np.asarray(labels)
    if values.ndim != 1:
        raise DataError(
            f"labels have shape {values.shape}: one label per image is needed "
            "(one-hot labels: pass labels.argmax(axis=1))"
        )
    # An array of a mixed list has made strings of all: the list itself still knows.
    return number_labels(labels if isinstance(labels, (list, tuple)) else values.tolist())


def as_bytes(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """Pixels as uint8, as `factor` scales them.

    Raises
    ------
    DataError
        If they are no numbers, none, NaN, below 0 or above 255.
    """
    if pixels.dtype == np.uint8:
        return pixels
    if pixels.dtype.kind not in "buif" or not pixels.size:
        raise DataError(f"an array of type {pixels.dtype} and shape {pixels.shape} holds no image")
    scaled = np.rint(pixels.astype(np.float32) * factor(pixels))
    return np.asarray(scaled, dtype=np.uint8)


def factor(pixels: NDArray[Any]) -> float:
    """What brings pixels to 0..255: 255 for booleans and for floats in [0, 1], else 1.

    Parameters
    ----------
    pixels : array (N, ...) of booleans, whole numbers or floats

    Raises
    ------
    DataError
        If they hold NaN, or run below 0 or above 255.
    """
    if pixels.dtype == np.uint8:
        return 1.0
    if pixels.dtype == np.bool_:
        return 255.0
    ends = [(chunk.min(), chunk.max()) for _, chunk in _chunks(pixels)]
    low, high = float(np.min(ends)), float(np.max(ends))
    if np.isnan(low) or np.isnan(high):
        raise DataError("images hold NaN: replace it, e.g. with numpy.nan_to_num(images)")
    if low < 0 or high > 255:
        raise DataError(
            f"images run from {low:g} to {high:g}: 0 to 1 or 0 to 255 is needed "
            "(undo a normalisation, scale 16-bit images down)"
        )
    return 255.0 if pixels.dtype.kind == "f" and high <= 1 else 1.0


def _as_saved(arrays: CheckedArrays) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    for start, chunk in _chunks(arrays.images):
        if chunk.dtype == np.uint8:
            yield start, chunk
        else:
            yield start, np.rint(chunk.astype(np.float32) * arrays.factor).astype(np.uint8)


def _chunks(pixels: NDArray[Any]) -> Iterator[tuple[int, NDArray[Any]]]:
    for start in range(0, len(pixels), _CHUNK):
        yield start, pixels[start : start + _CHUNK]

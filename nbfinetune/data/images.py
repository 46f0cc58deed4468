"""The images of a run by their ids, decoded when they are asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nbfinetune.data.decode import UnreadableImage, decode, open_header
from nbfinetune.data.index import ImageIndex
from nbfinetune.data.listing import ArrayData
from nbfinetune.data.source_reading import read_arrays
from nbfinetune.errors import DataError
from nbfinetune.records import Folder, FolderPair, Source

_SAMPLE = 200


@dataclass(frozen=True, eq=False)
class ImageSet:
    """An index and what its ids stand for.

    Parameters
    ----------
    index : ImageIndex
    pixels : uint8 array (N, H, W) or (N, H, W, C), optional
        The images, where they are not files.
    """

    index: ImageIndex
    pixels: NDArray[np.uint8] | None = None

    def __len__(self) -> int:
        return len(self.index)

    def image(self, number: int, at_least: int | None = None) -> Image.Image:
        """Image as upright RGB; see `nbfinetune.data.decode.decode`.

        Raises
        ------
        UnreadableImage
            If it can't be decoded.
        """
        if self.pixels is not None:
            return decode(self.pixels[number])
        return decode(self.index.path(number), at_least)

    def name(self, number: int) -> str:
        """What a message calls the image: its path, or its row."""
        return self.index.name(number)

    def shorter_side(self, number: int) -> int:
        """Shorter side in pixels, without decoding.

        Raises
        ------
        UnreadableImage
            If the header can't be read.
        """
        if self.pixels is not None:
            return int(min(self.pixels.shape[1:3]))
        with open_header(self.index.path(number)) as image:
            return int(min(image.size))


def open_images(source: Source, index: ImageIndex, run_folder: Path) -> ImageSet:
    """Images of a run whose index is built.

    Raises
    ------
    DataError
        If the arrays behind the index are gone or have changed in number.
    """
    if isinstance(source, (Folder, FolderPair)) or index.items:
        return ImageSet(index)
    arrays = read_arrays(source, run_folder)
    if not isinstance(arrays, ArrayData) or len(arrays.labels) != len(index):
        raise DataError(
            f"the index of the run has {len(index)} images but its source now has "
            f"{len(arrays.labels)}: put the old files back or start a new run"
        )
    return ImageSet(index, arrays.images)


def median_side(images: ImageSet) -> int:
    """Median of the images' shorter sides in pixels, of an even sample of 200.

    Raises
    ------
    DataError
        If none of the sample can be read.
    """
    sample = np.linspace(0, len(images) - 1, min(len(images), _SAMPLE)).astype(int)
    sides = [side for number in sample.tolist() if (side := _side_or_none(images, number))]
    if not sides:
        raise DataError(f"none of the first {len(sample)} images looked at can be read")
    return int(np.median(sides))


def _side_or_none(images: ImageSet, number: int) -> int | None:
    try:
        return images.shorter_side(number)
    except UnreadableImage:
        return None  # the loader names and counts it

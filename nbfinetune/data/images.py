"""The images of a run by their ids, decoded when they are asked for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nbfinetune.data.arrays import load_saved
from nbfinetune.data.bands import Raster, check_channels, pixels_of
from nbfinetune.data.cache_files import cache_folder
from nbfinetune.data.decode import UnreadableImage, channels_in, decode, open_header
from nbfinetune.data.decoded_cache import DecodedCache, OnUnused, open_cache
from nbfinetune.data.index import ImageIndex
from nbfinetune.data.listing import ArrayData
from nbfinetune.data.source_reading import make_ready, read_arrays
from nbfinetune.data.stored_image import stored_image, stored_size
from nbfinetune.errors import DataError
from nbfinetune.records import Archive, Arrays, Files, Folder, FolderPair, Source

_SAMPLE = 200


@dataclass(frozen=True, eq=False)
class ImageSet:
    """An index and what its ids stand for.

    Parameters
    ----------
    index : ImageIndex
    pixels : uint8 array (N, H, W) or (N, H, W, C), optional
        The images, where they are not files.
    cache : DecodedCache, optional
        Keeps the files' pixels at one stored size.
    channels : int
        Of an image as a model sees it; see `with_channels`.
    """

    index: ImageIndex
    pixels: NDArray[np.uint8] | None = None
    cache: DecodedCache | None = None
    channels: int = 3

    def __len__(self) -> int:
        return len(self.index)

    def image(self, number: int, at_least: int | None = None) -> Image.Image:
        """Image as people see it, upright and RGB; see `nbfinetune.data.decode.decode`.

        Raises
        ------
        UnreadableImage
            If it can't be decoded.
        """
        if self.pixels is not None:
            return decode(self.pixels[number])
        return decode(self.index.path(number), at_least)

    def stored(self, number: int, side_px: int) -> Raster:
        """Image at its stored size with the model's channels, out of the cache where it is there.

        See `nbfinetune.data.stored_image.stored_image`, whose pixels it has.

        Raises
        ------
        UnreadableImage
            If it can't be decoded.
        """
        if self.pixels is not None:
            return stored_image(self.pixels[number], side_px, self.channels)
        path, cache = self.index.path(number), self._cache_at(side_px)
        if cache is not None:
            return cache.image(path)
        return stored_image(path, side_px, self.channels)

    def stored_pixels(self, number: int, side_px: int) -> NDArray[np.uint8]:
        """Pixels of the same, uint8 (H, W, C); the calling thread's until it asks again.

        Raises
        ------
        UnreadableImage
            If it can't be decoded.
        """
        cache = self._cache_at(side_px)
        if cache is not None:
            return cache.pixels(self.index.path(number))
        return pixels_of(self.stored(number, side_px))

    def _cache_at(self, side_px: int) -> DecodedCache | None:
        cache = self.cache
        fits = cache is not None and (cache.side_px, cache.channels) == (side_px, self.channels)
        return cache if fits else None

    def name(self, number: int) -> str:
        """What a message calls the image: its path, or its row."""
        return self.index.name(number)

    def size(self, number: int) -> tuple[int, int]:
        """Width and height in pixels as the file has them, without decoding.

        Raises
        ------
        UnreadableImage
            If the header can't be read.
        """
        if self.pixels is not None:
            return int(self.pixels.shape[2]), int(self.pixels.shape[1])
        with open_header(self.index.path(number)) as image:
            return int(image.width), int(image.height)

    @property
    def own_channels(self) -> int | None:
        """Channels of the arrays; None for files, which give 1, 3 or 4."""
        return None if self.pixels is None else channels_in(self.pixels[0])

    @cached_property
    def sampled_sizes(self) -> list[tuple[int, int]]:
        """Width and height of an even sample of at most 200 images that can be read.

        Raises
        ------
        DataError
            If none of them can.
        """
        sample = np.linspace(0, len(self) - 1, min(len(self), _SAMPLE)).astype(int)
        sizes = [size for number in sample.tolist() if (size := self._size_or_none(number))]
        if not sizes:
            raise DataError(f"none of the first {len(sample)} images looked at can be read")
        return sizes

    def _size_or_none(self, number: int) -> tuple[int, int] | None:
        try:
            return self.size(number)
        except UnreadableImage:
            return None  # the loader names and counts it


def open_images(source: Source, index: ImageIndex, run_folder: Path) -> ImageSet:
    """Images of a run whose index is built.

    Raises
    ------
    DataError
        If the arrays behind the index are gone or have changed in number.
    """
    make_ready(source, index.root)
    if isinstance(source, (Folder, FolderPair)) or index.items:
        return ImageSet(index)
    arrays = read_arrays(source, run_folder)
    if not isinstance(arrays, ArrayData) or len(arrays.labels) != len(index):
        raise DataError(
            f"the index of the run has {len(index)} images but its source now has "
            f"{len(arrays.labels)}: put the old files back or start a new run"
        )
    return ImageSet(index, arrays.images)


def with_channels(images: ImageSet, channels: int) -> ImageSet:
    """The same images as a model sees them that takes so many channels.

    Parameters
    ----------
    channels : int
        1: grey. 3: RGB, on white. 4: RGB and alpha. Else what arrays have, neither more nor less.

    Raises
    ------
    DataError
        If the images can't have them; says what they have.
    """
    check_channels(images.own_channels, channels)
    return replace(images, channels=channels)


def require_channels(source: Source, run_folder: Path, channels: int) -> None:
    """Refuse early what `with_channels` would, where a source tells its channels at a glance.

    Parameters
    ----------
    source : Source
    run_folder : Path
        Where the arrays of a notebook lie.

    Raises
    ------
    DataError
        If the images can't have so many channels; says what they have.
    """
    if isinstance(source, Arrays):
        images = load_saved(run_folder / source.path, source.classes).images
        check_channels(channels_in(images[0]), channels)
    elif isinstance(source, (Folder, FolderPair, Archive, Files)):
        check_channels(None, channels)


def with_cache(images: ImageSet, side_px: int, on_unused: OnUnused) -> ImageSet:
    """The same images, kept decoded at a stored size; those in memory as they are.

    Parameters
    ----------
    side_px : int
        Shorter side that images are shrunk to.
    on_unused : callable (reason)
        Told why nothing, or nothing more, is kept.
    """
    if images.pixels is not None:
        return images
    index = images.index
    folder = cache_folder(index.root, index.items, side_px, images.channels)
    expected = _decoded_bytes(images, side_px)
    cache = open_cache(folder, side_px, expected, on_unused, images.channels)
    return replace(images, cache=cache)


def median_side(images: ImageSet) -> int:
    """Median of the images' shorter sides in pixels, of an even sample of 200.

    Raises
    ------
    DataError
        If none of the sample can be read.
    """
    return int(np.median([min(size) for size in images.sampled_sizes]))


def _decoded_bytes(images: ImageSet, side_px: int) -> int:
    sizes = [stored_size(*size, side_px) for size in images.sampled_sizes]
    used = len(images.index.train) + len(images.index.val)
    return int(np.mean([images.channels * width * height for width, height in sizes]) * used)

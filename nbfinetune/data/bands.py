"""Images of any number of channels, as planes that Pillow has a mode for.

One channel is Pillow's grey image and three are its RGB image. Of other numbers there are `Bands`:
four are colours and alpha, any others a grey plane each. Pillow's own modes with alpha would not
do: it weighs colours by alpha when it resizes, which loses what a fourth channel holds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nbfinetune.errors import DataError

CONVERTIBLE = (1, 3, 4)
"""Grey, RGB, RGB and alpha: what any image file gives, and what is made of one another."""


@dataclass(frozen=True, eq=False)
class Bands:
    """Image of four, two or more channels; has of Pillow's images what a plan takes.

    Parameters
    ----------
    planes : tuple of Image
        Of one size, RGB or grey.
    """

    planes: tuple[Image.Image, ...]

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.planes[0].size

    def each(self, change: Callable[[Image.Image], Image.Image]) -> Bands:
        """The same done to each plane."""
        return Bands(tuple(map(change, self.planes)))

    def crop(self, box: tuple[int, int, int, int]) -> Bands:
        """As Pillow's."""
        return self.each(lambda plane: plane.crop(box))

    def resize(
        self,
        size: tuple[int, int],
        resample: Image.Resampling,
        *,
        reducing_gap: float | None = None,
    ) -> Bands:
        """As Pillow's."""
        return self.each(lambda plane: plane.resize(size, resample, reducing_gap=reducing_gap))

    def transpose(self, method: Image.Transpose) -> Bands:
        """As Pillow's."""
        return self.each(lambda plane: plane.transpose(method))

    def tobytes(self) -> bytes:
        """Bytes of one plane behind the other, as `raster_of_bytes` reads them."""
        return b"".join(plane.tobytes() for plane in self.planes)


Raster: TypeAlias = "Image.Image | Bands"
"""Image of any number of channels."""


def raster_of(pixels: NDArray[np.uint8]) -> Raster:
    """Image of pixels, uint8 (H, W, C)."""
    planes, start = [], 0
    for mode in _modes(pixels.shape[2]):
        part = pixels[..., start] if mode == "L" else pixels[..., start : start + len(mode)]
        planes.append(Image.fromarray(np.ascontiguousarray(part)))
        start += len(mode)
    return _joined(planes)


def raster_of_bytes(data: Any, size: tuple[int, int], channels: int) -> Raster:
    """Image of what its `tobytes` gave; a copy.

    Parameters
    ----------
    data : buffer of bytes, contiguous
    size : tuple of int
        Width and height in pixels.
    """
    planes, start = [], 0
    for mode in _modes(channels):
        length = len(mode) * size[0] * size[1]
        part = np.frombuffer(data, np.uint8, length, start)
        planes.append(Image.frombytes(mode, size, part))
        start += length
    return _joined(planes)


def pixels_of_bytes(data: Any, size: tuple[int, int], channels: int) -> NDArray[np.uint8]:
    """Pixels of the same, uint8 (H, W, C), without a copy where they are of a single plane."""
    if len(_modes(channels)) == 1:
        return np.frombuffer(data, np.uint8).reshape(size[1], size[0], channels)
    return pixels_of(raster_of_bytes(data, size, channels))


def pixels_of(raster: Raster) -> NDArray[np.uint8]:
    """Pixels of an image, uint8 (H, W, C)."""
    if isinstance(raster, Bands):
        return np.concatenate([pixels_of(plane) for plane in raster.planes], axis=2)
    pixels = np.asarray(raster)
    return pixels if pixels.ndim == 3 else pixels[..., np.newaxis]


def channels_of(raster: Raster) -> int:
    """Channels of an image."""
    planes = raster.planes if isinstance(raster, Bands) else (raster,)
    return sum(len(plane.getbands()) for plane in planes)


def check_channels(found: int | None, wanted: int) -> None:
    """Refuse images that can't have the channels that a model sees.

    Parameters
    ----------
    found : int or None
        Channels of an array; None for image files.
    wanted : int
        Channels that the model sees.

    Raises
    ------
    DataError
        With what there is and what to set.
    """
    if found == wanted or (wanted in CONVERTIBLE and found in (None, *CONVERTIBLE)):
        return
    if found is None:
        raise DataError(
            f"in_chans is {wanted}, but image files give 1 (grey), 3 (RGB) or 4 (RGB and alpha) "
            f"channels: set it to one of these, or pass arrays (N, height, width, {wanted})"
        )
    raise DataError(
        f"the images have {found} {'channel' if found == 1 else 'channels'} (the last axis of "
        f"their array), but in_chans is {wanted}: set in_chans={found}, or pass images with "
        f"{wanted}"
    )


def _modes(channels: int) -> tuple[str, ...]:
    return {3: ("RGB",), 4: ("RGB", "L")}.get(channels, ("L",) * channels)


def _joined(planes: list[Image.Image]) -> Raster:
    return planes[0] if len(planes) == 1 else Bands(tuple(planes))

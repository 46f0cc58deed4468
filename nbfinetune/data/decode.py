"""One image file to an upright image of some channels, or one sentence that says why not."""

from __future__ import annotations

import io
import os
import re
import struct
import warnings
from collections.abc import Callable
from functools import cache
from typing import Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from nbfinetune.data.bands import CONVERTIBLE, Bands, Raster, check_channels, raster_of
from nbfinetune.errors import DataError

MAX_PIXELS = 89_478_485
"""Largest image that is decoded: a quarter of a gigabyte of RGB, Pillow's own first bound."""

MAX_BYTES = 512 * 2**20
"""Largest file that is opened."""

ImageSource: TypeAlias = "str | os.PathLike[str] | NDArray[np.uint8] | Image.Image"
Kind = TypeVar("Kind", bound=Raster)

# What may arrive as a photo. Left out are formats that start programs (EPS, WMF) or nest others.
_FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "GIF", "BMP", "DIB", "TIFF", "PPM", "AVIF", "JPEG2000")
_WHITE = (255, 255, 255, 255)


class UnreadableImage(DataError):
    """An image that can't be decoded.

    Attributes
    ----------
    path : str
        Which one.
    reason : str
        Why, in words.
    """

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


def decode(source: ImageSource, at_least: int | None = None) -> Image.Image:
    """Image as RGB, as people see it: first frame, turned upright by its EXIF tag.

    Grey, palette and CMYK images become RGB, transparent ones lie on white, and more than
    8 bits a channel are scaled down. Of an array with other channels the first three are shown.

    Parameters
    ----------
    source : path, uint8 array (H, W) or (H, W, C), or PIL image
    at_least : int, optional
        Shorter side in pixels that is enough: a larger JPEG is decoded at a half, a quarter or an
        eighth of its size where that is still `at_least`, which is several times cheaper.

    Raises
    ------
    UnreadableImage
        If it can't be decoded, is larger than `MAX_PIXELS` or its file than `MAX_BYTES`.
    """
    if isinstance(source, np.ndarray) and channels_in(source) not in CONVERTIBLE:
        source = source[..., : 3 if source.shape[2] > 2 else 1]
    return _decoded(source, at_least, _as_rgb)


def decode_as(source: ImageSource, channels: int, at_least: int | None = None) -> Raster:
    """Image with as many channels as a model sees, and otherwise as `decode` gives it.

    Parameters
    ----------
    source : path, uint8 array (H, W) or (H, W, C), or PIL image
    channels : int
        1: grey. 3: RGB, on white. 4: RGB and alpha, which is opaque where there is none. These are
        made of one another; any other number takes an array of exactly as many.

    Raises
    ------
    UnreadableImage
        As `decode`, and if it has no such channels.
    """
    if channels == 3 and not isinstance(source, np.ndarray):
        return _decoded(source, at_least, _as_rgb)
    found = channels_in(source) if isinstance(source, np.ndarray) else None
    try:
        check_channels(found, channels)
    except DataError as error:
        raise UnreadableImage(_name(source), str(error)) from error
    if channels not in CONVERTIBLE:
        return raster_of(np.asarray(source))
    if channels == 1:
        return _decoded(source, at_least, _as_grey, mode="L")
    return _decoded(source, at_least, _as_rgb if channels == 3 else _as_rgb_and_alpha)


def _decoded(
    source: ImageSource,
    at_least: int | None,
    converted: Callable[[Image.Image], Kind],
    mode: str | None = None,
) -> Kind:
    try:
        if isinstance(source, np.ndarray):
            single = source.ndim == 3 and source.shape[2] == 1
            return converted(Image.fromarray(source[..., 0] if single else source))
        if isinstance(source, Image.Image):
            return converted(_upright(source.copy()))
        with open_header(os.fspath(source)) as image:
            if at_least is not None:
                image.draft(mode, (at_least, at_least))
            image.load()
            return converted(_upright(image))
    except (UnreadableImage, MemoryError):
        raise
    except Exception as error:  # codecs raise what they like, and one image must not end a run
        raise UnreadableImage(_name(source), _reason(error)) from error


def _name(source: ImageSource) -> str:
    if isinstance(source, (str, os.PathLike)):
        return os.fspath(source)
    return f"the {type(source).__name__}"


def channels_in(pixels: NDArray[np.uint8]) -> int:
    """Channels of an image (H, W) or (H, W, C)."""
    return int(pixels.shape[2]) if pixels.ndim == 3 else 1


def open_header(path: str, data: bytes | None = None) -> Any:
    """PIL image of which only the header has been read, and found small enough to decode.

    Parameters
    ----------
    path : str
    data : bytes, optional
        What the file holds, where it has been read already.

    Raises
    ------
    UnreadableImage
        If it is no image or too large.
    """
    _hush_pillow()
    try:
        size = os.stat(path).st_size if data is None else len(data)  # noqa: PTH116 - a third of `Path`
        file = path if data is None else io.BytesIO(data)
        image = Image.open(file, formats=_formats()) if 0 < size <= MAX_BYTES else None
    except MemoryError:
        raise
    except Exception as error:  # as in `decode`
        raise UnreadableImage(path, _reason(error)) from error
    if image is None:
        raise UnreadableImage(
            path,
            f"{size} bytes; at most {MAX_BYTES} are read" if size else "the file has zero bytes",
        )
    if image.width * image.height > MAX_PIXELS:
        image.close()
        raise UnreadableImage(
            path,
            f"{image.width} x {image.height} pixels, possibly a decompression bomb; "
            f"at most {MAX_PIXELS} pixels are decoded",
        )
    return image


@cache
def _formats() -> tuple[str, ...]:
    Image.init()
    return tuple(name for name in _FORMATS if name in Image.OPEN)


def _reason(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "not an image, or of a format that can't be read"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__


_PILLOW_FILTER = ("ignore", None, Warning, re.compile(r"PIL\."), 0)


def _hush_pillow() -> None:
    """Keep Pillow's warnings from ending a run whose user made warnings errors.

    `warnings.catch_warnings` is not safe in threads, so one filter is set and stays. What it
    hides is either checked here (size) or concerns metadata that is not used.
    """
    if _PILLOW_FILTER not in warnings.filters:
        warnings.filterwarnings("ignore", module=r"PIL\.")


def _upright(image: Image.Image) -> Image.Image:
    try:
        ImageOps.exif_transpose(image, in_place=True)
    except (SyntaxError, ValueError, TypeError, LookupError, OSError, struct.error):
        image.load()  # a broken EXIF block says nothing about the pixels: take them as they lie
    return image


def has_alpha(image: Image.Image | NDArray[np.uint8]) -> bool:
    """Whether parts of an image may be transparent."""
    if isinstance(image, np.ndarray):
        return channels_in(image) == 4
    return "transparency" in image.info or image.mode in ("RGBA", "LA", "PA", "RGBa", "La")


def _as_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    image = _shallow(image)
    if has_alpha(image):
        ground = Image.new("RGBA", image.size, _WHITE)
        image = Image.alpha_composite(ground, image.convert("RGBA"))
    return image.convert("RGB")


def _as_grey(image: Image.Image) -> Image.Image:
    image = _shallow(image)
    if image.mode == "L" and not has_alpha(image):
        return image
    return _as_rgb(image).convert("L")


def _as_rgb_and_alpha(image: Image.Image) -> Bands:
    image = _shallow(image)
    if not has_alpha(image):
        return Bands((_as_rgb(image), Image.new("L", image.size, 255)))
    image = image.convert("RGBA")
    return Bands((image.convert("RGB"), image.getchannel("A")))


def _shallow(image: Image.Image) -> Image.Image:
    deep = image.mode.startswith(("I", "F"))
    return Image.fromarray(_to_bytes(np.asarray(image))) if deep else image


def _to_bytes(deep: NDArray[Any]) -> NDArray[np.uint8]:
    """Grey values of more than 8 bits scaled to 0..255.

    The scale is the smallest usual one (1, 255, 65535) that holds the image's largest value.
    """
    values = np.nan_to_num(deep.astype(np.float32))
    highest = float(values.max())
    if deep.dtype == np.uint16:
        top = 65535.0
    elif deep.dtype.kind == "f" and highest <= 1:
        top = 1.0
    else:
        top = next((step for step in (255.0, 65535.0) if highest <= step), highest)
    grey: NDArray[np.uint8] = np.clip(np.rint(values / top * 255.0), 0, 255).astype(np.uint8)
    return grey

"""The size at which images are kept: everything that is cut out of them is cut out of that.

With a cache or without one, in training, validation and prediction, an image is first brought to
its stored size by the function here, so all of them see the same pixels, bit for bit.
"""

from __future__ import annotations

import math

from PIL import Image

from nbfinetune.data.bands import Raster
from nbfinetune.data.decode import ImageSource, decode_as

_MARGIN = 1.25
"""Stored side over the side that the model sees: room for crops that need not be enlarged."""

# The sharpest of Pillow's filters: a stored image is resized once more, and each time costs detail.
_FILTER = Image.Resampling.LANCZOS
_REDUCING_GAP = 3.0  # how far a box filter may go ahead of it; Pillow: hardly to be told apart


def stored_side(size_px: int, crop_pct: float) -> int:
    """Shorter side in pixels that images are shrunk to, for a model that sees `size_px`.

    Parameters
    ----------
    size_px : int
        Side of the square that the model sees.
    crop_pct : float in (0, 1]
        Part of the shorter side that validation keeps; none of it is enlarged.
    """
    return math.ceil(size_px * max(_MARGIN, 1 / crop_pct))


def stored_size(width: int, height: int, side_px: int) -> tuple[int, int]:
    """Width and height of a stored image: its shorter side is at most `side_px`."""
    shorter = min(width, height)
    if shorter <= side_px:
        return width, height
    return round(width * side_px / shorter), round(height * side_px / shorter)


def stored_image(source: ImageSource, side_px: int, channels: int = 3) -> Raster:
    """Upright image, shrunk where its shorter side is more than `side_px`, never enlarged.

    A large JPEG is decoded at a part of its size first; see `nbfinetune.data.decode.decode_as`.

    Raises
    ------
    UnreadableImage
        If it can't be decoded, or has no such channels.
    """
    image = decode_as(source, channels, at_least=side_px)
    size = stored_size(*image.size, side_px)
    if size == image.size:
        return image
    return image.resize(size, _FILTER, reducing_gap=_REDUCING_GAP)

"""What is drawn for an image: where it is cut, whether it is turned, and which operation follows.

A plan is data, so a preview shows the very transforms that training uses, and the same random
numbers give the same pixels in any process.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nbfinetune.data.bands import Raster, pixels_of, raster_of
from nbfinetune.data.pixels import OPERATIONS, RESAMPLING, apply_operation
from nbfinetune.records import AugmentConfig

Interpolation: TypeAlias = Literal["nearest", "bilinear", "bicubic", "lanczos", "box", "hamming"]

_TRIES = 10
_DRAWS = 2 * _TRIES + 6


@dataclass(frozen=True)
class Plan:
    """What happens to one image.

    Parameters
    ----------
    box : tuple of int
        Left, top, right and lower edge in pixels of what is kept.
    flip : bool
        Left-right, after the cut.
    operations : tuple of (name, magnitude)
        Of `nbfinetune.data.pixels.OPERATIONS`, applied in order at the final size.
    """

    box: tuple[int, int, int, int]
    flip: bool = False
    operations: tuple[tuple[str, float], ...] = ()


Cut: TypeAlias = Callable[[NDArray[np.uint8], Plan, int, Interpolation], NDArray[np.uint8]]
"""Box and flip of a plan out of pixels (H, W, C), at a side in pixels; see `apply`."""


@dataclass(frozen=True)
class Crop:
    """Ranges of a random crop.

    Parameters
    ----------
    scale : tuple of float
        Smallest and largest area, as a part of the image (of its central square, if `square`).
    ratio : tuple of float
        Smallest and largest width over height.
    square : bool
        What `scale` is a part of.
    """

    scale: tuple[float, float]
    ratio: tuple[float, float]
    square: bool = False


CROPS = {
    # A part of the square: of a 4:3 photo no near-square crop has 0.8 of the area.
    "light": Crop(scale=(0.8, 1.0), ratio=(0.95, 1 / 0.95), square=True),
    # 0.35 instead of ImageNet's 0.08, as fastai trains on small sets: few images, few epochs, and
    # a crop of a twelfth often does not show what the label says.
    "standard": Crop(scale=(0.35, 1.0), ratio=(3 / 4, 4 / 3)),
    "strong": Crop(scale=(0.35, 1.0), ratio=(3 / 4, 4 / 3)),
}


def draw(config: AugmentConfig, rng: np.random.Generator, width: int, height: int) -> Plan:
    """Random plan for an image of `width` by `height` pixels.

    Takes the same number of draws whatever they are, so each has its own meaning for good.

    Parameters
    ----------
    config : AugmentConfig
        The preset `"none"` leaves nothing to chance: the whole central square.
    rng : numpy Generator
        Of `nbfinetune.data.randomness.rng_for`.
    """
    if config.preset == "none":
        return eval_plan(width, height, 1.0)
    chances = rng.random(_DRAWS)
    box = _random_box(CROPS[config.preset], chances, width, height)
    flip = config.flip and chances[-1] < 0.5
    if config.preset != "strong":
        return Plan(box, flip)
    return Plan(box, flip, (_trivial_augment(*chances[-4:-1]),))


def eval_plan(width: int, height: int, crop_pct: float) -> Plan:
    """The central square, `crop_pct` of the shorter side wide.

    The same cut as scaling the shorter side to `size / crop_pct` and cropping the centre, without
    scaling what is then thrown away.
    """
    side = max(1, round(min(width, height) * crop_pct))
    left, top = (width - side) // 2, (height - side) // 2
    return Plan((left, top, left + side, top + side))


def see(
    image: Raster, size_px: int, interpolation: Interpolation, crop_pct: float
) -> NDArray[np.uint8]:
    """Pixels of an image as validation and prediction see it.

    Of an image that has to be enlarged nothing is cut away: `crop_pct` is 1 for it.

    Returns
    -------
    uint8 array (size_px, size_px, C)
    """
    kept = crop_pct if min(image.size) > size_px else 1.0
    return apply(image, eval_plan(*image.size, kept), size_px, interpolation)


def apply(
    image: Raster, plan: Plan, size_px: int, interpolation: Interpolation
) -> NDArray[np.uint8]:
    """Pixels of an image after a plan, the same for each of its channels.

    Returns
    -------
    uint8 array (size_px, size_px, C)
    """
    if plan.box != (0, 0, *image.size):
        image = image.crop(plan.box)
    image = image.resize((size_px, size_px), RESAMPLING[interpolation])
    if plan.flip:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return pixels_of(_operated(image, plan.operations))


def apply_by(
    cut: Cut, pixels: NDArray[np.uint8], plan: Plan, size_px: int, interpolation: Interpolation
) -> NDArray[np.uint8]:
    """The same as `apply`, with another way to cut.

    Parameters
    ----------
    pixels : uint8 array (H, W, C)

    Returns
    -------
    uint8 array (size_px, size_px, C)
    """
    piece = cut(pixels, plan, size_px, interpolation)
    if not plan.operations:
        return piece
    return pixels_of(_operated(raster_of(piece), plan.operations))


def _operated(image: Raster, operations: Sequence[tuple[str, float]]) -> Raster:
    for name, magnitude in operations:
        image = apply_operation(image, name, magnitude)
    return image


def _random_box(
    crop: Crop, chances: NDArray[Any], width: int, height: int
) -> tuple[int, int, int, int]:
    """Box as torchvision's `RandomResizedCrop` finds it (Szegedy et al., arXiv:1409.4842)."""
    area = min(width, height) ** 2 if crop.square else width * height
    low, high = math.log(crop.ratio[0]), math.log(crop.ratio[1])
    for chance in range(0, 2 * _TRIES, 2):
        target = area * (crop.scale[0] + chances[chance] * (crop.scale[1] - crop.scale[0]))
        ratio = math.exp(low + chances[chance + 1] * (high - low))
        w, h = round(math.sqrt(target * ratio)), round(math.sqrt(target / ratio))
        if 0 < w <= width and 0 < h <= height:
            left = int(chances[2 * _TRIES] * (width - w + 1))
            top = int(chances[2 * _TRIES + 1] * (height - h + 1))
            return left, top, left + w, top + h
    return _central_box(crop, width, height)


def _central_box(crop: Crop, width: int, height: int) -> tuple[int, int, int, int]:
    w = max(1, min(width, round(height * crop.ratio[1])))
    h = max(1, min(height, round(width / crop.ratio[0])))
    left, top = (width - w) // 2, (height - h) // 2
    return left, top, left + w, top + h


def _trivial_augment(which: float, strength: float, sign: float) -> tuple[str, float]:
    name = list(OPERATIONS)[int(which * len(OPERATIONS))]
    operation = OPERATIONS[name]
    magnitude = operation.magnitude(int(strength * operation.bins))
    return name, -magnitude if operation.signed and sign < 0.5 else magnitude

"""Crops of training images by torch, which scales bytes three times as fast as Pillow does."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import interpolate

from nbfinetune.data.augment import Cut, Interpolation, Plan

_MODES = ("bilinear", "bicubic")
_FAST = ("AVX2", "AVX512")


def fast_cut(interpolation: Interpolation) -> Cut | None:
    """How plans are cut out of images, or None where Pillow is as fast or there is no such filter.

    Both weigh the same pixels (torch took over Pillow's antialiasing); they round differently, by
    one level of 255 in some 3 % of the values.
    """
    fast = torch.backends.cpu.get_cpu_capability() in _FAST
    return cut if fast and interpolation in _MODES else None


def cut(
    pixels: NDArray[np.uint8], plan: Plan, size_px: int, interpolation: Interpolation
) -> NDArray[np.uint8]:
    """A plan's box at its final size, turned over where the plan says so; without its operations.

    Parameters
    ----------
    pixels : uint8 array (H, W, C)
    interpolation : {"bilinear", "bicubic"}

    Returns
    -------
    uint8 array (size_px, size_px, C)
    """
    left, top, right, bottom = plan.box
    # A copy: torch wants pixels that lie together, and memory that it may write to.
    image = torch.from_numpy(np.array(pixels[top:bottom, left:right])).permute(2, 0, 1)[None]
    scaled = interpolate(image, (size_px, size_px), mode=interpolation, antialias=True)
    turned = scaled.flip(3) if plan.flip else scaled
    return turned[0].permute(1, 2, 0).numpy()

"""Mixup and CutMix over a batch, with randomness that a run can repeat.

The arithmetic is that of `torchvision.transforms.v2.MixUp` and `CutMix`, to the pixel; those draw
from torch's global generator and take no other, so that a step could not be repeated on its own.
"""

from __future__ import annotations

import math

import numpy as np
from torch import Tensor
from torch.nn import functional as F

from nbfinetune.records import AugmentConfig


def mix(
    images: Tensor,
    labels: Tensor,
    num_classes: int,
    config: AugmentConfig,
    rng: np.random.Generator,
) -> tuple[Tensor, Tensor]:
    """Mix each image of a batch with its neighbour.

    Parameters
    ----------
    images : Tensor, float or uint8, (B, C, H, W)
        In an order that is already shuffled: image i is mixed with image i - 1.
    labels : Tensor, int64, (B,)
    num_classes : int
    config : AugmentConfig
        `mixup` and `cutmix` are read; where both are on, each batch gets one of them, by a coin.
    rng : numpy.random.Generator
        Made of the run's seed and the step.

    Returns
    -------
    images : Tensor
        Like the images that came in, which stay as they were.
    targets : Tensor, float32, (B, num_classes)
        Soft labels; the labels as they came where neither is on.
    """
    if not (config.mixup or config.cutmix):
        return images, labels
    if config.mixup and (not config.cutmix or rng.random() < 0.5):
        share = rng.beta(config.mixup, config.mixup)
        mixed = mixed_up(images, share)
    else:
        box = cut_box(
            images.shape[-1], images.shape[-2], rng.beta(config.cutmix, config.cutmix), rng
        )
        mixed, share = cut_mixed(images, box)
    targets = F.one_hot(labels, num_classes).float()
    return mixed, _blend(targets, share)


def mixed_up(images: Tensor, share: float) -> Tensor:
    """`share` of each image and the rest of its neighbour (Zhang et al., arXiv:1710.09412).

    Parameters
    ----------
    images : Tensor, float or uint8, (B, C, H, W)
        uint8 is mixed in float32 and rounded.
    share : float in [0, 1]
    """
    if images.is_floating_point():
        return _blend(images, share)
    return _blend(images.float(), share).round_().to(images.dtype)


Box = tuple[int, int, int, int]


def cut_box(width: int, height: int, share: float, rng: np.random.Generator) -> Box:
    """Left, top, right and bottom of a box of about ``1 - share`` of an image, clipped to it."""
    half = 0.5 * math.sqrt(1.0 - share)
    x, y = int(rng.integers(width)), int(rng.integers(height))
    across, down = int(half * width), int(half * height)
    return (
        max(x - across, 0),
        max(y - down, 0),
        min(x + across, width),
        min(y + down, height),
    )


def cut_mixed(images: Tensor, box: Box) -> tuple[Tensor, float]:
    """Each image with a box of its neighbour in it (Yun et al., arXiv:1905.04899).

    Parameters
    ----------
    images : Tensor, float or uint8, (B, C, H, W)
    box : left, top, right, bottom

    Returns
    -------
    images : Tensor
    share : float in [0, 1]
        Part of the pixels that is still the image's own.
    """
    left, top, right, bottom = box
    height, width = images.shape[-2:]
    mixed = images.clone()
    mixed[..., top:bottom, left:right] = images.roll(1, 0)[..., top:bottom, left:right]
    return mixed, 1.0 - (right - left) * (bottom - top) / (width * height)


def _blend(values: Tensor, share: float) -> Tensor:
    return values.roll(1, 0).mul_(1.0 - share).add_(values.mul(share))

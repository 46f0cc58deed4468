"""An image as the model sees it in an epoch: the one way from a stored image to its pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nbfinetune.data.augment import Cut, Interpolation, apply, apply_by, draw, see
from nbfinetune.data.images import ImageSet
from nbfinetune.data.randomness import rng_for
from nbfinetune.data.stored_image import stored_side
from nbfinetune.records import AugmentConfig


@dataclass(frozen=True)
class View:
    """How images are cut, resized and varied.

    Parameters
    ----------
    size_px : int
        Side of the square that the model sees.
    interpolation : str
        How Pillow resizes: "bilinear", "bicubic", …
    crop_pct : float in (0, 1]
        Part of the shorter side that is kept where nothing is varied.
    augment : AugmentConfig, optional
        How images are varied; None for validation.
    seed : int
        Decides the variation, with the epoch and the image's id.
    cut : Cut, optional
        A faster way to cut what is varied than Pillow's.
    """

    size_px: int
    interpolation: Interpolation
    crop_pct: float
    augment: AugmentConfig | None = None
    seed: int = 0
    cut: Cut | None = None

    @property
    def side_px(self) -> int:
        """Shorter side that images are shrunk to before anything is cut from them."""
        return stored_side(self.size_px, self.crop_pct)

    def pixels(self, images: ImageSet, number: int, epoch: int) -> NDArray[np.uint8]:
        """Pixels of an image in an epoch, counted from 0.

        Returns
        -------
        uint8 array (size_px, size_px, C)
            C channels, as the images are set to have.

        Raises
        ------
        UnreadableImage
            If the image can't be decoded.
        """
        if self.augment is None or self.augment.preset == "none":
            image = images.stored(number, self.side_px)
            return see(image, self.size_px, self.interpolation, self.crop_pct)
        rng = rng_for(self.seed, epoch, number)
        if self.cut is None:
            image = images.stored(number, self.side_px)
            plan = draw(self.augment, rng, *image.size)
            return apply(image, plan, self.size_px, self.interpolation)
        pixels = images.stored_pixels(number, self.side_px)
        plan = draw(self.augment, rng, pixels.shape[1], pixels.shape[0])
        return apply_by(self.cut, pixels, plan, self.size_px, self.interpolation)

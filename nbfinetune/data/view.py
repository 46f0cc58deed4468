"""An image as the model sees it in an epoch: the one way from a stored image to its pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nbfinetune.data.augment import Interpolation, apply, draw, see
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
    """

    size_px: int
    interpolation: Interpolation
    crop_pct: float
    augment: AugmentConfig | None = None
    seed: int = 0

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
        image = images.stored(number, self.side_px)
        if self.augment is None or self.augment.preset == "none":
            return see(image, self.size_px, self.interpolation, self.crop_pct)
        plan = draw(self.augment, rng_for(self.seed, epoch, number), *image.size)
        return apply(image, plan, self.size_px, self.interpolation)

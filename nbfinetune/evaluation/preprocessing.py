"""Images as the model saw them in validation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nbfinetune.data.augment import Interpolation, see
from nbfinetune.data.stored_image import stored_image, stored_side
from nbfinetune.evaluation.given_images import images_of

__all__ = ["Preprocess"]


@dataclass(frozen=True)
class Preprocess:
    """Decode, crop, resize and normalise, exactly as validation does.

    Called with an image or a list of images (path, PIL image, or array of height × width or
    height × width × channels), it gives a float32 batch (N, C, S, S).

    Parameters
    ----------
    size_px : int
        S.
    mean, std : tuple of C floats
        On the scale of pixels in [0, 1].
    interpolation : {"bicubic", "bilinear"}
    crop_pct : float in (0, 1]
    """

    size_px: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    interpolation: Interpolation
    crop_pct: float

    @property
    def channels(self) -> int:
        """C: 1 is grey, 3 RGB, 4 RGB and alpha."""
        return len(self.mean)

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Preprocess:
        """What the facts of a checkpoint say."""
        return cls(
            facts["image_size"],
            tuple(facts["mean"]),
            tuple(facts["std"]),
            facts["interpolation"],
            facts["crop_pct"],
        )

    def __call__(self, images: Any) -> Tensor:
        """Batch for the model, float32 (N, C, S, S).

        Raises
        ------
        UnreadableImage
            If an image can't be decoded.
        DataError
            If `images` is none of what can be read.
        """
        listed = images_of(images, self.channels)
        return self.normalised(np.stack([self.pixels(image) for image in listed]))

    def pixels(self, image: Any) -> NDArray[np.uint8]:
        """Pixels of one image, uint8 (S, S, C)."""
        stored = stored_image(image, stored_side(self.size_px, self.crop_pct), self.channels)
        return see(stored, self.size_px, self.interpolation, self.crop_pct)

    def normalised(self, pixels: NDArray[np.uint8]) -> Tensor:
        """Float32 (N, C, S, S) out of uint8 (N, S, S, C)."""
        mean, std = (torch.tensor(x).mul_(255.0).view(-1, 1, 1) for x in (self.mean, self.std))
        batch = torch.from_numpy(pixels).permute(0, 3, 1, 2).to(torch.float32)
        return batch.sub_(mean).div_(std).contiguous()

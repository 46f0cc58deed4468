"""Images as the model sees them: through the very view that the run's loader has."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

from PIL import Image

from nbfinetune.data.augment import Interpolation
from nbfinetune.data.decode import UnreadableImage, decode
from nbfinetune.data.image_index import printable
from nbfinetune.data.images import ImageSet, with_channels
from nbfinetune.data.view import View
from nbfinetune.errors import DataError
from nbfinetune.records import AugmentConfig, FineTuneConfig
from nbfinetune.widgets.thumbnails import Picture, encoded

SHOWN_PX = 160
"""Longest side that is sent to the page; larger inputs are shown smaller, not cut."""

VALIDATED = 0
"""Stands for the epoch where an image is shown as validation sees it, without chance."""


@dataclass(frozen=True)
class Lens:
    """How a model wants its images.

    Parameters
    ----------
    size_px : int
        Side of the square.
    interpolation : str
        Of `nbfinetune.data.augment.Interpolation`.
    crop_pct : float in (0, 1]
        Part of the shorter side that validation keeps.
    known : bool
        Whether the model itself said so.
    channels : int
        Of an image as the model sees it.
    """

    size_px: int = 224
    interpolation: Interpolation = "bilinear"
    crop_pct: float = 0.875
    known: bool = False
    channels: int = 3

    @classmethod
    def of(cls, config: FineTuneConfig) -> Lens:
        """What can be said before the model is known."""
        size_px = config.data.image_size or cls.size_px
        return cls(size_px=size_px, channels=config.model.in_chans)

    def sentence(self) -> str:
        """What stands beside the pictures."""
        told = f"{self.size_px} px, {self.interpolation}"
        return told if self.known else f"assuming {told}, until the model is known"


class Look(NamedTuple):
    """One picture: an image in one epoch.

    Parameters
    ----------
    image : int
        Its id.
    epoch : int
        Counted from 1; `VALIDATED` is how validation sees it.
    """

    image: int
    epoch: int
    augment: AugmentConfig
    lens: Lens
    seed: int


def picture(images: ImageSet, look: Look) -> Picture:
    """What the model is given, shrunk to `SHOWN_PX` where it is larger, in colours that show it."""
    try:
        epoch = max(0, look.epoch - 1)
        seen = _as_seen(images, look.lens.channels)
        pixels = decode(view(look).pixels(seen, look.image, epoch))
    except UnreadableImage as error:
        return Picture(b"", printable(error.reason))
    if look.lens.size_px > SHOWN_PX:
        pixels = pixels.resize((SHOWN_PX, SHOWN_PX), Image.Resampling.BOX, reducing_gap=2.0)
    return Picture(encoded(pixels, quality=82))


def _as_seen(images: ImageSet, channels: int) -> ImageSet:
    """With the model's channels; with their own where such a model can't see them at all."""
    try:
        return with_channels(images, channels)
    except DataError:
        return replace(images, channels=images.own_channels or Lens.channels)


def view(look: Look) -> View:
    """What the run's loader looks through.

    Mixup and CutMix come later, on whole batches, and are not part of it. A run leaves files out
    that it can't read, which moves the ids of those behind them: it then draws other cuts.
    """
    lens = look.lens
    augment = None if look.epoch == VALIDATED else look.augment
    return View(lens.size_px, lens.interpolation, lens.crop_pct, augment, look.seed)

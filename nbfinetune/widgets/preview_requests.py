"""What the page of a preview may ask besides what every page of pictures may."""

from __future__ import annotations

import zlib
from typing import Literal, TypeAlias

from nbfinetune.widgets.gallery_requests import Asked, Whole, photo_key
from nbfinetune.widgets.model_view import Look


class FindingAsked(Asked, frozen=True):
    """What to do about a finding."""

    key: str
    do: Literal["apply", "keep", "reopen"]


class AugmentAsked(Asked, frozen=True):
    """How the model view varies the images."""

    preset: Literal["none", "light", "standard", "strong"] | None = None
    flip: bool | None = None


Wanted: TypeAlias = int | Look | Whole
"""Key of a picture: the id of an image stands for its thumbnail."""


def stamp(look: Look) -> int:
    """Number that tells pictures apart after a setting of the model view has changed."""
    return zlib.crc32(repr((look.augment, look.lens, look.seed)).encode())


def wanted_key(key: Wanted) -> str:
    """What the page calls a key."""
    if isinstance(key, Look):
        return f"seen {key.image} {key.epoch} {stamp(key)}"
    return photo_key(key)

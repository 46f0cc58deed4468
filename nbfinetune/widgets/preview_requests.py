"""What the page of a preview may ask, and what it is sent besides traits."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Annotated, Any, Literal, NamedTuple, TypeAlias, TypeVar

import msgspec
from msgspec import Meta, Struct

from nbfinetune.errors import ConfigError
from nbfinetune.widgets.model_view import Look
from nbfinetune.widgets.thumbnails import Picture

MOST_ROWS = 400
MOST_EPOCHS = 24

Place = Annotated[int, Meta(ge=0)]
R = TypeVar("R")


class Asked(Struct, frozen=True, forbid_unknown_fields=True):
    """Base of what the page asks."""


class LookAt(Asked, frozen=True):
    """Rows of the grid that a view shows now; what it asked for before is not needed any more.

    Parameters
    ----------
    view : str
        Which view of the widget asks.
    first, last : int
        Places in the order on show; `last` is not included.
    epochs : int
        Draws of each image as the model sees it; 0 where thumbnails are on show.
    """

    view: Annotated[str, Meta(max_length=64)]
    first: Place
    last: Place
    epochs: Annotated[int, Meta(ge=0, le=MOST_EPOCHS)] = 0


class Select(Asked, frozen=True):
    """Images between two places, both included, become selected or not."""

    first: Place = 0
    last: Place = 0
    mode: Literal["only", "add", "toggle", "all", "none"] = "only"


class EditAsked(Asked, frozen=True):
    """An edit of the selected images, or of one."""

    do: Literal["exclude", "restore", "relabel", "move"]
    label: str = ""
    part: Literal["train", "val"] = "train"
    image: Place | None = None


class OpenImage(Asked, frozen=True):
    """The image at a place of the order on show."""

    place: Place


class FindingAsked(Asked, frozen=True):
    """What to do about a finding."""

    key: str
    do: Literal["apply", "keep", "reopen"]


class AugmentAsked(Asked, frozen=True):
    """How the model view varies the images."""

    preset: Literal["none", "light", "standard", "strong"] | None = None
    flip: bool | None = None


class Whole(NamedTuple):
    """Key of an image that is opened by itself."""

    image: int


Wanted: TypeAlias = int | Look | Whole
"""Key of a picture: the id of an image stands for its thumbnail."""


def asked(kind: type[R], value: Any) -> R:
    """What the page sent, as one of the records above.

    Raises
    ------
    ConfigError
        If it makes no sense.
    """
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise ConfigError(
            f"the page sent {value!r}, which makes no sense ({error}); nothing was changed"
        ) from error


def pictures(batch: Sequence[tuple[Any, Picture]]) -> tuple[dict[str, Any], list[bytes]]:
    """Message with pictures, one in each buffer."""
    content = {
        "kind": "pictures",
        "keys": [_written(key) for key, _ in batch],
        "reasons": [picture.reason for _, picture in batch],
    }
    return content, [picture.data for _, picture in batch]


def stamp(look: Look) -> int:
    """Number that tells pictures apart after a setting of the model view has changed."""
    return zlib.crc32(repr((look.augment, look.lens, look.seed)).encode())


def _written(key: Wanted) -> str:
    if isinstance(key, Look):
        return f"seen {key.image} {key.epoch} {stamp(key)}"
    return f"whole {key.image}" if isinstance(key, Whole) else f"photo {key}"

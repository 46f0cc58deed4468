"""What every page of pictures may ask, and how it is sent pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal, NamedTuple, TypeVar

import msgspec
from msgspec import Meta, Struct

from nbfinetune.errors import ConfigError
from nbfinetune.widgets.thumbnails import Key, Picture

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
    """An edit of the selected images, or of one; ``suggested`` gives each its likelier class."""

    do: Literal["exclude", "restore", "relabel", "move", "suggested"]
    label: str = ""
    part: Literal["train", "val"] = "train"
    image: Place | None = None


class OpenImage(Asked, frozen=True):
    """The image at a place of the order on show."""

    place: Place


class Whole(NamedTuple):
    """Key of an image that is opened by itself."""

    image: int


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


def pictures(
    batch: Sequence[tuple[Key, Picture]], written: Callable[[Any], str]
) -> tuple[dict[str, Any], list[bytes]]:
    """Message with pictures, one in each buffer.

    Parameters
    ----------
    batch : sequence of (key, Picture)
    written : callable (key) -> str
        What the page calls a key, such as `photo_key`.
    """
    content = {
        "kind": "pictures",
        "keys": [written(key) for key, _ in batch],
        "reasons": [picture.reason for _, picture in batch],
    }
    return content, [picture.data for _, picture in batch]


def photo_key(key: int | Whole) -> str:
    """What pages call an image: by its id alone its thumbnail, or as large as a page shows it."""
    return f"whole {key.image}" if isinstance(key, Whole) else f"photo {key}"

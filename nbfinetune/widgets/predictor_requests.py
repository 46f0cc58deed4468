"""What the page of a predictor may ask."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from nbfinetune.widgets.gallery_requests import Asked
from nbfinetune.widgets.uploads import MOST

Number = Annotated[int, Meta(ge=0)]
Words = Annotated[str, Meta(max_length=1000)]
Path = Annotated[str, Meta(max_length=4096)]


class AddPicture(Asked, frozen=True):
    """A picture, whose bytes come beside the message.

    Parameters
    ----------
    name : str
        What the page calls it.
    note : str
        What it has done to it.
    """

    name: Words
    note: Words = ""


class LookAtPictures(Asked, frozen=True):
    """Pictures that a view shows: small ones for the strip, or as large as it shows them."""

    kind: Literal["photo", "whole"]
    ids: Annotated[tuple[Number, ...], Meta(max_length=MOST)]


class Explain(Asked, frozen=True):
    """Where the model looked for a class; empty for the one that it predicts."""

    id: Number
    target: Words = ""


class PredictFolder(Asked, frozen=True):
    """All images of a folder of this machine; `csv` is empty for a file beside the folder."""

    folder: Path
    csv: Path = ""

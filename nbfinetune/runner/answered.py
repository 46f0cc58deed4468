"""What a run's model is asked about, and what it answers."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from nbfinetune.errors import ConfigError

__all__ = ["AskedImage", "DrawnMap", "Predicted", "drawn", "named"]

AskedImage: TypeAlias = "int | str | os.PathLike[str]"
"""Number of an image of the run, or path of a file."""


class Predicted(NamedTuple):
    """What the model says of an image.

    Parameters
    ----------
    image : int, str or path
        As it was given.
    label : str
        The most probable class; empty where the image can't be read.
    probabilities : tuple of float
        Of the run's classes, in their order; empty where the image can't be read.
    reason : str
        Why it can't be read, in a sentence.
    """

    image: AskedImage
    label: str
    probabilities: tuple[float, ...]
    reason: str = ""


class DrawnMap(NamedTuple):
    """Where the model found a class in an image, drawn.

    Parameters
    ----------
    picture, plain : bytes
        JPEG or PNG of at most 640 pixels: the image with the map over it, and the same without.
    class_name : str
    probability : float in [0, 1]
        That the model gives that class.
    method, layer : str
        As in `nbfinetune.explain.heat_map.HeatMap`.
    """

    picture: bytes
    plain: bytes
    class_name: str
    probability: float
    method: str
    layer: str


def named(image: AskedImage) -> int | str:
    """An image as the process is told of it.

    Raises
    ------
    ConfigError
        If it is neither a number nor a path.
    """
    if isinstance(image, (int, np.integer)):
        return int(image)
    if isinstance(image, (str, os.PathLike)):
        return str(Path(image).expanduser().absolute())
    raise ConfigError(
        f"a {type(image).__name__} can't be asked about; give the number of an image of the run, "
        "or the path of a file"
    )


def drawn(answer: Mapping[str, Any]) -> DrawnMap:
    """A map out of the process's answer, in which the pictures are base64."""
    pictures = {name: base64.b64decode(answer[name]) for name in ("picture", "plain")}
    return DrawnMap(**{**answer, **pictures})

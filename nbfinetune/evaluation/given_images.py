"""What somebody gives as images, one by one, each with a name to call it by. No torch."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from nbfinetune.data.arrays import as_bytes
from nbfinetune.data.bands import CONVERTIBLE
from nbfinetune.data.decode import ImageSource
from nbfinetune.data.folders import list_images
from nbfinetune.errors import DataError

__all__ = ["AskedImage", "given_images", "images_of", "name_of"]


class AskedImage(NamedTuple):
    """An image and what to call it.

    Parameters
    ----------
    name : str
        Its path; for others their name in the run, or their place in what was asked for.
    source : path, uint8 array, or PIL image
    """

    name: str
    source: ImageSource


def given_images(images: Any, channels: int, first: int = 0) -> list[AskedImage]:
    """Images one by one, in their order.

    Parameters
    ----------
    images : path, folder, PIL image, array, or a list of these
        Of a folder, all images under it; in a list, a folder is taken for an image.
    channels : int
        Of an image as the model sees it.
    first : int
        Place of the first one, for names.

    Raises
    ------
    DataError
        If `images` is none of these, or empty.
    """
    if isinstance(images, (str, os.PathLike)) and (folder := Path(images).expanduser()).is_dir():
        found = [str(folder / path) for path in list_images(folder)]
        if not found:
            raise DataError(f"the folder {folder} holds no images")
        return [AskedImage(path, path) for path in found]
    return [
        AskedImage(name_of(image, place), _at_home(image))
        for place, image in enumerate(images_of(images, channels), first)
    ]


def images_of(images: Any, channels: int = 3) -> list[Any]:
    """One or many images as a list of what `decode` takes: paths, PIL images, uint8 arrays.

    Parameters
    ----------
    images : path, PIL image, array, or a list of these
    channels : int
        Of an image as the model sees it: an array whose last axis is as long is one image.

    Raises
    ------
    DataError
        If `images` is something else, or empty.
    """
    if isinstance(images, (str, os.PathLike, Image.Image)):
        return [images]
    if isinstance(images, np.ndarray):
        known = (channels, *CONVERTIBLE)
        single = images.ndim == 2 or (images.ndim == 3 and images.shape[2] in known)
        if not single and images.ndim not in (3, 4):
            raise DataError(
                f"an array of shape {images.shape} is no image: (height, width[, channels]) or "
                "(N, height, width[, channels]) is needed"
            )
        return list(as_bytes(images)[None] if single else as_bytes(images))
    if not isinstance(images, Sequence):
        raise DataError(
            f"a {type(images).__name__} is no image: pass a path, a PIL image, an array, "
            "or a list of these"
        )
    if not images:
        raise DataError("there are no images: the list is empty")
    return [one for image in images for one in images_of(image, channels)]


def name_of(image: ImageSource, place: int) -> str:
    """The path of an image; of one without, its place in a list."""
    return os.fspath(image) if isinstance(image, (str, os.PathLike)) else f"image {place}"


def _at_home(image: ImageSource) -> ImageSource:
    return Path(image).expanduser() if isinstance(image, (str, os.PathLike)) else image

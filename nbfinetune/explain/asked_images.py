"""What somebody may mean by images: all that can be predicted, and the run's own."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from nbfinetune.data.images import ImageSet, open_images
from nbfinetune.data.index import FILE_NAME, load_index
from nbfinetune.errors import DataError
from nbfinetune.evaluation.given_images import AskedImage, given_images
from nbfinetune.records import FineTuneConfig

__all__ = ["AskedImage", "asked_images", "numbered"]


def asked_images(
    run_folder: Path, config: FineTuneConfig, images: Any, channels: int
) -> list[AskedImage]:
    """Images one by one, in their order.

    Parameters
    ----------
    images : path, folder, PIL image, array, int, name, or a list of these
        Of a folder, all images under it. An int, or a name as `Evaluation.names` has them where
        no file is called so, is an image of the run.
    channels : int
        Of an image as the model sees it.

    Raises
    ------
    DataError
        If `images` is none of these, or empty, or the run has no such image.
    """

    @cache
    def of_the_run() -> ImageSet:
        index = load_index(run_folder / FILE_NAME)
        return open_images(config.data.source, index, run_folder)

    several = isinstance(images, (list, tuple))
    found: list[AskedImage] = []
    for asked in images if several else [images]:
        if isinstance(asked, (int, np.integer)):
            found.append(numbered(of_the_run(), int(asked)))
        elif isinstance(asked, (str, os.PathLike)) and not Path(asked).expanduser().exists():
            found.append(_named(of_the_run(), os.fspath(asked)))
        else:
            found += given_images(asked, channels, len(found))
    if not found:
        raise DataError("there are no images: the list is empty")
    return found


def numbered(images: ImageSet, number: int) -> AskedImage:
    """An image of a run by its number.

    Raises
    ------
    DataError
        If the run has no such image.
    """
    if not 0 <= number < len(images):
        raise DataError(
            f"the run has no image {number}: its images are numbered from 0 to {len(images) - 1}"
        )
    source = images.index.path(number) if images.pixels is None else images.pixels[number]
    return AskedImage(images.name(number), source)


def _named(images: ImageSet, name: str) -> AskedImage:
    index = images.index
    for number in range(len(index)):
        if name in (index.name(number), index.item(number)):
            return numbered(images, number)
    raise DataError(
        f"{name!r} is neither a file nor an image of the run, whose images are called like "
        f"{index.name(0)!r}"
    )

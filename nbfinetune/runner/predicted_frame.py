"""A few images asked about from Python, without torch: paths, arrays, images; out comes a table."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from nbfinetune.data.arrays import as_bytes
from nbfinetune.errors import DataError, RunError
from nbfinetune.evaluation.given_images import given_images
from nbfinetune.evaluation.left_out import LeftOut, left_out
from nbfinetune.models.shape import RGB
from nbfinetune.runner.asked_model import AskedModel, Predicted

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["predicted_frame"]


def predicted_frame(model: AskedModel, classes: Sequence[str], images: Any) -> pd.DataFrame:
    """Label and probabilities for images, one row each, in their order.

    Parameters
    ----------
    model : AskedModel
    classes : sequence of str
        Of its run.
    images : path, folder, int, PIL image, uint8 array, or a list of these
        An int is the number of an image of the run; of a folder, all images under it.

    Returns
    -------
    DataFrame
        Columns `name` (the path, or the place in the list), `label`, and one per class with its
        probability. An image that can't be read has none, and a warning names it.

    Raises
    ------
    DataError
        If `images` is none of these, or none of them can be read.
    RunError
        If the model can't be asked.
    """
    listed = _listed(images)
    if not listed:
        raise DataError("there are no images: the list is empty")
    with tempfile.TemporaryDirectory(prefix="nbfinetune-", ignore_cleanup_errors=True) as scratch:
        files = [Path(scratch) / f"{place}.png" for place in range(len(listed))]
        asked = [_placed(image, file) for (_, image), file in zip(listed, files, strict=True)]
        question = model.predict(asked)
        try:
            question.wait()
        finally:
            question.cancel()
    if question.status != "done":
        raise RunError(question.error or "the model was closed before it had answered")
    return _frame([name for name, _ in listed], classes, question.result)


def _listed(images: Any) -> list[tuple[str, Any]]:
    """Names and images, one by one."""
    several = isinstance(images, Sequence) and not isinstance(images, str)
    found: list[tuple[str, Any]] = []
    for asked in images if several else [images]:
        if isinstance(asked, (int, np.integer)):
            found.append((f"image {len(found)}", int(asked)))
        else:
            found += given_images(asked, RGB, len(found))
    return found


def _placed(image: Any, file: Path) -> Any:
    """What another process can read of an image: pixels go into a file."""
    if isinstance(image, np.ndarray):
        image = _of_pixels(image)
    if not isinstance(image, Image.Image):
        return image
    try:
        image.save(file, compress_level=1)
    except OSError:
        image.convert("RGB").save(file, compress_level=1)  # of a mode that PNG does not have
    return file


def _of_pixels(pixels: Any) -> Image.Image:
    single = pixels.ndim == 3 and pixels.shape[2] == 1
    try:
        return Image.fromarray(as_bytes(pixels[..., 0] if single else pixels))
    except (TypeError, ValueError) as error:
        raise DataError(
            f"an array of shape {pixels.shape} is no image that goes to the model's process: "
            "(height, width), or with 1, 3 or 4 channels; Run.predict takes others"
        ) from error


def _frame(names: list[str], classes: Sequence[str], said: Sequence[Predicted]) -> pd.DataFrame:
    import pandas as pd

    unread = [f"{name}: {one.reason}" for name, one in zip(names, said, strict=True) if one.reason]
    if unread:
        if len(unread) == len(names):
            raise DataError(left_out(unread))
        warnings.warn(left_out(unread), LeftOut, stacklevel=4)
    nothing = (np.nan,) * len(classes)
    labels = [one.label or None for one in said]
    table = [one.probabilities or nothing for one in said]
    frame = pd.DataFrame({"name": names, "label": labels})
    return pd.concat([frame, pd.DataFrame(table, columns=list(classes))], axis=1)

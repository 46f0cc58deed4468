"""A run's images as a file beside its script: which of them trained, and which validated."""

from __future__ import annotations

import csv
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from nbfinetune.data.images import open_images
from nbfinetune.data.index import FILE_NAME, load_index
from nbfinetune.data.splits import TRAIN, VAL
from nbfinetune.records import FineTuneConfig
from nbfinetune.whole_files import whole_file

__all__ = ["PARTS", "Listed", "list_images"]

PARTS = {TRAIN: "train", VAL: "val"}
_RGBA = 4


@dataclass(frozen=True)
class Listed:
    """What was written.

    Parameters
    ----------
    file : str
        Name of the file.
    kind : {"files", "arrays"}
        A table (path, label, part) of the images, or the images themselves with labels and parts.
    root : str
        Folder that the paths start from; empty for arrays.
    train, val : int
        How many images.
    alpha : bool
        Whether arrays have a fourth channel, of opacity.
    """

    file: str
    kind: Literal["files", "arrays"]
    root: str
    train: int
    val: int
    alpha: bool = False


def list_images(
    run_folder: Path, config: FineTuneConfig, path: Path, unreadable: Collection[str] = ()
) -> Listed:
    """Write the images of a run beside `path`: ``NAME.images.csv`` or ``NAME.images.npz``.

    Parameters
    ----------
    unreadable : collection of str
        Names of images that the run has skipped, which are left out.

    Raises
    ------
    DataError
        If the run's index or its arrays are gone.
    OSError
        If the file can't be written.
    """
    index = load_index(run_folder / FILE_NAME)
    ids = [
        int(image)
        for image in np.flatnonzero(np.isin(index.split, list(PARTS)))
        if index.name(int(image)) not in unreadable
    ]
    labels = [index.classes[label] for label in index.labels[ids]]
    parts = [PARTS[part] for part in index.split[ids].tolist()]
    train = parts.count(PARTS[TRAIN])
    if index.items:
        target = path.with_name(f"{path.stem}.images.csv")
        names = [index.items[image] for image in ids]
        with (
            whole_file(target, durable=False) as unfinished,
            unfinished.open("w", encoding="utf-8", errors="surrogateescape", newline="") as file,
        ):
            rows = csv.writer(file)
            rows.writerow(["path", "label", "part"])
            rows.writerows(zip(names, labels, parts, strict=True))
        return Listed(target.name, "files", index.root, train, len(ids) - train)
    target = path.with_name(f"{path.stem}.images.npz")
    pixels = open_images(config.data.source, index, run_folder).pixels
    assert pixels is not None  # noqa: S101 - an index without paths is of arrays
    images = pixels[ids]
    channels = images.shape[3] if images.ndim == 4 else 1
    if channels == 1:
        images = images.reshape(images.shape[:3])  # as Pillow takes grey ones
    with whole_file(target, durable=False) as unfinished, unfinished.open("wb") as out:
        np.savez_compressed(out, images=images, labels=np.array(labels), parts=np.array(parts))
    return Listed(target.name, "arrays", "", train, len(ids) - train, channels == _RGBA)

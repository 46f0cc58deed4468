"""Images as a model saw them in validation, batch by batch."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nbfinetune.data.images import ImageSet, with_channels
from nbfinetune.data.index import OnSkip
from nbfinetune.data.loader import Batch, Loader
from nbfinetune.data.randomness import Ids
from nbfinetune.evaluation.preprocessing import Preprocess

__all__ = ["BATCH_SIZE", "OnBatch", "RowsAsSeen", "batches_as_seen", "rows_as_seen"]

BATCH_SIZE = 64

OnBatch: TypeAlias = Callable[[int, int], None]
"""Told between batches how many images are done, and of how many. No part of the model's work is
under way then: it may ask the same model something else, or raise, which ends the work."""


class RowsAsSeen(NamedTuple):
    """What a model made of those images that can be read.

    Parameters
    ----------
    rows : list of float32 array (B, ...)
        One array a batch, in the order of `ids`.
    ids : int64 array (N,)
    unreadable : list of str
        Name and reason of each other image.
    """

    rows: list[NDArray[np.float32]]
    ids: Ids
    unreadable: list[str]


def batches_as_seen(
    images: ImageSet,
    ids: Ids,
    preprocess: Preprocess,
    *,
    threads: int | None,
    on_skip: OnSkip,
    batch_size: int = BATCH_SIZE,
) -> Generator[Batch]:
    """Batches of uint8 pixels (B, S, S, C) in the order of `ids`; none is empty.

    Parameters
    ----------
    threads, on_skip
        As in `nbfinetune.data.loader.Loader`. The threads end with the batches.

    Raises
    ------
    DataError
        Once more than a tenth of the images can't be decoded.
    """
    loader = Loader(
        with_channels(images, preprocess.channels),
        ids,
        size_px=preprocess.size_px,
        interpolation=preprocess.interpolation,
        crop_pct=preprocess.crop_pct,
        augment=None,
        seed=0,
        batch_size=batch_size,
        threads=threads,
        on_skip=on_skip,
    )
    with closing(loader):
        yield from loader.epoch(0, shuffle=False, drop_last=False)


def rows_as_seen(
    images: ImageSet,
    ids: Ids,
    preprocess: Preprocess,
    rows_of: Callable[[NDArray[np.uint8]], NDArray[np.float32]],
    *,
    threads: int | None,
    on_batch: OnBatch | None = None,
) -> RowsAsSeen:
    """One row for each image that can be read.

    Parameters
    ----------
    rows_of : callable
        Makes the rows (B, ...) of a batch of pixels, uint8 (B, S, S, C).
    threads
        As in `batches_as_seen`.
    on_batch : OnBatch, optional

    Raises
    ------
    DataError
        Once more than a tenth of the images can't be decoded.
    """
    rows: list[NDArray[np.float32]] = []
    seen = [np.empty(0, np.int64)]
    unreadable: list[str] = []
    batches = batches_as_seen(
        images,
        ids,
        preprocess,
        threads=threads,
        on_skip=lambda name, reason: unreadable.append(f"{name}: {reason}"),
    )
    with closing(batches):
        for batch in batches:
            rows.append(rows_of(batch.images))
            seen.append(batch.ids)
            if on_batch is not None:
                on_batch(min((batch.position + 1) * BATCH_SIZE, len(ids)), len(ids))
    return RowsAsSeen(rows, np.concatenate(seen), unreadable)

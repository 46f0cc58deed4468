"""Images as a model saw them in validation, batch by batch."""

from __future__ import annotations

from nbfinetune.data.images import ImageSet, with_channels
from nbfinetune.data.index import OnSkip
from nbfinetune.data.loader import Loader
from nbfinetune.data.randomness import Ids
from nbfinetune.evaluation.preprocessing import Preprocess

__all__ = ["BATCH_SIZE", "loader_as_seen"]

BATCH_SIZE = 64


def loader_as_seen(
    images: ImageSet,
    ids: Ids,
    preprocess: Preprocess,
    *,
    threads: int | None,
    on_skip: OnSkip,
    batch_size: int = BATCH_SIZE,
) -> Loader:
    """Batches of uint8 pixels (B, S, S, C) in the order of `ids`; to be closed.

    Parameters
    ----------
    threads, on_skip
        As in `nbfinetune.data.loader.Loader`.
    """
    return Loader(
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

"""A run's own images as its model takes them."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nbfinetune.data.images import ImageSet, open_images
from nbfinetune.data.index import FILE_NAME, load_index
from nbfinetune.data.randomness import Ids
from nbfinetune.evaluation.batches import batches_as_seen
from nbfinetune.evaluation.left_out import LeftOut, left_out
from nbfinetune.evaluation.preprocessing import Preprocess
from nbfinetune.records import FineTuneConfig

__all__ = ["Photos"]


@dataclass(frozen=True)
class Photos:
    """Images of a run.

    Parameters
    ----------
    images : ImageSet
    preprocess : Preprocess
    seed : int
    threads : int, optional
        That decode.
    """

    images: ImageSet
    preprocess: Preprocess
    seed: int
    threads: int | None
    _skipped: dict[str, str] = field(default_factory=dict, init=False)

    @classmethod
    def of(cls, run_folder: Path, config: FineTuneConfig, preprocess: Preprocess) -> Photos:
        """Images of the run in this folder."""
        index = load_index(run_folder / FILE_NAME)
        images = open_images(config.data.source, index, run_folder)
        return cls(images, preprocess, config.seed, config.data.loader_threads)

    @property
    def validation(self) -> Ids:
        """Which of them validate."""
        return self.images.index.val

    def some_for_training(self, count: int) -> Ids:
        """So many of the training images, or all of them, drawn by the seed."""
        train = self.images.index.train
        rng = np.random.default_rng(self.seed)
        return np.sort(rng.choice(train, min(count, len(train)), replace=False))

    def batches(self, ids: Ids, batch_size: int = 32) -> Iterator[tuple[NDArray[np.float32], Ids]]:
        """Float32 (B, C, S, S) and their ids, in order; what can't be read is left out."""
        for pixels, seen in self.pixels(ids, batch_size):
            yield self.preprocess.normalised(pixels).numpy(), seen

    def pixels(self, ids: Ids, batch_size: int = 32) -> Iterator[tuple[NDArray[np.uint8], Ids]]:
        """The same before they are normalised, uint8 (B, S, S, C)."""
        batches = batches_as_seen(
            self.images,
            ids,
            self.preprocess,
            threads=self.threads,
            on_skip=self._skipped.__setitem__,
            batch_size=batch_size,
        )
        for batch in batches:
            yield batch.images, batch.ids

    def warn_of_skipped(self) -> None:
        """Name images that could not be read, where there were any."""
        if self._skipped:
            reasons = [f"{name}: {why}" for name, why in self._skipped.items()]
            warnings.warn(left_out(reasons), LeftOut, stacklevel=3)

"""Some of a run's images in memory, in batches that stand where its loaders stood."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np

from nbfinetune.data.loader import Batch, Loader
from nbfinetune.engine.assemble import Parts


@dataclass(frozen=True)
class Kept:
    """Batches in memory, where a loader stood."""

    batches: tuple[Batch, ...]

    def epoch(self, *_: Any, **__: Any) -> Generator[Batch]:
        """The same batches every time."""
        yield from self.batches

    def close(self) -> None:
        """Nothing is to be ended."""

    @property
    def images(self) -> int:
        """How many there are."""
        return sum(len(batch.ids) for batch in self.batches)

    def first(self, count: int) -> Kept:
        """Batches until there are so many images."""
        chosen: list[Batch] = []
        for batch in self.batches:
            if sum(len(one.ids) for one in chosen) < count:
                chosen.append(batch)
        return Kept(tuple(chosen))


class KeptImages:
    """Takes images out of a run's loaders, each decoded once.

    Of the training images those that a run begins with; of the validation images a fair sample,
    of which any first part is one, too.

    Parameters
    ----------
    parts : Parts
    most : int
        Validation images at most.
    """

    def __init__(self, parts: Parts, most: int) -> None:
        self._parts = parts
        val = np.random.default_rng(0).permutation(parts.index.val)[:most]
        self._feeds = (
            replace(parts.train).epoch(0, shuffle=True, drop_last=True),
            replace(parts.val, ids=val).epoch(0, shuffle=False, drop_last=False),
        )
        self._train, self._val = Kept(()), Kept(())

    def parts(self, train: int, val: int) -> Parts:
        """The parts with so many images, about: batches stay whole."""
        self._train = _filled(self._train, self._feeds[0], train)
        self._val = _filled(self._val, self._feeds[1], val)
        return replace(
            self._parts,
            train=cast("Loader", self._train.first(train)),
            val=cast("Loader", self._val.first(val)),
        )


def _filled(kept: Kept, feed: Generator[Batch], count: int) -> Kept:
    batches, images = [*kept.batches], kept.images
    while images < count and (batch := next(feed, None)) is not None:
        batches.append(batch)
        images += len(batch.ids)
    return Kept(tuple(batches))

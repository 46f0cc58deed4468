"""Batches of uint8 pixels, decoded and varied by threads, several batches ahead of the step.

Threads, because Pillow releases the GIL while it decodes and resizes: nothing is copied between
processes and the first batch does not wait for one to start.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nbfinetune.data.augment import Cut, Interpolation
from nbfinetune.data.decode import UnreadableImage
from nbfinetune.data.images import ImageSet
from nbfinetune.data.index import OnSkip, check_share
from nbfinetune.data.machine import default_threads, give_way_to_training
from nbfinetune.data.randomness import Ids, epoch_order
from nbfinetune.data.view import View
from nbfinetune.records import AugmentConfig

_LARGEST_CHUNK = 16


class Batch(NamedTuple):
    """What one step learns from or one forward pass measures.

    Parameters
    ----------
    images : uint8 array (B, S, S, C)
        Contiguous and nobody else's.
    labels, ids : int64 array (B,)
    wait_s : float
        Seconds between the consumer's asking for it and its having it.
    position : int
        Number of the batch in the epoch, from 0, counting those that were left empty.
    """

    images: NDArray[np.uint8]
    labels: Ids
    ids: Ids
    wait_s: float
    position: int


class Skipped(NamedTuple):
    """An image that was left out of its batch: place in the batch, id and reason."""

    place: int
    image: int
    reason: str


def steps_per_epoch(count: int, batch_size: int) -> int:
    """Batches of an epoch that drops an incomplete last one; a smaller set is one batch."""
    return max(1, count // batch_size)


@dataclass(eq=False)
class Loader:
    """Batches of some of the images of a set.

    Its threads wait for the next epoch until `close`.

    Parameters
    ----------
    images : ImageSet
    ids : int64 array (N,)
        Which of the images.
    size_px, interpolation, crop_pct, augment, seed
        As in `nbfinetune.data.view.View`; the seed also decides the order.
    batch_size : int
        Images of a batch over all shards.
    threads : int or None
        None: by the machine.
    on_skip : callable (path, reason)
        Told once, in the consumer's thread, of each image that can't be decoded.
    depth : int, optional
        Batches in the making at most, the next one included; by default 3, and more where
        batches are so small that threads would idle.
    cut : Cut, optional
        As in `View`.
    shard : (rank, size)
        This process takes its share of every batch; a shard's batch may be empty, so that all
        processes see the same number.
    """

    images: ImageSet
    ids: Ids
    size_px: int
    interpolation: Interpolation
    crop_pct: float
    augment: AugmentConfig | None
    seed: int
    batch_size: int
    threads: int | None
    on_skip: OnSkip
    depth: int | None = None
    cut: Cut | None = None
    shard: tuple[int, int] = (0, 1)
    skipped: dict[int, str] = field(default_factory=dict, init=False)
    _view: View = field(init=False)
    _threads: int = field(init=False)
    _depth: int = field(init=False)
    _pool: ThreadPoolExecutor | None = field(default=None, init=False)
    _prepared: _Feed | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self._view = View(
            self.size_px, self.interpolation, self.crop_pct, self.augment, self.seed, self.cut
        )
        self._threads = self.threads or default_threads()
        self._depth = self.depth or max(3, math.ceil(2 * self._threads / self.batch_size))

    def steps(self, *, drop_last: bool) -> int:
        """Batches of an epoch."""
        if drop_last:
            return steps_per_epoch(len(self.ids), self.batch_size)
        return math.ceil(len(self.ids) / self.batch_size)

    def epoch(
        self, epoch: int, start_batch: int = 0, *, shuffle: bool, drop_last: bool
    ) -> Generator[Batch]:
        """Batches of an epoch from number `start_batch` on.

        They are the same, bit for bit, wherever one starts and whatever the number of threads.

        Parameters
        ----------
        epoch : int >= 0
        start_batch : int
            First batch wanted, empty ones counted (`Batch.position`).
        shuffle : bool
            Whether the order is drawn (from seed and epoch) or that of `ids`.
        drop_last : bool
            Leave out an incomplete last batch, unless it is the only one.

        Raises
        ------
        DataError
            Once more than a tenth of the images can't be decoded.
        """
        asked = time.perf_counter()
        feed = self._feed(epoch, start_batch, shuffle=shuffle, drop_last=drop_last)
        yield from self._batches(feed, asked)

    def some(self, epoch: int, positions: Sequence[int]) -> Generator[Batch]:
        """Batches of a shuffled epoch by their numbers, the incomplete last one among them.

        Parameters
        ----------
        epoch : int >= 0
        positions : sequence of int
            Below ``steps(drop_last=False)``.
        """
        asked = time.perf_counter()
        feed = _Feed((epoch, 0, True, False), self._order(epoch), iter(positions))
        yield from self._batches(feed, asked)

    def ids_by_batch(self, epoch: int) -> list[Ids]:
        """Ids of every batch of a shuffled epoch, the incomplete last one too, without images."""
        order = self._order(epoch)
        return [self._batch_ids(order, position) for position in range(self.steps(drop_last=False))]

    def prepare(self, epoch: int, start_batch: int = 0, *, shuffle: bool, drop_last: bool) -> None:
        """Begin with the first batches of an epoch, so that `epoch` finds them made."""
        self._prepared = self._feed(epoch, start_batch, shuffle=shuffle, drop_last=drop_last)
        self._fill(self._prepared)

    def close(self) -> None:
        """End the threads; an epoch that begins after that starts new ones."""
        if self._prepared is not None:
            self._prepared.cancel()
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
        self._prepared = self._pool = None

    def _feed(self, epoch: int, start_batch: int, *, shuffle: bool, drop_last: bool) -> _Feed:
        asked = (epoch, start_batch, shuffle, drop_last)
        prepared, self._prepared = self._prepared, None
        if prepared is not None:
            if prepared.asked == asked:
                return prepared
            prepared.cancel()
        order = self._order(epoch) if shuffle else self.ids
        return _Feed(asked, order, iter(range(start_batch, self.steps(drop_last=drop_last))))

    def _order(self, epoch: int) -> Ids:
        return epoch_order(self.ids, self.seed, epoch)

    def _batch_ids(self, order: Ids, position: int) -> Ids:
        return self._share(order[position * self.batch_size : (position + 1) * self.batch_size])

    def _batches(self, feed: _Feed, asked: float) -> Generator[Batch]:
        try:
            while self._fill(feed):
                batch = self._collect(feed.ahead.popleft(), asked)
                if len(batch.ids) or self.shard[1] > 1:
                    yield batch
                    asked = time.perf_counter()
        finally:
            feed.cancel()

    def _fill(self, feed: _Feed) -> bool:
        """Put batches into the making; whether there is one to wait for."""
        while (
            len(feed.ahead) < self._depth and (position := next(feed.positions, None)) is not None
        ):
            feed.ahead.append(self._submit(feed.order, feed.asked[0], position))
        return bool(feed.ahead)

    def _submit(self, order: Ids, epoch: int, position: int) -> _Pending:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(
                self._threads, thread_name_prefix="nbft-load", initializer=give_way_to_training
            )
        ids = self._batch_ids(order, position)
        shape = (len(ids), self.size_px, self.size_px, self.images.channels)
        pixels = np.empty(shape, dtype=np.uint8)
        chunk = max(1, min(_LARGEST_CHUNK, math.ceil(len(ids) / self._threads)))
        parts = [
            self._pool.submit(
                self._make, pixels, ids, range(start, min(start + chunk, len(ids))), epoch
            )
            for start in range(0, len(ids), chunk)
        ]
        return _Pending(position, ids, pixels, parts)

    def _share(self, ids: Ids) -> Ids:
        rank, size = self.shard
        return ids[len(ids) * rank // size : len(ids) * (rank + 1) // size]

    def _make(
        self, pixels: NDArray[np.uint8], ids: Ids, places: range, epoch: int
    ) -> list[Skipped]:
        skipped = []
        for place in places:
            number = int(ids[place])
            try:
                pixels[place] = self._view.pixels(self.images, number, epoch)
            except UnreadableImage as error:
                skipped.append(Skipped(place, number, error.reason))
        return skipped

    def _collect(self, pending: _Pending, asked: float) -> Batch:
        skipped = [one for part in pending.parts for one in part.result()]
        wait_s = time.perf_counter() - asked
        ids, pixels = pending.ids, pending.pixels
        if skipped:
            self._report(skipped)
            kept = np.ones(len(ids), dtype=bool)
            kept[[one.place for one in skipped]] = False
            ids, pixels = ids[kept], pixels[kept]
        return Batch(pixels, self.images.index.labels[ids], ids, wait_s, pending.position)

    def _report(self, skipped: list[Skipped]) -> None:
        for one in skipped:
            if one.image not in self.skipped:
                self.skipped[one.image] = one.reason
                self.on_skip(self.images.name(one.image), one.reason)
        check_share([self.images.name(number) for number in self.skipped], len(self.ids))


class _Pending(NamedTuple):
    position: int
    ids: Ids
    pixels: NDArray[np.uint8]
    parts: list[Future[list[Skipped]]]


@dataclass(eq=False)
class _Feed:
    """Batches of one epoch, the next ones in the making."""

    asked: tuple[int, int, bool, bool]
    order: Ids
    positions: Iterator[int]
    ahead: deque[_Pending] = field(default_factory=deque)

    def cancel(self) -> None:
        """Leave what nobody has begun with."""
        for pending in self.ahead:
            for part in pending.parts:
                part.cancel()
        self.ahead.clear()

"""The steps of a run in a bounded number of buckets, however long it becomes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nbfinetune.store.digest import DIGEST

Rows = NDArray[np.float64]

MOST_BUCKETS = 1024
"""Each bucket is drawn as two points (the lowest and the highest loss), about 2,000 a trace."""

COLUMN = {name: place for place, name in enumerate(DIGEST)}
_LOWEST = [COLUMN["first"], COLUMN["loss_low"]]
_HIGHEST = [COLUMN["last"], COLUMN["loss_high"], COLUMN["memory_mb_high"]]
_SUMS = [COLUMN[name] for name in DIGEST if name == "count" or name.endswith("_sum")]


class Digest:
    """Rows of `RunReader.digest`, coarsened as they become too many.

    Widths are powers of two and buckets begin at their multiples, so that two narrow buckets make
    exactly one wide one: extremes and sums are never approximated, only where in its bucket an
    extreme lies is forgotten.

    Attributes
    ----------
    rows : ndarray of shape (buckets, len(DIGEST))
    width : int
        Steps in a bucket.
    """

    def __init__(self) -> None:
        self.width = 1
        self.rows: Rows = np.empty((0, len(DIGEST)))

    @property
    def last_step(self) -> int:
        """The newest step; 0 where there is none."""
        return int(self.rows[-1, COLUMN["last"]]) if len(self.rows) else 0

    def extend(self, rows: Rows) -> None:
        """Take in rows of later steps, in buckets of any width that is a power of two."""
        self.rows = merged(np.concatenate([self.rows, rows]), self.width)
        while len(self.rows) > MOST_BUCKETS:
            self.width *= 2
            self.rows = merged(self.rows, self.width)

    def mean(self, name: str) -> Rows:
        """Mean of a measure in each bucket (`lr`, `loss`, `images_per_s`, `data_wait_s`)."""
        return np.asarray(self.rows[:, COLUMN[f"{name}_sum"]] / self.rows[:, COLUMN["count"]])


def width_for(steps: int, most: int = MOST_BUCKETS) -> int:
    """Smallest power of two with which so many steps fill at most `most` buckets."""
    # One bucket more is touched where the steps begin in the middle of one.
    return 1 << max(0, (steps // max(1, most - 1)).bit_length())


def merged(rows: Rows, width: int) -> Rows:
    """Rows with those of one bucket of `width` steps made one."""
    if not len(rows):
        return rows
    keys = rows[:, COLUMN["first"]] // width
    starts = np.flatnonzero(np.r_[True, keys[1:] != keys[:-1]])
    made = np.empty((len(starts), rows.shape[1]))
    made[:, _LOWEST] = np.fmin.reduceat(rows[:, _LOWEST], starts)
    made[:, _HIGHEST] = np.fmax.reduceat(rows[:, _HIGHEST], starts)
    made[:, _SUMS] = np.add.reduceat(rows[:, _SUMS], starts)
    return made


def smoothed(values: Rows, counts: Rows, smoothing: float) -> Rows:
    """Exponential moving average over steps, debiased as TensorBoard does it.

    Parameters
    ----------
    values, counts : ndarray of shape (buckets,)
        Mean of each bucket and the steps in it; a bucket weighs as much as its steps.
    smoothing : float in [0, 1)
        Weight that the average so far keeps at each step; 0 leaves the values as they are.
    """
    average, kept = 0.0, 1.0
    made = np.empty_like(values)
    for place, (value, count) in enumerate(zip(values, counts, strict=True)):
        weight = smoothing**count
        if np.isfinite(value):
            average = weight * average + (1.0 - weight) * value
            kept *= weight
        made[place] = average / (1.0 - kept) if kept < 1.0 else value
    return made

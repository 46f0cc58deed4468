"""Many steps as few rows: what a chart needs of a bucket of steps, summed up by SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import numpy as np

Row: TypeAlias = tuple[float | None, ...]

_COLUMNS = {
    "first": "min(step)",
    "last": "max(step)",
    "count": "count(*)",
    "loss_low": "min(loss)",
    "loss_high": "max(loss)",
    "loss_sum": "sum(loss)",
    "lr_sum": "sum(lr)",
    "images_per_s_sum": "sum(images_per_s)",
    "data_wait_s_sum": "sum(data_wait_s)",
    "memory_mb_high": "max(memory_mb)",
}
DIGEST = tuple(_COLUMNS)
"""Names of the columns of `RunReader.digest`, in their order."""

_SUMMED = f"SELECT {', '.join(_COLUMNS.values())} FROM steps WHERE step BETWEEN ? AND ?"  # noqa: S608
_SINGLE = (
    "SELECT step, step, 1, loss, loss, loss, lr, images_per_s, data_wait_s, memory_mb "
    "FROM steps WHERE step BETWEEN ? AND ? ORDER BY step"
)


def digest_of(db: sqlite3.Connection, width: int, first: int, last: int | None) -> np.ndarray:
    """Steps from `first` to `last` in buckets, as `RunReader.digest` gives them."""
    import numpy as np

    newest = db.execute("SELECT max(step) FROM steps").fetchone()[0] or 0
    last = newest if last is None else min(last, newest)
    rows = _buckets(db, width, first, last) if width > 1 else db.execute(_SINGLE, (first, last))
    return np.fromiter(chain.from_iterable(rows), np.float64).reshape(-1, len(DIGEST))


def _buckets(db: sqlite3.Connection, width: int, first: int, last: int) -> Iterator[Row]:
    # A query per bucket walks the table in its own order; GROUP BY would sort a copy of it first,
    # which takes more than twice as long.
    for start in range(first // width * width, last + 1, width):
        ends = (max(start, first), min(start + width - 1, last))
        row = db.execute(_SUMMED, ends).fetchone()
        if row[2]:
            yield row

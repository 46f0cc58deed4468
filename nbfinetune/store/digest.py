"""Many steps as few rows: what a chart needs of a bucket of steps, summed up by SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import numpy as np

Row: TypeAlias = tuple[float | None, ...]

WIDTH = 256
"""Steps of a bucket in the table `step_sums`, of which wider ones are made."""

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

_SUMS = ", ".join(_COLUMNS.values())
_SUMS_OF_SUMS = ", ".join(
    f"{'sum' if how.startswith('count') else how[:3]}({name})" for name, how in _COLUMNS.items()
)
_SUMMED = f"SELECT {_SUMS} FROM steps WHERE step BETWEEN ? AND ?"  # noqa: S608
_JOINED = f"SELECT {_SUMS_OF_SUMS} FROM step_sums WHERE bucket BETWEEN ? AND ?"  # noqa: S608
_SINGLE = (
    "SELECT step, step, 1, loss, loss, loss, lr, images_per_s, data_wait_s, memory_mb "
    "FROM steps WHERE step BETWEEN ? AND ? ORDER BY step"
)
_SUM_UP = (
    f"INSERT INTO step_sums SELECT step / {WIDTH}, {_SUMS} FROM steps "  # noqa: S608
    "WHERE step BETWEEN ? AND ? GROUP BY 1"
)
_UNSUMMED = f"SELECT (max(bucket) + 1) * {WIDTH} FROM step_sums"  # noqa: S608


def digest_of(db: sqlite3.Connection, width: int, first: int, last: int | None) -> np.ndarray:
    """Steps from `first` to `last` in buckets, as `RunReader.digest` gives them."""
    import numpy as np

    newest = db.execute("SELECT max(step) FROM steps").fetchone()[0] or 0
    last = newest if last is None else min(last, newest)
    rows = _buckets(db, width, first, last) if width > 1 else db.execute(_SINGLE, (first, last))
    return np.fromiter(chain.from_iterable(rows), np.float64).reshape(-1, len(DIGEST))


def sum_up(db: sqlite3.Connection, first: int, last: int) -> None:
    """Keep the sums of each bucket that is whole now that steps from `first` to `last` were added.

    A step pays for this once, and a run of a million opens without its steps being read.
    """
    whole = (last + 1) // WIDTH * WIDTH
    if first < whole:
        db.execute(_SUM_UP, (_unsummed(db), whole - 1))


def forget_sums(db: sqlite3.Connection, step: int) -> None:
    """Drop the sums in which steps after `step` are counted."""
    db.execute("DELETE FROM step_sums WHERE bucket >= ?", ((step + 1) // WIDTH,))


def _buckets(db: sqlite3.Connection, width: int, first: int, last: int) -> Iterator[Row]:
    # A query per bucket walks the table in its own order; GROUP BY would sort a copy of it first,
    # which takes more than twice as long.
    unsummed = 0 if width % WIDTH else _unsummed(db)
    for start in range(first // width * width, last + 1, width):
        end = start + width - 1
        if first <= start and end <= last and end < unsummed:
            row = db.execute(_JOINED, (start // WIDTH, end // WIDTH)).fetchone()
        else:
            row = db.execute(_SUMMED, (max(start, first), min(end, last))).fetchone()
        if row[2]:
            yield row


def _unsummed(db: sqlite3.Connection) -> int:
    """The first step that no sum counts."""
    try:
        return int(db.execute(_UNSUMMED).fetchone()[0] or 0)
    except sqlite3.OperationalError as error:
        # A file of an earlier release where nothing can be written has steps alone.
        if "step_sums" not in str(error):
            raise
        return 0

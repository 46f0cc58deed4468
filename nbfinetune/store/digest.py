"""Many steps as few rows: what a chart needs of a bucket of steps, summed up by SQLite."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

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

DIGEST_QUERY = f"""
SELECT {", ".join(_COLUMNS.values())} FROM steps
WHERE step >= ? AND (step <= ? OR ? < 0) GROUP BY step / ? ORDER BY step
"""  # noqa: S608 - the columns stand above


def digest_array(rows: Iterable[tuple[float | None, ...]]) -> np.ndarray:
    """Rows of `DIGEST_QUERY` as an array of shape (buckets, len(DIGEST))."""
    import numpy as np

    return np.fromiter(chain.from_iterable(rows), np.float64).reshape(-1, len(DIGEST))

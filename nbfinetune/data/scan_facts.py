"""What a scan knows of all images: columns, kept in one file that the next scan starts from."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nbfinetune.data.duplicates import PRINT_BYTES
from nbfinetune.data.randomness import Ids
from nbfinetune.data.scan import DIGEST_BYTES, ImageFacts
from nbfinetune.whole_files import write_whole

FILE_NAME = "scan.npz"

FORMAT = 1

ROW = np.dtype(
    [
        ("state", np.uint8),
        ("traits", np.uint8),
        ("width", np.int32),
        ("height", np.int32),
        ("size", np.int64),
        ("mtime_ns", np.int64),
        ("digest", np.uint8, (DIGEST_BYTES,)),
        ("print", np.uint8, (PRINT_BYTES,)),
    ]
)
"""One image; the fields are those of `nbfinetune.data.scan.ImageFacts`."""


@dataclass(frozen=True, eq=False)
class ScanFacts:
    """Facts of every image of a source, in the source's order.

    Parameters
    ----------
    rows : array (N,) of `ROW`
    items : tuple of str
        Paths as the index of a run has them; empty where the images are arrays.
    reasons : dict
        Why an image can't be trained on, by its place in `rows`.
    twins : int64 array (N,)
        Equal for images that are the same to the byte or to the eye.
    complete : bool
        Whether the scan came to its end; if not, some rows are `State.UNSEEN`.
    """

    rows: NDArray[Any]
    items: tuple[str, ...]
    reasons: dict[int, str]
    twins: Ids
    complete: bool = False

    def __len__(self) -> int:
        return len(self.rows)

    def aligned(self, items: tuple[str, ...], count: int) -> ScanFacts:
        """The same facts for images in another order; of those it lacks nothing is known.

        Parameters
        ----------
        items : tuple of str
            As an index has them; empty for arrays.
        count : int
            Images in all.
        """
        if self.items == items and len(self) == count:
            return self
        places = self._places(items, count)
        known = places >= 0
        facts = blank_facts(items, count)
        facts.rows[known] = self.rows[places[known]]
        twins = -1 - np.arange(count)  # what is unknown has no twin
        twins[known] = self.twins[places[known]]
        reasons = {
            image: self.reasons[place]
            for image, place in enumerate(places.tolist())
            if place in self.reasons
        }
        return replace(facts, twins=twins, reasons=reasons)

    def _places(self, items: tuple[str, ...], count: int) -> Ids:
        if items:
            places = {item: place for place, item in enumerate(self.items)}
            return np.array([places.get(item, -1) for item in items])
        rows = np.arange(count)
        return np.where((rows < len(self)) & (not self.items), rows, -1)


def blank_facts(items: Sequence[str], count: int) -> ScanFacts:
    """Facts of `count` images that nobody has looked at."""
    return ScanFacts(np.zeros(count, ROW), tuple(items), {}, np.arange(count))


def as_row(facts: ImageFacts) -> tuple[Any, ...]:
    """What goes into one row of `ScanFacts.rows`."""
    return (
        int(facts.state),
        int(facts.traits),
        facts.width,
        facts.height,
        facts.size,
        facts.mtime_ns,
        np.frombuffer(facts.digest, np.uint8),
        np.frombuffer(facts.print, np.uint8),
    )


def save_facts(facts: ScanFacts, path: Path) -> None:
    """Write a file of facts whole or not at all."""
    buffer = io.BytesIO()
    np.savez(
        buffer,
        format=FORMAT,
        rows=facts.rows,
        twins=facts.twins,
        complete=facts.complete,
        items=_packed("\0".join(facts.items)),
        reasons=_packed(json.dumps(list(facts.reasons.items()))),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, buffer.getvalue())


def load_facts(path: Path) -> ScanFacts | None:
    """What `save_facts` wrote, or None where there is no such file that can be read.

    A file that is damaged or of another version is as good as none: the scan makes it again.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as saved:
            rows = saved["rows"]
            if int(saved["format"]) != FORMAT or rows.dtype != ROW:
                return None
            items = _unpacked(saved["items"])
            reasons = {
                int(place): str(why) for place, why in json.loads(_unpacked(saved["reasons"]))
            }
            names = tuple(items.split("\0")) if items else ()
            return ScanFacts(rows, names, reasons, saved["twins"], bool(saved["complete"]))
    except (OSError, ValueError, LookupError, TypeError, EOFError, zipfile.BadZipFile):
        return None


def _packed(text: str) -> NDArray[np.uint8]:
    # Names on a disk need not be text: what is not UTF-8 travels as Python holds it.
    return np.frombuffer(text.encode("utf-8", "surrogatepass"), np.uint8)


def _unpacked(data: NDArray[np.uint8]) -> str:
    return data.tobytes().decode("utf-8", "surrogatepass")

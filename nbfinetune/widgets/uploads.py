"""Pictures that a page has sent: the last few of them, in a folder that only we may read."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nbfinetune.data.decode import UnreadableImage, decode, open_header
from nbfinetune.data.image_index import printable
from nbfinetune.errors import DataError
from nbfinetune.runner.asked_model import Predicted
from nbfinetune.widgets.thumbnails import Picture, encoded

MOST = 20
"""Pictures that are kept; the oldest go first."""

MOST_BYTES = 10_000_000
"""Of one picture; Jupyter's line takes no message that is much larger."""

LONGEST_NAME = 200
FEW = 5
"""Classes that are told of each picture unasked."""


@dataclass
class Upload:
    """One picture and what is known of it.

    Parameters
    ----------
    id : int
        Later pictures have higher ones.
    name : str
        As the page calls it; never part of a path.
    path : Path
    width, height : int
        In pixels, as the file lies.
    note : str
        What was done to it before it was sent.
    probabilities : float32 array (classes,) or None
        Once the model has said them.
    reason : str
        Why it has not, in words.
    """

    id: int
    name: str
    path: Path
    width: int
    height: int
    note: str = ""
    probabilities: NDArray[np.float32] | None = None
    reason: str = ""

    @property
    def state(self) -> Literal["waiting", "answered", "failed"]:
        """Where the question about it stands."""
        if self.probabilities is not None:
            return "answered"
        return "failed" if self.reason else "waiting"

    def take(self, said: Predicted) -> None:
        """Keep what the model has said of it."""
        self.reason = self.named(said.reason)
        if said.probabilities:
            self.probabilities = np.asarray(said.probabilities, np.float32)

    def named(self, sentence: str) -> str:
        """A sentence about it, with its name in place of the path that nobody knows it by."""
        return sentence.removeprefix(f"{self.path}: ").replace(str(self.path), self.name)

    def told(self) -> dict[str, Any]:
        """What the page shows of it."""
        return {
            "id": self.id,
            "name": self.name,
            "width": self.width,
            "height": self.height,
            "note": self.note,
            "state": self.state,
            "reason": self.reason,
            "top": [] if self.probabilities is None else best(self.probabilities),
        }


class Uploads:
    """The last pictures, the newest first; their files go with them.

    Not safe in threads: whoever holds it holds the guard of its widget.
    """

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="nbfinetune-", ignore_cleanup_errors=True)
        self._kept: dict[int, Upload] = {}
        self._last = 0

    def add(self, name: str, data: bytes, note: str = "") -> Upload:
        """Keep a picture.

        Raises
        ------
        DataError
            If it is no image, too large, or there is no room for it.
        """
        shown = printable(PurePath(name).name)[:LONGEST_NAME] or "picture"
        if len(data) > MOST_BYTES:
            raise DataError(
                f"{shown} has {len(data) / 1e6:.1f} MB; at most {MOST_BYTES / 1e6:.0f} MB are taken"
            )
        try:
            with open_header(shown, data) as image:
                width, height = image.size
        except UnreadableImage as error:
            raise DataError(f"{shown}: {error.reason}") from error
        self._last += 1
        path = Path(self._folder.name) / str(self._last)
        try:
            path.write_bytes(data)
        except OSError as error:
            raise DataError(f"{shown} can't be kept in {path.parent}: {error.strerror}") from error
        self._kept[self._last] = upload = Upload(self._last, shown, path, width, height, note)
        for old in self.newest_first[MOST:]:
            self._forget(old)
        return upload

    @property
    def newest_first(self) -> list[Upload]:
        """All that are kept."""
        return list(reversed(self._kept.values()))

    def get(self, number: int) -> Upload:
        """The picture of that number.

        Raises
        ------
        DataError
            If it is not there any more.
        """
        if number not in self._kept:
            raise DataError(f"picture {number} is not there any more; the last {MOST} are kept")
        return self._kept[number]

    def blank(self) -> Path:
        """A white picture that is no upload, to ask a model about before anybody else does."""
        path = Path(self._folder.name) / "blank.png"
        Image.new("RGB", (64, 64), "white").save(path)
        return path

    def clear(self) -> None:
        """Forget them all."""
        for upload in self.newest_first:
            self._forget(upload)

    def close(self) -> None:
        """Forget them all, and the folder."""
        self._kept.clear()
        self._folder.cleanup()

    def _forget(self, upload: Upload) -> None:
        del self._kept[upload.id]
        upload.path.unlink(missing_ok=True)


def drawn(upload: Upload, longest: int) -> Picture:
    """A picture as the page shows it.

    Parameters
    ----------
    longest : int
        Its longer side in pixels is at most this.
    """
    try:
        image = decode(upload.path, at_least=longest)
    except UnreadableImage as error:
        return Picture(b"", printable(error.reason))
    image.thumbnail((longest, longest))
    return Picture(encoded(image, quality=88))


def best(probabilities: NDArray[np.float32], few: int = FEW) -> list[list[Any]]:
    """The most probable classes: ``[number, probability]`` each, the first first."""
    order = np.argsort(-probabilities, kind="stable")[:few]
    return [[int(place), float(probabilities[place])] for place in order]

"""What a model says of many images, as a CSV file that is written while it is said."""

from __future__ import annotations

import contextlib
import csv
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TextIO

from nbfinetune.data.image_index import printable
from nbfinetune.errors import StoreError

__all__ = ["PredictionCsv", "beside"]

UNFINISHED = ".unfinished"
"""Stands before the suffix of a file whose rows are not all there."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_DIGITS = 6


def beside(folder: Path) -> Path:
    """Where the predictions of a folder lie unless another place is given."""
    return folder.with_name(f"{folder.name or 'images'}.predictions.csv")


class PredictionCsv:
    """A row an image: ``path``, ``label``, ``probability``, and the probability of each class.

    Until `finish`, it is called ``….unfinished.csv``, so that nobody takes a part for the whole;
    every row that has been added lies in that file whatever happens to this process. Text that a
    spreadsheet would run as a formula begins with an apostrophe.

    Parameters
    ----------
    path : Path
        Where it is to lie. Where something lies there already, the next free name is taken:
        ``inbox-2.csv``.
    classes : sequence of str

    Attributes
    ----------
    rows : int
        How many there are so far.

    Raises
    ------
    StoreError
        If nothing can be written there.
    """

    def __init__(self, path: Path, classes: Sequence[str]) -> None:
        self._wanted, self._classes = path, [_harmless(name) for name in classes]
        self.rows = 0
        try:
            self.unfinished, self._file = _made(_unfinished(path))
            self._writer = csv.writer(self._file, lineterminator="\n")
            self._write([["path", "label", "probability", *self._classes]])
        except OSError as error:
            raise StoreError(_refusal(path, error)) from error

    def add(self, predicted: Sequence[tuple[str, Sequence[float]]]) -> None:
        """Write the rows of some images: the path and the probabilities of each, or none.

        Raises
        ------
        StoreError
            If the disk takes no more; what was written stays.
        """
        try:
            self._write([self._row(path, probabilities) for path, probabilities in predicted])
        except OSError as error:
            raise StoreError(
                f"can't write on into {self.unfinished}: {error.strerror or error}; "
                f"its first {self.rows:,} rows are there: make room, and predict again"
            ) from error
        self.rows += len(predicted)

    def finish(self) -> Path:
        """Give the file its name, now that every row is there.

        Raises
        ------
        StoreError
            If it can't be renamed; it stays whole under the name that it has.
        """
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            return _renamed(self.unfinished, self._wanted)
        except OSError as error:
            raise StoreError(
                f"all rows are in {self.unfinished}, but it can't be called {self._wanted.name}: "
                f"{error.strerror or error}"
            ) from error

    def leave(self) -> Path | None:
        """Write no more; the file with the rows that there are, or None where there is none."""
        with contextlib.suppress(OSError):  # what a full disk did not take was said before
            self._file.close()
        if self.rows:
            return self.unfinished
        self.unfinished.unlink(missing_ok=True)
        return None

    def _row(self, path: str, probabilities: Sequence[float]) -> list[str]:
        name = _harmless(printable(path))
        if not probabilities:
            return [name] + [""] * (2 + len(self._classes))
        best = max(range(len(probabilities)), key=probabilities.__getitem__)
        figures = [_figure(probability) for probability in probabilities]
        return [name, self._classes[best], figures[best], *figures]

    def _write(self, rows: Iterable[Sequence[str]]) -> None:
        self._writer.writerows(rows)
        self._file.flush()


def _unfinished(path: Path) -> Path:
    return path.with_name(f"{path.stem}{UNFINISHED}{path.suffix}")


def _made(path: Path) -> tuple[Path, TextIO]:
    """A new file of that name, or of the next one that is free."""
    for free in _names(path):
        try:
            return free, free.open("x", encoding="utf-8", newline="")
        except FileExistsError:
            continue
    raise AssertionError


def _renamed(path: Path, wanted: Path) -> Path:
    """Rename without ever taking the place of another file, as a plain rename would."""
    for free in _names(wanted):
        try:
            free.open("x").close()
        except FileExistsError:
            continue
        return path.replace(free)
    raise AssertionError


def _names(path: Path) -> Iterator[Path]:
    yield path
    number = 2
    while True:
        yield path.with_name(f"{path.stem}-{number}{path.suffix}")
        number += 1


def _harmless(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text


def _figure(probability: float) -> str:
    return f"{probability:.{_DIGITS}g}"


def _refusal(path: Path, error: OSError) -> str:
    why = f"can't write {path}: {error.strerror or error}; nothing was predicted yet"
    return f"{why}; name a CSV file in a folder that exists and that you may write to"

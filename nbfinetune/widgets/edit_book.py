"""The edits of a data set: kept in a file at once, and taken back one by one."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

from nbfinetune.data.edits import load_edits, merged, save_edits
from nbfinetune.data.image_index import ImageIndex
from nbfinetune.errors import ConfigError
from nbfinetune.records import DataEdit, Exclude, MoveTo, Relabel
from nbfinetune.widgets.preview_requests import EditAsked

FILE_NAME = "edits.json"


class EditBook:
    """What was changed about single images, as the file says.

    Parameters
    ----------
    path : Path
        The edits file; made with the first edit.

    Attributes
    ----------
    path : Path
    edits : tuple of DataEdit

    Raises
    ------
    DataError
        If the file is there and can't be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.edits: tuple[DataEdit, ...] = load_edits(path) if path.exists() else ()
        self._earlier: list[tuple[str, tuple[DataEdit, ...]]] = []
        self._lock = threading.Lock()

    @property
    def last(self) -> str:
        """What `undo` would take back, in words; empty where there is nothing."""
        if self._earlier:
            return self._earlier[-1][0]
        return f"the edit of {shown(self.edits[-1].item)}" if self.edits else ""

    def change(self, index: ImageIndex, images: Sequence[int], wish: EditAsked) -> None:
        """Write down what was asked of images.

        Raises
        ------
        ConfigError
            If there is no such class.
        """
        items = [index.item(image) for image in images]
        which = shown(items[0]) if len(items) == 1 else f"{len(items):,} images"
        with self._lock:
            if wish.do == "restore":
                gone = set(items)
                kept = tuple(edit for edit in self.edits if edit.item not in gone)
                self._turn_to(kept, f"taking back the edits of {which}")
            else:
                new, words = _edits(items, index.classes, wish)
                self._turn_to(merged(self.edits, new), f"{words} {which}")

    def undo(self) -> bool:
        """Take back what was done last; in a new kernel, the newest edit of the file.

        Returns
        -------
        bool
            Whether there was anything.
        """
        with self._lock:
            if not self.edits and not self._earlier:
                return False
            before = self._earlier[-1][1] if self._earlier else self.edits[:-1]
            self._write(before)
            del self._earlier[-1:]
            return True

    def _turn_to(self, edits: tuple[DataEdit, ...], words: str) -> None:
        before = self.edits
        if edits != before:
            self._write(edits)
            self._earlier.append((words, before))

    def _write(self, edits: tuple[DataEdit, ...]) -> None:
        # The file first: what can't be kept was not done.
        save_edits(self.path, edits)
        self.edits = edits


def _edits(
    items: Sequence[str], classes: Sequence[str], wish: EditAsked
) -> tuple[list[DataEdit], str]:
    """Edits of items, and what is done in words that the items' name follows."""
    if wish.do == "exclude":
        return [Exclude(item=item) for item in items], "excluding"
    if wish.do == "move":
        part = {"train": "training", "val": "validation"}[wish.part]
        return [MoveTo(item=item, part=wish.part) for item in items], f"moving to {part}:"
    if wish.label not in classes:
        raise ConfigError(f"there is no class {wish.label!r}; a new one needs a folder of its own")
    return [Relabel(item=item, label=wish.label) for item in items], f"taking for {wish.label}:"


def shown(item: str) -> str:
    """The last part of an item's name: a line has no room for its folders."""
    return item.replace("\\", "/").rpartition("/")[2]

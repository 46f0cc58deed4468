"""The edits of a data set: one book for all views of it, kept in a file, taken back one by one."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias

from nbfinetune.data.edits import load_edits, merged, save_edits
from nbfinetune.data.image_index import ImageIndex
from nbfinetune.errors import ConfigError
from nbfinetune.records import DataEdit, Exclude, MoveTo, Relabel
from nbfinetune.widgets.gallery_requests import EditAsked

FILE_NAME = "edits.json"

Edits: TypeAlias = tuple[DataEdit, ...]
Listener: TypeAlias = Callable[[], None]

_books: weakref.WeakValueDictionary[Path, EditBook] = weakref.WeakValueDictionary()
_books_lock = threading.Lock()


def book_of(path: Path) -> EditBook:
    """The book of an edits file: one a kernel, so that all views of the data show the same.

    Raises
    ------
    DataError
        If the file is there and can't be read.
    """
    key = path.expanduser().resolve()
    with _books_lock:
        book = _books.get(key)
        if book is None:
            book = _books[key] = EditBook(path)
        return book


class Change(NamedTuple):
    """What can be taken back.

    Parameters
    ----------
    words : str
        What was done.
    before, after : tuple of DataEdit
        All edits, before and after it.
    """

    words: str
    before: Edits
    after: Edits


class EditBook:
    """What was changed about single images, as the file says; `book_of` gives it.

    Another kernel may write to the same file: before each change it is read again if it is not
    as this kernel left it, so that nobody's edits are lost.

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
        self.edits: Edits = ()
        self._stamp: tuple[int, int] | None = None
        self._changes: list[Change] = []
        self._listeners: list[weakref.WeakMethod[Listener]] = []
        self._lock = threading.Lock()
        self._read_again()

    @property
    def last(self) -> str:
        """What `undo` would take back, in words; empty where there is nothing."""
        if self._changes:
            return self._changes[-1].words
        return f"the edit of {shown(self.edits[-1].item)}" if self.edits else ""

    def subscribe(self, method: Listener) -> None:
        """Call a bound method after every change, from whatever thread; it is held weakly.

        It must not wait for anybody who may be changing the edits.
        """
        with self._lock:
            self._listeners.append(weakref.WeakMethod(method))

    def unsubscribe(self, method: Listener) -> None:
        """Tell it no more."""
        with self._lock:
            self._listeners = [known for known in self._listeners if known() != method]

    def refresh(self) -> None:
        """Take in what another kernel has written.

        Raises
        ------
        DataError
            If the file can't be read any more.
        """
        with self._lock:
            news = self._read_again()
        if news:
            self._tell()

    def change(self, index: ImageIndex, images: Sequence[int], wish: EditAsked) -> None:
        """Write down what was asked of images.

        Raises
        ------
        ConfigError
            If there is no such class.
        """
        items = [index.item(image) for image in images]
        if wish.do == "restore":
            gone = set(items)
            self._turn(
                lambda edits: tuple(edit for edit in edits if edit.item not in gone),
                f"taking back the edits of {_which(items)}",
            )
        else:
            new, words = _edits(items, index.classes, wish)
            self._turn(lambda edits: merged(edits, new), f"{words} {_which(items)}")

    def relabel(self, index: ImageIndex, labels: Mapping[int, str]) -> None:
        """Give images each a class of its own.

        Parameters
        ----------
        labels : mapping of int to str
            A class of the index, by image.
        """
        new = [Relabel(item=index.item(image), label=label) for image, label in labels.items()]
        words = f"relabelling {_which([edit.item for edit in new])} as suggested"
        self._turn(lambda edits: merged(edits, new), words)

    def undo(self) -> bool:
        """Take back what was done last; in a new kernel, the newest edit of the file.

        Returns
        -------
        bool
            Whether there was anything.
        """
        with self._lock:
            self._read_again()
            if not self.edits and not self._changes:
                return False
            if self._changes:
                self._write(_taken_back(self.edits, self._changes[-1]))
            else:
                self._write(self.edits[:-1])
            del self._changes[-1:]
        self._tell()
        return True

    def _turn(self, turned: Callable[[Edits], Edits], words: str) -> None:
        with self._lock:
            self._read_again()
            before = self.edits
            after = turned(before)
            if after != before:
                self._write(after)
                self._changes.append(Change(words, before, after))
        self._tell()

    def _write(self, edits: Edits) -> None:
        # The file first: what can't be kept was not done.
        save_edits(self.path, edits)
        self.edits, self._stamp = edits, self._on_disk()

    def _read_again(self) -> bool:
        """Read the file if it is another than the one known; gives whether it was."""
        stamp = self._on_disk()
        if stamp == self._stamp:
            return False
        self.edits = () if stamp is None else load_edits(self.path)
        self._stamp = stamp
        return True

    def _on_disk(self) -> tuple[int, int] | None:
        try:
            found = self.path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        # Each write is a new file, so that two in one tick of the clock differ by their numbers.
        return found.st_mtime_ns, found.st_ino

    def _tell(self) -> None:
        with self._lock:
            self._listeners = [known for known in self._listeners if known() is not None]
            listeners = [known() for known in self._listeners]
        for listener in listeners:
            if listener is not None:
                listener()


def _taken_back(edits: Edits, change: Change) -> Edits:
    """Edits without a change: as before it, or, where others edited since, its images alone."""
    if edits == change.after:
        return change.before
    touched = {edit.item for edit in set(change.before) ^ set(change.after)}
    kept = tuple(edit for edit in edits if edit.item not in touched)
    return kept + tuple(edit for edit in change.before if edit.item in touched)


def _edits(
    items: Sequence[str], classes: Sequence[str], wish: EditAsked
) -> tuple[list[DataEdit], str]:
    """Edits of items, and what is done in words that the items' name follows."""
    if wish.do == "exclude":
        return [Exclude(item=item) for item in items], "excluding"
    if wish.do == "move":
        part = {"train": "training", "val": "validation"}[wish.part]
        return [MoveTo(item=item, part=wish.part) for item in items], f"moving to {part}:"
    if wish.do == "suggested":
        raise ConfigError("nothing is suggested here; look for label errors in an evaluation")
    if wish.label not in classes:
        raise ConfigError(f"there is no class {wish.label!r}; a new one needs a folder of its own")
    return [Relabel(item=item, label=wish.label) for item in items], f"taking for {wish.label}:"


def _which(items: Sequence[str]) -> str:
    return shown(items[0]) if len(items) == 1 else f"{len(items):,} images"


def shown(item: str) -> str:
    """The last part of an item's name: a line has no room for its folders."""
    return item.replace("\\", "/").rpartition("/")[2]

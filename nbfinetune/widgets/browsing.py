"""Where a person is among images: what is on show, in which order, and what is selected."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from typing import Any

import msgspec
import numpy as np

from nbfinetune.data.images import ImageSet
from nbfinetune.data.randomness import Ids
from nbfinetune.errors import ConfigError
from nbfinetune.records import DataEdit
from nbfinetune.widgets.gallery import Album, Query, class_counts, find, overlay, rows, spans
from nbfinetune.widgets.gallery_requests import Select, asked

NONE = np.zeros(0, dtype=np.int64)


class Browsing(ABC):
    """Images as they are looked through; what can be asked is the subclass's.

    Attributes
    ----------
    images : ImageSet or None
        None until the first are listed.
    complete : bool
        Whether all are listed.
    album : Album or None
        The images as edited.
    order : int64 array
        Ids on show.
    version : int
        Grows with everything that changes rows, so that the page knows old from new.
    selected : int64 array
        Ids, ascending.
    """

    def __init__(self) -> None:
        self.images: ImageSet | None = None
        self.complete = False
        self.album: Album | None = None
        self.order = self.selected = NONE
        self.version = 0

    @property
    @abstractmethod
    def question(self) -> msgspec.Struct:
        """What a person asked to see."""

    @abstractmethod
    def _found(self, album: Album) -> Ids:
        """Ids that answer the question, in its order."""

    def take(self, images: ImageSet, edits: Sequence[DataEdit], *, complete: bool) -> None:
        """Show these images from now on."""
        self.images, self.complete = images, complete
        self.selected = self.selected[self.selected < len(images)]
        self.edit(edits)

    def edit(self, edits: Sequence[DataEdit]) -> None:
        """Show the images as these edits leave them."""
        if self.images is None:
            return
        self.album = overlay(self.images.index, edits)
        self.find()

    def find(self) -> None:
        """Answer the question anew."""
        if self.album is not None:
            self.order = self._found(self.album)
        self.version += 1

    def select(self, wish: Select) -> None:
        """Select images by their places on show."""
        if wish.mode == "none":
            self.selected = NONE
        elif wish.mode == "all":
            self.selected = np.sort(self.order)
        else:
            first, last = sorted((wish.first, wish.last))
            meant = self.order[first : last + 1]
            if wish.mode == "only":
                self.selected = np.sort(meant)
            elif wish.mode == "add":
                self.selected = np.union1d(self.selected, meant)
            else:
                self.selected = np.setxor1d(self.selected, meant)

    def image_at(self, place: int) -> int:
        """Id of the image at a place on show.

        Raises
        ------
        ConfigError
            If there is no such place.
        """
        if place >= len(self.order):
            raise ConfigError(f"there is no image {place + 1}: {len(self.order)} are on show")
        return int(self.order[place])

    def rows(self, first: int, last: int) -> list[list[Any]]:
        """Rows of the images at places `first` to `last` (not included)."""
        return [] if self.album is None else rows(self.album, self.order[first:last].tolist())

    def on_show(self) -> dict[str, Any]:
        """The question and how much answers it, for the page."""
        query = msgspec.structs.asdict(self.question)
        return {"query": query, "version": self.version, "shown": len(self.order)}

    def selection(self) -> dict[str, Any]:
        """How many are selected, and their places on show, for the page."""
        places = np.flatnonzero(np.isin(self.order, self.selected))
        return {"count": len(self.selected), "spans": spans(places.tolist())}

    def classes(self) -> list[list[Any]]:
        """Counts by class, for the page; without figures while not all images are listed."""
        if self.album is None:
            return []
        if self.complete:
            return class_counts(self.album)
        return [[name, 0, 0, 0] for name in self.album.index.classes]


class DataBrowsing(Browsing):
    """The images of a preview as they are looked through.

    Attributes
    ----------
    query : Query
    """

    def __init__(self) -> None:
        super().__init__()
        self.query = Query()
        self._among: Collection[int] | None = None

    @property
    def question(self) -> Query:
        """What a person asked to see."""
        return self.query

    def ask(self, changes: Any, among: Collection[int] | None = None) -> None:
        """Show what a person asked for.

        Parameters
        ----------
        changes : mapping
            Fields of `Query`.
        among : collection of int, optional
            Ids of the finding that is named.

        Raises
        ------
        ConfigError
            If it makes no sense, or there is no such class.
        """
        if not isinstance(changes, dict):
            raise ConfigError(f"{changes!r} is no question; nothing was changed")
        before = self.query, self._among
        query = asked(Query, {**msgspec.structs.asdict(self.query), **changes})
        self.query, self._among = query, among if query.finding else None
        try:
            self.find()
        except ConfigError:
            self.query, self._among = before
            raise

    def _found(self, album: Album) -> Ids:
        return find(album, self.query, self._among)

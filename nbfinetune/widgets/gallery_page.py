"""What every page of pictures does: rows and pictures as they are needed, selection, edits."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import traitlets as t

from nbfinetune.data.images import ImageSet
from nbfinetune.errors import ConfigError, NbFinetuneError
from nbfinetune.records import encode
from nbfinetune.widgets import gallery_requests as page
from nbfinetune.widgets.browsing import Browsing
from nbfinetune.widgets.edit_book import EditBook
from nbfinetune.widgets.panel import PagePanel, bundle
from nbfinetune.widgets.renewal import Renewal
from nbfinetune.widgets.thumbnails import Desk, Key, Picture, described, thumbnail, whole

Acts: TypeAlias = Mapping[str, Callable[[Any], None]]


class GalleryPage(PagePanel):
    """A page that shows pictures of labelled images, which can be selected and edited.

    Parameters
    ----------
    browsing : Browsing
        The images.
    book : EditBook
        Their edits; what other views change is shown here, too.
    acts : mapping of str to callable (value)
        What this page can be asked besides.
    """

    about = t.Dict().tag(sync=True)
    on_show = t.Dict().tag(sync=True)
    selected = t.Dict().tag(sync=True)
    last_edit = t.Dict().tag(sync=True)
    edits_json = t.Unicode("[]").tag(sync=True)

    def __init__(self, browsing: Browsing, book: EditBook, acts: Acts) -> None:
        self._gallery, self._book, self._edits_shown = browsing, book, book.edits
        self._desk = Desk(self._make, self._deliver)
        self._acts: dict[str, Callable[[Any], None]] = {
            "look": self._look,
            "select": self._select,
            "edit": self._edit_asked,
            "undo": lambda _: self._undo(),
            "open": self._open,
            "plotly": lambda _: self._send_plotly(),
            **acts,
        }
        super().__init__(self._do_asked, **self._drawn())
        # Whoever edits holds the guard of another view: to wait for it here could be for ever.
        self._elsewhere = Renewal(self._edited_elsewhere, "nbft-edits")
        book.subscribe(self._elsewhere.ask)

    def close(self) -> None:
        """Let go of the page, and stop what is done for it."""
        # One whose constructor raised is closed too, when it is collected.
        if "_elsewhere" in vars(self):
            self._let_go()
        super().close()

    def _let_go(self) -> None:
        """Stop what is done for the page."""
        self._book.unsubscribe(self._elsewhere.ask)
        self._desk.close()

    # What the page asks.

    def _do_asked(self, name: str, value: Any) -> str:
        if name not in self._acts:
            return f"the page asked for {name!r}, which there is not; nothing was changed"
        self._acts[name](value)
        return ""

    def _look(self, value: Any) -> None:
        look = page.asked(page.LookAt, value)
        last = min(look.last, look.first + page.MOST_ROWS)
        rows = self._gallery.rows(look.first, last)
        version = self._gallery.version
        self.send({"kind": "rows", "version": version, "first": look.first, "rows": rows})
        self._desk.want(look.view, self._wanted([row[0] for row in rows], look))

    def _wanted(self, images: list[int], _: page.LookAt) -> Sequence[Key]:
        """Keys of the pictures that show these images."""
        return images

    def _select(self, value: Any) -> None:
        self._gallery.select(page.asked(page.Select, value))
        self.selected = self._gallery.selection()

    def _edit_asked(self, value: Any) -> None:
        wish = page.asked(page.EditAsked, value)
        if wish.image is not None:
            self._edit([wish.image], wish)
            return
        self._edit(self._gallery.selected.tolist(), wish)
        self._select({"mode": "none"})

    def _open(self, value: Any) -> None:
        wish = page.asked(page.OpenImage, value)
        image = self._gallery.image_at(wish.place)
        row = self._gallery.rows(wish.place, wish.place + 1)[0]
        self.send({"kind": "opened", "place": wish.place, "row": row, **self._described(image)})
        self._desk.want("opened", [page.Whole(image)])

    def _described(self, image: int) -> dict[str, Any]:
        """What is said of an image that is opened."""
        self._complete()
        return described(self._pictured(), image)

    def _send_plotly(self) -> None:
        # The charts' bundle carries the one Plotly build; shipping a second would double it.
        script = bundle("live_charts.js").read_bytes()
        self.send({"kind": "plotly"}, [script])

    # What is done.

    def _edit(self, images: list[int], wish: page.EditAsked) -> None:
        index = self._complete().index
        if not images:
            raise ConfigError("no image is selected: click one, or press Ctrl+A for all on show")
        if max(images) >= len(index):
            raise ConfigError(f"there is no image {max(images)}; nothing was changed")
        self._write_edit(images, wish)
        self._edited()

    def _write_edit(self, images: list[int], wish: page.EditAsked) -> None:
        self._book.change(self._complete().index, images, wish)

    def _undo(self) -> None:
        if not self._book.undo():
            raise ConfigError("there is nothing to take back")
        self._edited()

    def _edited(self) -> None:
        self._edits_shown = self._book.edits
        self._gallery.edit(self._book.edits)
        self._settle()
        self._redraw()

    def _edited_elsewhere(self) -> None:
        with self._guard:
            if self._edits_shown is not self._book.edits and self.comm is not None:
                self._edited()

    def _settle(self) -> None:
        """Bring what follows from the edits up to date, before it is drawn."""

    @abstractmethod
    def _complete(self) -> ImageSet:
        """All images; raises what there is to say where they are not there yet."""

    # What is drawn.

    def _pictured(self) -> ImageSet:
        """Images that can be decoded."""
        images = self._gallery.images
        assert images is not None  # noqa: S101 - nobody can ask for an image before
        return images

    def _make(self, key: Key) -> Picture:
        try:
            images = self._pictured()
        except NbFinetuneError as error:
            return Picture(b"", str(error))
        if isinstance(key, page.Whole):
            return whole(images, key.image)
        assert isinstance(key, int)  # noqa: S101 - no other key is asked for
        return thumbnail(images, key)

    def _deliver(self, batch: list[tuple[Key, Picture]]) -> None:
        self.send(*page.pictures(batch, self._key_written))

    def _key_written(self, key: Any) -> str:
        return page.photo_key(key)

    def _drawn(self) -> dict[str, Any]:
        browsing, book = self._gallery, self._book
        return {
            "on_show": browsing.on_show(),
            "selected": browsing.selection(),
            "last_edit": {"count": len(book.edits), "undo": book.last},
            "edits_json": encode(book.edits).decode(),
        }

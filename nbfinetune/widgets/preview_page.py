"""What the page of a preview sees and asks; what Python code calls is in `dataset_preview`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import traitlets as t

from nbfinetune.data.images import ImageSet
from nbfinetune.data.sources import Accepted
from nbfinetune.errors import ConfigError, DataError
from nbfinetune.records import DataConfig, FineTuneConfig, encode
from nbfinetune.widgets import preview_requests as page
from nbfinetune.widgets.browsing import Browsing
from nbfinetune.widgets.checkup import Checkup, members, suggestion
from nbfinetune.widgets.edit_book import FILE_NAME, EditBook
from nbfinetune.widgets.listing_ahead import Listed, Lister
from nbfinetune.widgets.model_view import Lens, Look, picture
from nbfinetune.widgets.panel import PagePanel, bundle
from nbfinetune.widgets.thumbnails import Desk, Key, Picture, described, thumbnail, whole

CHECKED_AT_ONCE = 5_000
"""Up to so many images are looked at without being asked to."""


class PreviewPage(PagePanel):
    """The page's side of `DatasetPreview`: traits that it draws, and answers to what it asks.

    Parameters
    ----------
    accepted : Accepted
        The data.
    config : FineTuneConfig
        Whose source is that data.
    folder : Path
        Where edits and the result of the scan are kept.
    """

    bundle_name = "dataset_preview"

    about = t.Dict().tag(sync=True)
    on_show = t.Dict().tag(sync=True)
    selected = t.Dict().tag(sync=True)
    found: t.List[dict[str, Any]] = t.List().tag(sync=True)
    scan = t.Dict().tag(sync=True)
    lens = t.Dict().tag(sync=True)
    last_edit = t.Dict().tag(sync=True)
    edits_json = t.Unicode("[]").tag(sync=True)

    def __init__(self, accepted: Accepted, config: FineTuneConfig, folder: Path) -> None:
        self._accepted, self._config = accepted, config
        self._book = EditBook(folder / FILE_NAME)
        self._browsing = Browsing()
        self._checkup = Checkup(folder, self._scan_news)
        self._lens, self._as_model, self._trouble = Lens.of(config), False, ""
        self._desk = Desk(self._make, self._deliver)
        self._lister = Lister(accepted, folder, self._listed, self._check_by_itself)
        self._acts: dict[str, Callable[[Any], None]] = {
            "look": self._look,
            "ask": self._ask,
            "select": self._select,
            "edit": self._edit_asked,
            "undo": lambda _: self._undo(),
            "open": self._open,
            "finding": self._finding_asked,
            "scan": lambda _: self._check(),
            "stop scan": lambda _: self._checkup.cancel(),
            "as model": self._show_as_model,
            "augment": self._augment,
            "samples": lambda _: self._send_samples(),
            "plotly": lambda _: self._send_plotly(),
        }
        super().__init__(self._do_asked, **self._drawn())
        self._list(peek=True)

    def close(self) -> None:
        """Let go of the page, and stop what is done for it."""
        self._lister.close()
        self._desk.close()
        self._checkup.cancel()
        super().close()

    # What the page asks.

    def _do_asked(self, name: str, value: Any) -> str:
        if name not in self._acts:
            return f"the page asked for {name!r}, which there is not; nothing was changed"
        self._acts[name](value)
        return ""

    def _look(self, value: Any) -> None:
        look = page.asked(page.LookAt, value)
        last = min(look.last, look.first + page.MOST_ROWS)
        rows = self._browsing.rows(look.first, last)
        version = self._browsing.version
        self.send({"kind": "rows", "version": version, "first": look.first, "rows": rows})
        images = [row[0] for row in rows]
        if look.epochs:
            self._desk.want(
                look.view, [self._seen(i, e) for i in images for e in range(look.epochs)]
            )
        else:
            self._desk.want(look.view, images)

    def _seen(self, image: int, epoch: int) -> Look:
        return Look(image, epoch, self._config.augment, self._lens, self._config.seed)

    def _ask(self, value: Any) -> None:
        named = value.get("finding") if isinstance(value, dict) else None
        finding = self._checkup.found.get(named) if isinstance(named, str) else None
        if named and finding is None:
            raise ConfigError("that finding is not there any more")
        if finding is not None:
            self._browsing.ask(value, members(finding))
        else:
            self._browsing.ask(value, self._among())
        self._redraw()

    def _among(self) -> tuple[int, ...] | None:
        finding = self._checkup.found.get(self._browsing.query.finding)
        return None if finding is None else members(finding)

    def _select(self, value: Any) -> None:
        self._browsing.select(page.asked(page.Select, value))
        self.selected = self._browsing.selection()

    def _edit_asked(self, value: Any) -> None:
        wish = page.asked(page.EditAsked, value)
        if wish.image is not None:
            self._edit([wish.image], wish)
            return
        self._edit(self._browsing.selected.tolist(), wish)
        self._select({"mode": "none"})

    def _open(self, value: Any) -> None:
        wish = page.asked(page.OpenImage, value)
        image = self._browsing.image_at(wish.place)
        facts = described(self._complete(), image)
        row = self._browsing.rows(wish.place, wish.place + 1)[0]
        self.send({"kind": "opened", "place": wish.place, "row": row, **facts})
        self._desk.want("opened", [page.Whole(image)])

    def _finding_asked(self, value: Any) -> None:
        wish = page.asked(page.FindingAsked, value)
        finding = self._checkup.found.get(wish.key)
        if finding is None:
            raise ConfigError("that finding is not there any more")
        if wish.do == "apply":
            self._edit(list(finding.items), suggestion(finding))
        else:
            self._checkup.keep(finding, self._complete().index, keep=wish.do == "keep")
            self._redraw()

    def _show_as_model(self, value: Any) -> None:
        if not isinstance(value, bool):
            raise ConfigError(f"{value!r} is neither on nor off; nothing was changed")
        self._as_model = value
        self._redraw()

    def _augment(self, value: Any) -> None:
        wish = page.asked(page.AugmentAsked, value)
        changes = {k: v for k, v in msgspec.structs.asdict(wish).items() if v is not None}
        self._config = msgspec.structs.replace(
            self._config, augment=msgspec.structs.replace(self._config.augment, **changes)
        )
        self._redraw()

    def _send_samples(self) -> None:
        images = [image for card in self.found for image, _ in card["samples"]]
        self._desk.want("samples", images)

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
        self._book.change(index, images, wish)
        self._edited()

    def _undo(self) -> None:
        if not self._book.undo():
            raise ConfigError("there is nothing to take back")
        self._edited()

    def _edited(self) -> None:
        self._browsing.edit(self._book.edits)
        self._settle()
        self._redraw()

    def _settle(self) -> None:
        if self._browsing.album is not None and self._browsing.complete:
            self._checkup.settle(self._browsing.album)
        shown = self._browsing.query.finding
        if shown and shown not in self._checkup.found:
            self._browsing.ask({"finding": ""})

    def _check(self) -> None:
        with self._guard:
            self._complete()
            self._checkup.start(self._plain(), self._config.seed)
            self._redraw()

    def _plain(self) -> DataConfig:
        """What is listed and looked at: the data without edits, which are laid over it."""
        return msgspec.structs.replace(self._config.data, edits=())

    def _list(self, *, peek: bool) -> None:
        self._lister.start(self._plain(), self._config.seed, peek=peek)

    def _complete(self) -> ImageSet:
        images = self._browsing.images
        if self._trouble:
            raise DataError(self._trouble)
        if images is None or not self._browsing.complete:
            raise ConfigError("the images are still being listed; try again in a moment")
        return images

    # What is new.

    def _listed(self, news: Listed | str) -> None:
        with self._guard:
            if isinstance(news, str):
                self._trouble = news
            else:
                self._trouble = ""
                self._browsing.take(news.images, self._book.edits, complete=news.complete)
                if news.complete:
                    self._checkup.recall()
                self._settle()
            self._redraw()

    def _check_by_itself(self) -> None:
        """Check few images at once, and look for what has changed where all were checked before."""
        if self._checkup.knows_all or len(self._complete()) <= CHECKED_AT_ONCE:
            self._check()

    def _scan_news(self) -> None:
        with self._guard:
            if not self._checkup.running:
                self._settle()
            self._redraw()

    def _make(self, key: Key) -> Picture:
        images = self._browsing.images
        assert images is not None  # noqa: S101 - nobody can ask for an image before
        if isinstance(key, Look):
            return picture(images, key)
        if isinstance(key, page.Whole):
            return whole(images, key.image)
        assert isinstance(key, int)  # noqa: S101 - see `Wanted`
        return thumbnail(images, key)

    def _deliver(self, batch: list[tuple[Key, Picture]]) -> None:
        self.send(*page.pictures(batch))
        self._lister.first_shown.set()

    # What is drawn.

    def _redraw(self) -> None:
        with self._guard, self.hold_sync():
            for name, value in self._drawn().items():
                setattr(self, name, value)

    def _drawn(self) -> dict[str, Any]:
        browsing, book, look = self._browsing, self._book, self._seen(0, 0)
        return {
            "about": {
                "title": self._accepted.hint,
                "total": 0 if browsing.images is None else len(browsing.images),
                "complete": browsing.complete,
                "trouble": self._trouble,
                "classes": browsing.classes(),
            },
            "on_show": browsing.on_show(),
            "selected": browsing.selection(),
            "found": self._checkup.cards(
                None if browsing.images is None else browsing.images.index
            ),
            "scan": self._checkup.progress(),
            "lens": {
                "on": self._as_model,
                "preset": look.augment.preset,
                "flip": look.augment.flip,
                "mixes": bool(look.augment.mixup or look.augment.cutmix),
                "words": look.lens.sentence(),
                "stamp": page.stamp(look),
            },
            "last_edit": {"count": len(book.edits), "undo": book.last},
            "edits_json": encode(book.edits).decode(),
        }

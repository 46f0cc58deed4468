"""What the page of a preview sees and asks; what Python code calls is in `dataset_preview`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import traitlets as t

from nbfinetune.data.images import ImageSet
from nbfinetune.data.sources import Accepted
from nbfinetune.errors import ConfigError, DataError
from nbfinetune.records import DataConfig, FineTuneConfig
from nbfinetune.widgets import preview_requests as page
from nbfinetune.widgets.browsing import DataBrowsing
from nbfinetune.widgets.checkup import Checkup, members, suggestion
from nbfinetune.widgets.edit_book import FILE_NAME, book_of
from nbfinetune.widgets.gallery_page import GalleryPage
from nbfinetune.widgets.gallery_requests import LookAt, asked
from nbfinetune.widgets.listing_ahead import Listed, Lister
from nbfinetune.widgets.model_view import Lens, Look, picture
from nbfinetune.widgets.thumbnails import Key, Picture

CHECKED_AT_ONCE = 5_000
"""Up to so many images are looked at without being asked to."""


class PreviewPage(GalleryPage):
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

    found: t.List[dict[str, Any]] = t.List().tag(sync=True)
    scan = t.Dict().tag(sync=True)
    lens = t.Dict().tag(sync=True)

    def __init__(self, accepted: Accepted, config: FineTuneConfig, folder: Path) -> None:
        self._accepted, self._config = accepted, config
        self._browsing = DataBrowsing()
        self._checkup = Checkup(folder, self._scan_news)
        self._lens, self._as_model, self._trouble = Lens.of(config), False, ""
        self._lister = Lister(accepted, folder, self._listed, self._check_by_itself)
        acts = {
            "ask": self._ask,
            "finding": self._finding_asked,
            "scan": lambda _: self._check(),
            "stop scan": lambda _: self._checkup.cancel(),
            "as model": self._show_as_model,
            "augment": self._augment,
            "samples": lambda _: self._send_samples(),
        }
        super().__init__(self._browsing, book_of(folder / FILE_NAME), acts)
        self._list(peek=True)

    def _let_go(self) -> None:
        self._lister.close()
        self._checkup.cancel()
        super()._let_go()

    # What the page asks.

    def _wanted(self, images: list[int], look: LookAt) -> Sequence[Key]:
        if not look.epochs:
            return images
        return [self._seen(image, epoch) for image in images for epoch in range(look.epochs)]

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

    def _finding_asked(self, value: Any) -> None:
        wish = asked(page.FindingAsked, value)
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
        wish = asked(page.AugmentAsked, value)
        changes = {k: v for k, v in msgspec.structs.asdict(wish).items() if v is not None}
        self._config = msgspec.structs.replace(
            self._config, augment=msgspec.structs.replace(self._config.augment, **changes)
        )
        self._redraw()

    def _send_samples(self) -> None:
        images = [image for card in self.found for image, _ in card["samples"]]
        self._desk.want("samples", images)

    # What is done.

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
        return picture(self._pictured(), key) if isinstance(key, Look) else super()._make(key)

    def _key_written(self, key: Any) -> str:
        return page.wanted_key(key)

    def _deliver(self, batch: list[tuple[Key, Picture]]) -> None:
        super()._deliver(batch)
        self._lister.first_shown.set()

    # What is drawn.

    def _drawn(self) -> dict[str, Any]:
        browsing, look = self._browsing, self._seen(0, 0)
        return {
            **super()._drawn(),
            "about": {
                "title": self._accepted.hint,
                "total": 0 if browsing.images is None else len(browsing.images),
                "complete": browsing.complete,
                "trouble": self._trouble,
                "classes": browsing.classes(),
            },
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
        }

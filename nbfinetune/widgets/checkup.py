"""The scan of a data set as a preview shows it: how far it is, what it found, what was settled."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np

from nbfinetune.data.findings import Finding, findings
from nbfinetune.data.image_index import ImageIndex
from nbfinetune.data.scan import State
from nbfinetune.data.scan_facts import FILE_NAME as FACTS_FILE
from nbfinetune.data.scan_facts import ScanFacts, load_facts
from nbfinetune.records import DataConfig
from nbfinetune.runner.scanning import Scan
from nbfinetune.whole_files import write_whole
from nbfinetune.widgets.gallery import Album
from nbfinetune.widgets.gallery_requests import EditAsked

FILE_NAME = "taken_as_is.json"
SAMPLES = 5
MOST_SIZES = 400
BUTTONS = {"exclude": "Exclude", "move to train": "Move to train", "take as is": ""}
"""What the button of a suggested action says; every finding can also be taken as it is."""


class Checkup:
    """Looks at every image in the background, and keeps what came of it.

    Parameters
    ----------
    folder : Path
        Where the result is kept.
    tell : callable ()
        Called from a thread whenever something is new.

    Attributes
    ----------
    found : dict of str to Finding
        By kind; as the images are edited now.
    """

    def __init__(self, folder: Path, tell: Callable[[], None]) -> None:
        self._folder, self._tell = folder, tell
        self._scan: Scan | None = None
        self._facts: ScanFacts | None = None
        self._sizes: list[list[int]] = []
        self._kept = _kept(folder / FILE_NAME)
        self.found: dict[str, Finding] = {}

    @property
    def running(self) -> bool:
        """Whether images are being looked at."""
        return self._scan is not None and self._scan.running

    @property
    def knows_all(self) -> bool:
        """Whether every image has been looked at, now or earlier."""
        return self._facts is not None and self._facts.complete

    def recall(self) -> None:
        """Read what an earlier scan found out."""
        self._facts = load_facts(self._folder / FACTS_FILE)

    def start(self, config: DataConfig, seed: int) -> None:
        """Look at the images; those that are known and unchanged are not opened again."""
        if self.running:
            return
        self._scan = Scan(config, seed, self._folder)
        self._scan.on_change(self._tell)
        self._scan.start()

    def cancel(self) -> None:
        """Stop looking; what is known so far is kept."""
        if self._scan is not None:
            self._scan.cancel()

    def settle(self, album: Album) -> None:
        """Judge the images anew, as they are edited now."""
        if self._scan is not None and self._scan.facts is not None:
            self._facts = self._scan.facts
        found = [] if self._facts is None else findings(self._facts, album.index)
        self.found = {one.kind: one for one in found}
        self._sizes = [] if self._facts is None else _sizes(self._facts)

    def keep(self, finding: Finding, index: ImageIndex, *, keep: bool) -> None:
        """Take a finding as it is, or reopen it; it stays so until other images are found."""
        if keep:
            self._kept[finding.kind] = {index.item(image) for image in finding.items}
        else:
            self._kept.pop(finding.kind, None)
        self._folder.mkdir(parents=True, exist_ok=True)
        plain = {kind: sorted(items) for kind, items in self._kept.items()}
        write_whole(self._folder / FILE_NAME, json.dumps(plain).encode())

    def cards(self, index: ImageIndex | None) -> list[dict[str, Any]]:
        """The findings for the page: what is to be decided first, then what was taken as it is."""
        if index is None:
            return []
        cards = [self._card(one, index) for one in self.found.values()]
        return sorted(cards, key=lambda card: bool(card["kept"]))

    def progress(self) -> dict[str, Any]:
        """How far the scan is, for the page."""
        done, of = (0, 0) if self._scan is None else self._scan.progress
        trouble = "" if self._scan is None else self._scan.error
        shown = {"done": done, "of": of, "trouble": trouble, "sizes": self._sizes}
        return {"state": self._state(), **shown}

    def _state(self) -> str:
        if self.running:
            return "running"
        if self._scan is not None and self._scan.status == "cancelled":
            return "stopped"
        if self._facts is None:
            return "none"
        return "done" if self._facts.complete else "stopped"

    def _card(self, finding: Finding, index: ImageIndex) -> dict[str, Any]:
        kept = self._kept.get(finding.kind)
        says = dict(zip(finding.items, finding.details, strict=True))
        shown = members(finding)[:SAMPLES]
        return {
            "key": finding.kind,
            "title": finding.title,
            "detail": finding.advice,
            "samples": [[image, says.get(image, "")] for image in shown],
            "count": len(members(finding)),
            "action": BUTTONS[finding.action] if finding.items else "",
            "kept": kept is not None and kept >= {index.item(image) for image in finding.items},
        }


def members(finding: Finding) -> tuple[int, ...]:
    """Ids that a finding is about, those that belong together side by side."""
    together = tuple(image for group in finding.groups for image in group)
    return tuple(dict.fromkeys(together)) or finding.items


def suggestion(finding: Finding) -> EditAsked:
    """The edit that a finding suggests for its items."""
    do: Literal["exclude", "move"] = "move" if finding.action == "move to train" else "exclude"
    return EditAsked(do=do, part="train")


def _kept(path: Path) -> dict[str, set[str]]:
    """What was taken as it is; nothing where the file is absent or damaged: it is asked again."""
    try:
        record = json.loads(path.read_bytes())
        return {str(kind): set(map(str, items)) for kind, items in record.items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


def _sizes(facts: ScanFacts) -> list[list[int]]:
    """Width, height and number of images, the commonest sizes; rounded where there are many."""
    rows = facts.rows[facts.rows["state"] == State.FINE]
    width, height = rows["width"].astype(np.int64), rows["height"].astype(np.int64)
    step = 1
    while True:
        # Both in one number: numpy sorts numbers much faster than pairs.
        pairs, counts = np.unique((width // step << 32) + height // step, return_counts=True)
        if len(pairs) <= MOST_SIZES:
            break
        step *= 2
    columns = [(pairs >> 32) * step, (pairs & 0xFFFFFFFF) * step, counts]
    table: list[list[int]] = np.column_stack(columns).tolist()
    return table

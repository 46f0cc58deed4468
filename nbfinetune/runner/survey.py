"""Every image of a listing looked at once, in threads; what is unchanged is not opened again."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nbfinetune.data.listing import ArrayData, FileList
from nbfinetune.data.scan import State, look_at, same_pixels
from nbfinetune.data.scan_facts import ScanFacts, as_row, blank_facts

Listing: TypeAlias = "FileList | ArrayData"


class Survey:
    """A look at all images of a listing.

    Parameters
    ----------
    listing : FileList or ArrayData
    earlier : ScanFacts, optional
        What an earlier look found.

    Attributes
    ----------
    facts : ScanFacts
        Filled as the survey goes on.
    done : int
        Images that are through.
    opened : int
        Those of them of which nothing was known, or that have changed.
    """

    def __init__(self, listing: Listing, earlier: ScanFacts | None) -> None:
        items = listing.items if isinstance(listing, FileList) else ()
        count = len(listing.labels)
        known = (earlier or blank_facts(items, count)).aligned(items, count)
        self._was_complete = known is earlier and earlier.complete
        # What this look does not come to stays known, in case it is broken off.
        self.facts = replace(
            known, rows=known.rows.copy(), reasons=dict(known.reasons), complete=False
        )
        self.done = self.opened = 0
        self._listing = listing
        self._waiting = iter(range(count))
        self._guard, self._over = threading.Lock(), threading.Event()
        self._at_work = 0
        self._trouble: Exception | None = None

    def run(self, threads: int, tick: Callable[[], bool], every_s: float) -> bool:
        """Look at all images; whether it came to the end.

        Parameters
        ----------
        threads : int
        tick : callable () -> bool
            Called now and then; False ends the survey in the middle, without waiting for images
            that are being looked at.
        every_s : float
            Seconds between two calls.
        """
        self._at_work = threads
        for _ in range(threads):
            threading.Thread(target=self._work, name="nbft-scan", daemon=True).start()
        while not self._over.wait(every_s):
            if not tick():
                return False
        if self._trouble is not None:
            raise self._trouble
        return True

    @property
    def nothing_new(self) -> bool:
        """Whether an earlier survey saw the very same images to the end."""
        return self._was_complete and self.opened == 0

    def _work(self) -> None:
        try:
            while (image := self._take()) is not None:
                fresh = self._look(image)
                with self._guard:
                    self.done += 1
                    self.opened += fresh
        except Exception as error:  # noqa: BLE001 - `run` raises it where somebody hears it
            self._trouble = error
        finally:
            with self._guard:
                self._at_work -= 1
                if not self._at_work or self._trouble:
                    self._over.set()

    def _take(self) -> int | None:
        with self._guard:
            return next(self._waiting, None)

    def _look(self, image: int) -> bool:
        """Whether the image had to be opened, or what is known of it still holds."""
        facts, subject = self.facts, self._subject(image)
        if _unchanged(facts.rows[image], subject):
            return False
        found = look_at(subject)
        facts.reasons.pop(image, None)
        if found.reason:
            facts.reasons[image] = found.reason
        facts.rows[image] = as_row(found)
        return True

    def _subject(self, image: int) -> str | NDArray[np.uint8]:
        listing = self._listing
        if isinstance(listing, FileList):
            return os.path.join(listing.root, listing.items[image])  # noqa: PTH118 - 100,000 times
        return np.asarray(listing.images[image])


def _unchanged(known: Any, subject: str | NDArray[np.uint8]) -> bool:
    if known["state"] == State.UNSEEN:
        return False
    if isinstance(subject, np.ndarray):
        return same_pixels(known, subject)
    try:
        file = os.stat(subject)  # noqa: PTH116 - 100,000 times
    except OSError:
        return False
    return bool((known["size"], known["mtime_ns"]) == (file.st_size, file.st_mtime_ns))

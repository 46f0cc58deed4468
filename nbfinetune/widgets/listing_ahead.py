"""Lists a data set on a thread of its own: the first images at once, all of them a little later."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np

from nbfinetune.data.accepted import Accepted
from nbfinetune.data.folders import find_classes, find_layout, list_images
from nbfinetune.data.image_index import ImageIndex
from nbfinetune.data.images import ImageSet, open_images
from nbfinetune.data.index import preview_index
from nbfinetune.data.source_reading import needs_torchvision
from nbfinetune.data.splits import TRAIN
from nbfinetune.errors import DataError, NbFinetuneError
from nbfinetune.records import Arrays, DataConfig, Files, Folder, Named, Source

PLACED = "placed"
"""Name of the file that says that the data were written to the end."""

HEAD_START_S = 0.6
"""How long the whole list waits for the first pictures at most."""

NOBODY_LOOKS_S = 3.0
"""After so long without a page that shows pictures, none is waited for."""


@dataclass(frozen=True, eq=False)
class Listed:
    """Images of a data set.

    Parameters
    ----------
    images : ImageSet
    complete : bool
        False for the first images of a folder, whose split is not known yet.
    """

    images: ImageSet
    complete: bool


Tell: TypeAlias = Callable[["Listed | str"], None]


class Lister:
    """Finds out what a data set holds.

    Parameters
    ----------
    accepted : Accepted
        The data; what of them lies in the notebook is written into `folder` once.
    folder : Path
    tell : callable (Listed or str)
        Called from a thread: with the first images of a folder, then with all, or with a sentence
        that says why there are none.
    afterwards : callable ()
        Called from the thread once all is listed and the first pictures are on the page, or
        nobody looks.
    """

    def __init__(
        self, accepted: Accepted, folder: Path, tell: Tell, afterwards: Callable[[], None]
    ) -> None:
        self._accepted, self._folder = accepted, folder
        self._tell, self._afterwards = tell, afterwards
        self._round = 0
        self._lock = threading.Lock()
        self.first_shown = threading.Event()
        self.done = threading.Event()

    def start(self, config: DataConfig, seed: int, *, peek: bool) -> None:
        """List anew; what an earlier call has not told yet is dropped.

        Parameters
        ----------
        peek : bool
            Tell of the first images before the others.
        """
        with self._lock:
            self._round += 1
            number = self._round
        self.done.clear()
        work = (number, config, seed, peek)
        threading.Thread(target=self._list, args=work, name="nbft-listing", daemon=True).start()

    def _list(self, number: int, config: DataConfig, seed: int, peek: bool) -> None:  # noqa: FBT001
        folder = self._folder
        try:
            _require_torch_free(config.source)
            place_once(self._accepted, folder)
            if peek and isinstance(config.source, Folder):
                self._report(number, Listed(ImageSet(first_images(config.source)), complete=False))
                # Two at once would share one interpreter: the first pictures go first.
                self.first_shown.wait(HEAD_START_S)
            index = preview_index(config, seed, folder)
            images = open_images(config.source, index, folder)
            if self._report(number, Listed(images, complete=True)):
                self.first_shown.wait(NOBODY_LOOKS_S)
                if self._is_newest(number):
                    self._afterwards()
        except NbFinetuneError as error:
            self._report(number, str(error))
        except Exception as error:  # noqa: BLE001 - whatever it was, a person waits for the images
            self._report(number, f"the images could not be listed: {type(error).__name__}: {error}")

    def close(self) -> None:
        """Tell no more."""
        with self._lock:
            self._round += 1
        self.first_shown.set()

    def _is_newest(self, number: int) -> bool:
        with self._lock:
            return number == self._round

    def _report(self, number: int, news: Listed | str) -> bool:
        """Tell, unless something else has been asked for meanwhile; gives whether it was told."""
        if not self._is_newest(number):
            return False
        self._tell(news)
        if isinstance(news, str) or news.complete:
            self.done.set()
        return True


def place_once(accepted: Accepted, folder: Path) -> None:
    """Write what of the data lies in the notebook into a folder, unless it is there already."""
    marker = folder / PLACED
    if isinstance(accepted.source, (Arrays, Files)) and not marker.exists():
        folder.mkdir(parents=True, exist_ok=True)
        accepted.place(folder)
        marker.touch()


def _require_torch_free(source: Source) -> None:
    if isinstance(source, Named) and needs_torchvision(source):
        raise DataError(
            f"{source.name} is read by torchvision in the process that trains, so its images are "
            "not shown here; a run trains on it all the same"
        )


def first_images(source: Folder) -> ImageIndex:
    """The images of a folder's first class, with the ids that they have in the whole list."""
    layout = find_layout(Path(source.path))
    classes = find_classes(layout)
    root = layout.train
    if layout.val is not None:
        root = Path(os.path.commonpath([layout.train, layout.val]))
    start = os.path.relpath(layout.train / classes[0], root)
    items = tuple(f"{start}{os.sep}{name}" for name in list_images(layout.train / classes[0]))
    labels = np.zeros(len(items), dtype=np.int64)
    return ImageIndex(classes, labels, np.full(len(items), TRAIN, np.uint8), items, str(root))

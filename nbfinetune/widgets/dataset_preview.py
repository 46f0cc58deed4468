"""`DatasetPreview`: the images of a data set, looked through, checked and edited."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from nbfinetune.data.augment import Interpolation
from nbfinetune.data.sources import Accepted, accept
from nbfinetune.errors import DataError
from nbfinetune.evaluation.report_html import table
from nbfinetune.records import DataConfig, FineTuneConfig
from nbfinetune.runner.run_data import data_place
from nbfinetune.widgets.gallery_calls import GalleryCalls
from nbfinetune.widgets.model_view import Lens
from nbfinetune.widgets.preview_page import PreviewPage
from nbfinetune.widgets.saved_face import SavedPanel, paragraph

MOST_CLASSES = 50
"""Classes that a saved notebook counts."""

PATIENCE_S = 600.0
"""How long a call waits for the images to be listed."""


class DatasetPreview(SavedPanel, GalleryCalls, PreviewPage):
    """The images of a data set: by class, searched, as the model sees them, checked and edited.

    No image is ever changed: edits are kept in a file of their own, which a run applies.

    Parameters
    ----------
    data
        As `fine_tune` takes it.
    labels, groups, root
        As `fine_tune` takes them.
    config : FineTuneConfig, optional
        Of the run that is planned: its split, seed, image size and augmentation are shown.
    folder : path, optional
        Where edits and the result of the scan are kept; default beside the runs.

    Raises
    ------
    ConfigError, DataError
        As `fine_tune` raises them.
    """

    def __init__(
        self,
        data: Any,
        *,
        labels: Any = None,
        groups: Any = None,
        root: str | os.PathLike[str] | None = None,
        config: FineTuneConfig | None = None,
        folder: str | os.PathLike[str] | None = None,
    ) -> None:
        if isinstance(data, Accepted):
            accepted = data
        else:
            accepted = accept(data, labels=labels, groups=groups, root=root)
        config = config or FineTuneConfig(data=DataConfig(source=accepted.source))
        place = Path(folder) if folder else data_place(accepted)
        super().__init__(accepted, _about(config, accepted), place)

    def configure(self, config: FineTuneConfig) -> None:
        """Show the data as another run would see them: split, seed, size and augmentation.

        Parameters
        ----------
        config : FineTuneConfig
            Its source does not count: other data need a preview of their own.
        """
        with self._guard:
            planned = (self._plain(), self._config.seed)
            self._config = _about(config, self._accepted)
            if self._lens.known:
                self._lens = replace(self._lens, channels=config.model.in_chans)
            else:
                self._lens = Lens.of(self._config)
            if (self._plain(), self._config.seed) != planned:
                self._list(peek=False)
            self._redraw()

    def show_as(self, size_px: int, interpolation: Interpolation, crop_pct: float) -> None:
        """Say how the model wants its images, once that is known.

        Parameters
        ----------
        size_px : int
            Side of the square.
        interpolation : str
        crop_pct : float in (0, 1]
            Part of the shorter side that validation keeps.
        """
        with self._guard:
            self._lens = Lens(
                size_px, interpolation, crop_pct, known=True, channels=self._lens.channels
            )
            self._redraw()

    def _await_images(self) -> None:
        self._lister.first_shown.set()
        if not self._lister.done.wait(PATIENCE_S):
            raise DataError(f"the images were not listed in {PATIENCE_S:.0f} s; is the disk there?")
        if self._trouble:
            raise DataError(self._trouble)

    def _saved_words(self) -> str:
        with self._guard:
            total, trouble = self.about["total"], self.about["trouble"]
            size = f"{total:,} images" if self._browsing.complete else "still being listed"
        return f"Images of {self._accepted.hint}: {trouble or size}."

    def _saved_html(self) -> str:
        with self._guard:
            counts = self.about["classes"] if self._browsing.complete else []
        said = paragraph(self._saved_words())
        if not counts:
            return said
        rows = [[name, *map("{:,}".format, parts)] for name, *parts in counts[:MOST_CLASSES]]
        rest = len(counts) - len(rows)
        more = paragraph(f"and {rest:,} more classes") if rest else ""
        return said + table(("class", "training", "validation", "left out"), rows) + more

    def __repr__(self) -> str:
        return f"DatasetPreview({self._accepted.hint!r}, edits={len(self.edits)})"


def _about(config: FineTuneConfig, accepted: Accepted) -> FineTuneConfig:
    data = msgspec.structs.replace(config.data, source=accepted.source)
    return msgspec.structs.replace(config, data=data)

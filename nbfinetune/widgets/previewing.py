"""The preview on the surface: of the data that are named, as the planned run would see them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbfinetune.data.sources import Accepted
from nbfinetune.errors import NbFinetuneError
from nbfinetune.records import DataEdit, FineTuneConfig

if TYPE_CHECKING:
    from nbfinetune.widgets.dataset_preview import DatasetPreview


class Previewing:
    """Keeps a `DatasetPreview` in step with the draft; called from one thread at a time.

    Parameters
    ----------
    place : callable (DatasetPreview)
        Puts a preview on the surface, in the place of the one before.
    edited : callable (tuple of DataEdit)
        Told what was changed about single images, whenever that changes.

    Attributes
    ----------
    trouble : str
        Why there is no preview.
    """

    def __init__(
        self,
        place: Callable[[DatasetPreview], None],
        edited: Callable[[tuple[DataEdit, ...]], None],
    ) -> None:
        self._place = place
        self._edited = edited
        self._accepted: Accepted | None = None
        self._preview: DatasetPreview | None = None
        self.trouble = ""

    @property
    def folder(self) -> Path | None:
        """Where arrays and lists of files of the data were placed; None before that."""
        return self._preview.edits_path.parent if self._preview else None

    def notes(self) -> dict[str, str]:
        """What to say beside the data: why they are not shown."""
        return {"data": f"not shown: {self.trouble}"} if self.trouble else {}

    def follow(self, accepted: Accepted, config: FineTuneConfig, facts: Mapping[str, Any]) -> None:
        """Show these data as a run of `config` would see them.

        Parameters
        ----------
        facts : mapping
            Of `nbfinetune.runner.standing_by.describe`, as far as they are known.
        """
        if self._preview is None or self._accepted is not accepted:
            self._open(accepted, config)
        else:
            self._preview.configure(config)
        if self._preview is not None and "image_size" in facts:
            self._preview.show_as(facts["image_size"], facts["interpolation"], facts["crop_pct"])

    def _open(self, accepted: Accepted, config: FineTuneConfig) -> None:
        from nbfinetune.widgets.dataset_preview import DatasetPreview

        first = self._accepted is None
        self._accepted, self._preview = accepted, None
        try:
            preview = DatasetPreview(accepted, config=config)
        except NbFinetuneError as error:
            self.trouble = str(error)
            return
        self.trouble = ""
        self._preview = preview
        self._place(preview)
        preview.observe(lambda _: self._edited(preview.edits), "edits_json")
        # Other data leave the edits of the data before behind.
        if preview.edits or not first:
            self._edited(preview.edits)

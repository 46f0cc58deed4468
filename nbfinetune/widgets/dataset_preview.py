"""`DatasetPreview`: the images of a data set, looked through, checked and edited."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import msgspec

from nbfinetune.data.augment import Interpolation
from nbfinetune.data.identity import data_key
from nbfinetune.data.sources import Accepted, accept
from nbfinetune.errors import ConfigError, DataError
from nbfinetune.records import DataConfig, DataEdit, FineTuneConfig
from nbfinetune.store.layout import data_folder, home
from nbfinetune.widgets.gallery import PART_NAMES
from nbfinetune.widgets.model_view import Lens
from nbfinetune.widgets.preview_page import PreviewPage
from nbfinetune.widgets.preview_requests import EditAsked

if TYPE_CHECKING:
    import pandas as pd

Items: TypeAlias = "str | Iterable[str] | pd.DataFrame"

PATIENCE_S = 600.0
"""How long a call waits for the images to be listed."""


class DatasetPreview(PreviewPage):
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

    Attributes
    ----------
    edits_json : str
        The edits as JSON, to be observed.

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
        place = Path(folder) if folder else data_folder(home(), accepted.hint, data_key(accepted))
        super().__init__(accepted, _about(config, accepted), place)

    @property
    def edits(self) -> tuple[DataEdit, ...]:
        """What was changed about single images; `fine_tune(..., edits=)` takes it."""
        return self._book.edits

    @property
    def edits_path(self) -> Path:
        """The file that holds the edits; made with the first one."""
        return self._book.path

    @property
    def selection(self) -> pd.DataFrame:
        """The selected images: ``item``, ``path``, ``label`` and ``split``, as edited."""
        import pandas as pd

        self._await_list()
        with self._guard:
            album = self._browsing.album
            images = self._browsing.selected.tolist() if album else []
            index = album.index if album else None
        columns = ("item", "path", "label", "split")
        table = [
            (
                index.item(image),
                index.path(image) if index.items else "",
                index.classes[index.labels[image]],
                PART_NAMES[index.split[image]],
            )
            for image in images
            if index is not None
        ]
        return pd.DataFrame(table, columns=columns)

    def exclude(self, items: Items | None = None) -> None:
        """Leave images out of the next runs.

        Parameters
        ----------
        items : str, iterable of str, or DataFrame with a column ``item``
            Names of images, as `selection` has them; default the selected ones.

        Raises
        ------
        ConfigError
            If there is no such image, or none is selected.
        """
        self._edit_items(items, EditAsked(do="exclude"))

    def relabel(self, items: Items | None, label: str) -> None:
        """Take images for ones of another class that the data have.

        Parameters
        ----------
        items
            As `exclude` takes them.
        label : str
            The class.
        """
        self._edit_items(items, EditAsked(do="relabel", label=label))

    def move(self, items: Items | None, part: Literal["train", "val"]) -> None:
        """Train or validate on images, wherever the split had put them.

        Parameters
        ----------
        items
            As `exclude` takes them.
        part : {"train", "val"}
        """
        if part not in ("train", "val"):
            raise ConfigError(f"part is {part!r}; 'train' or 'val' is needed")
        self._edit_items(items, EditAsked(do="move", part=part))

    def restore(self, items: Items | None = None) -> None:
        """Take back every edit of images."""
        self._edit_items(items, EditAsked(do="restore"))

    def undo(self) -> None:
        """Take back what was done last; in a new kernel, the newest edit.

        Raises
        ------
        ConfigError
            If there is nothing to take back.
        """
        with self._guard:
            self._undo()

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

    def _edit_items(self, items: Items | None, wish: EditAsked) -> None:
        self._await_list()
        with self._guard:
            selected = self._browsing.selected.tolist()
            self._edit(selected if items is None else self._ids(_names(items)), wish)

    def _ids(self, names: list[str]) -> list[int]:
        index = self._complete().index
        known = {index.item(image): image for image in range(len(index))}
        if unknown := [name for name in names if name not in known]:
            near = difflib.get_close_matches(str(unknown[0]), list(known)[:5000], n=3)
            raise ConfigError(
                f"there is no image {unknown[0]!r}; names are as preview.selection has them"
                + (f", closest: {', '.join(near)}" if near else "")
            )
        return [known[name] for name in names]

    def _await_list(self) -> None:
        self._lister.first_shown.set()
        if not self._lister.done.wait(PATIENCE_S):
            raise DataError(f"the images were not listed in {PATIENCE_S:.0f} s; is the disk there?")
        if self._trouble:
            raise DataError(self._trouble)

    def __repr__(self) -> str:
        return f"DatasetPreview({self._accepted.hint!r}, edits={len(self.edits)})"


def _about(config: FineTuneConfig, accepted: Accepted) -> FineTuneConfig:
    data = msgspec.structs.replace(config.data, source=accepted.source)
    return msgspec.structs.replace(config, data=data)


def _names(items: Items) -> list[str]:
    if isinstance(items, str):
        return [items]
    table: Any = items
    if hasattr(items, "columns"):
        return [str(item) for item in table["item"]]
    return [str(item) for item in items]

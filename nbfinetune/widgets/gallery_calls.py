"""What Python code may do with the images of a page: select, edit, take back."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from nbfinetune.data.image_index import ImageIndex
from nbfinetune.errors import ConfigError
from nbfinetune.records import DataEdit
from nbfinetune.widgets.gallery import PART_NAMES
from nbfinetune.widgets.gallery_page import GalleryPage
from nbfinetune.widgets.gallery_requests import EditAsked

if TYPE_CHECKING:
    import pandas as pd

Items: TypeAlias = "str | Iterable[str] | pd.DataFrame"


class GalleryCalls(GalleryPage):
    """The calls that all pages of pictures share.

    Attributes
    ----------
    edits_json : str
        The edits as JSON, to be observed.
    """

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

        self._await_images()
        with self._guard:
            album = self._gallery.album
            images = self._gallery.selected.tolist() if album else []
            index = album.index if album else None
            rows = [] if index is None else [self._selected_row(index, image) for image in images]
        return pd.DataFrame(rows, columns=self._selection_columns)

    _selection_columns: tuple[str, ...] = ("item", "path", "label", "split")

    def _selected_row(self, index: ImageIndex, image: int) -> tuple[Any, ...]:
        return (
            index.item(image),
            index.path(image) if index.items else "",
            index.classes[index.labels[image]],
            PART_NAMES[index.split[image]],
        )

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

    def _await_images(self) -> None:
        """Wait until all images are known; raises what there is to say where they will not be."""

    def _edit_items(self, items: Items | None, wish: EditAsked) -> None:
        self._await_images()
        with self._guard:
            selected = self._gallery.selected.tolist()
            self._edit(selected if items is None else self._ids(_names(items)), wish)

    def _ids(self, names: list[str]) -> list[int]:
        index = self._complete().index
        known = {index.item(image): image for image in range(len(index))}
        if unknown := [name for name in names if name not in known]:
            near = difflib.get_close_matches(str(unknown[0]), list(known)[:5000], n=3)
            raise ConfigError(
                f"there is no image {unknown[0]!r}; names are as `selection` has them"
                + (f", closest: {', '.join(near)}" if near else "")
            )
        return [known[name] for name in names]


def _names(items: Items) -> list[str]:
    if isinstance(items, str):
        return [items]
    table: Any = items
    if hasattr(items, "columns"):
        return [str(item) for item in table["item"]]
    return [str(item) for item in items]

"""What a user may pass as data, turned into a record within milliseconds or refused in words."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, get_args

from nbfinetune.data.folders import Layout, find_classes, find_layout
from nbfinetune.data.idx import find_idx
from nbfinetune.data.named import canonical_name, close_names
from nbfinetune.errors import ConfigError, DataError
from nbfinetune.records import Arrays, Folder, FolderPair, Idx, Named, Source

_ARRAYS = "data"


class Accepted(NamedTuple):
    """A source that passed the first look.

    Parameters
    ----------
    source : Source
        The record for the run's configuration; its paths are absolute.
    place : callable (run_folder) -> None
        Writes what must travel with the run (the arrays of a notebook) into its folder.
    hint : str
        Short name for people: "photos", "mnist", "arrays".
    """

    source: Source
    place: Callable[[Path], None]
    hint: str


def accept(data: Any, *, root: str | os.PathLike[str] | None = None) -> Accepted:
    """Take what a user calls data.

    Only directory entries are looked at: the images are read by the run.

    Parameters
    ----------
    data : path, str, pair or Source
        A folder with one folder per class (or with `train/` and `val/` of such); a folder with
        IDX files; a pair (train folder, validation folder); a pair (images, labels) of arrays;
        a name of `named_datasets()`; or a record of `nbfinetune.records`.
    root : path, optional
        Where a named data set lies or is downloaded to.

    Raises
    ------
    DataError
        If there is nothing to train on, and why.
    ConfigError
        If `data` is none of these.
    """
    if isinstance(data, get_args(Source)):
        return _accept_record(data)
    if isinstance(data, (str, os.PathLike)):
        return _accept_path(data, root)
    if isinstance(data, (tuple, list)) and len(data) == 2:
        first, second = data
        if isinstance(first, (str, os.PathLike)) and isinstance(second, (str, os.PathLike)):
            return _accept_pair(Path(first), Path(second))
        return _accept_arrays(first, second)
    raise ConfigError(
        f"data is a {type(data).__name__}: pass a folder, a (train, val) pair of folders, an "
        "(images, labels) pair of arrays, or the name of a data set"
    )


def _accept_path(data: str | os.PathLike[str], root: str | os.PathLike[str] | None) -> Accepted:
    folder = _absolute(Path(data))
    name = canonical_name(data) if isinstance(data, str) else None
    if name is not None and not folder.is_dir():
        return _accept_named(name, root)
    if isinstance(data, str) and not folder.exists() and not _written_as_path(data):
        raise DataError(
            f"{data!r} is neither a folder in {folder.parent} nor a data set by name; "
            f"closest: {close_names(data)}"
        )
    return _accept_folder(folder)


def _accept_folder(folder: Path) -> Accepted:
    layout = find_layout(folder)
    if layout.train == folder and _has_idx(folder):
        return Accepted(Idx(path=str(folder)), _nothing, folder.name)
    find_classes(layout)
    return Accepted(Folder(path=str(folder)), _nothing, folder.name)


def _accept_named(name: str, root: str | os.PathLike[str] | None) -> Accepted:
    place = None if root is None else str(_absolute(Path(root)))
    return Accepted(Named(name=name, root=place), _nothing, name)


def _accept_pair(train: Path, val: Path) -> Accepted:
    train, val = _absolute(train), _absolute(val)
    if train == val:
        raise DataError(
            f"{train} is given for training and for validation: pass the folder alone to have it "
            "split"
        )
    find_classes(Layout(train, val))
    return Accepted(FolderPair(train=str(train), val=str(val)), _nothing, train.name)


def _accept_arrays(images: Any, labels: Any) -> Accepted:
    from nbfinetune.data.arrays import check_arrays, save_arrays

    checked = check_arrays(images, labels)

    def place(run_folder: Path) -> None:
        save_arrays(checked, run_folder / _ARRAYS)

    return Accepted(Arrays(path=_ARRAYS, classes=checked.classes), place, "arrays")


def _accept_record(source: Source) -> Accepted:
    if isinstance(source, Folder):
        return _accept_folder(_absolute(Path(source.path)))
    if isinstance(source, FolderPair):
        return _accept_pair(Path(source.train), Path(source.val))
    if isinstance(source, Idx):
        return Accepted(Idx(path=str(_absolute(Path(source.path)))), _nothing, "idx")
    if isinstance(source, Named):
        name = canonical_name(source.name)
        if name is None:
            raise DataError(
                f"there is no data set {source.name!r}; closest: {close_names(source.name)}"
            )
        return _accept_named(name, source.root)
    if Path(source.path).is_absolute():
        from nbfinetune.data.arrays import load_saved

        load_saved(Path(source.path), source.classes)
    return Accepted(source, _nothing, "arrays")


def _has_idx(folder: Path) -> bool:
    return find_idx(folder) is not None


def _written_as_path(text: str) -> bool:
    return any(mark in text for mark in ("/", "\\", ".", "~"))


def _absolute(path: Path) -> Path:
    return path.expanduser().absolute()


def _nothing(run_folder: Path) -> None:
    """Nothing of this source has to travel with the run."""

"""What a user may pass as data, turned into a record within milliseconds or refused in words."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from nbfinetune.data.accepted import Accepted, accepted_files, nothing
from nbfinetune.data.folders import Layout, find_classes, find_layout, require_text
from nbfinetune.data.idx import find_idx
from nbfinetune.data.named import canonical_name, close_names
from nbfinetune.errors import ConfigError, DataError
from nbfinetune.records import Archive, Arrays, Files, Folder, FolderPair, Idx, Named, Source

if TYPE_CHECKING:
    from nbfinetune.data.labelling import Rule

__all__ = ["Accepted", "accept"]


def accept(
    data: Any,
    *,
    labels: Rule | None = None,
    groups: Rule | None = None,
    root: str | os.PathLike[str] | None = None,
) -> Accepted:
    """Take what a user calls data.

    Of a folder only directory entries are looked at: the images are read by the run.

    Parameters
    ----------
    data : path, str, pair, list, DataFrame, data set or Source
        A folder with one folder per class (or with `train/` and `val/` of such); a folder with
        IDX files; a `.zip` or `.tar` of such a folder; a pair (train folder, validation folder);
        a pair (images, labels) of arrays; a name of `named_datasets()`; a DataFrame or the path of
        a CSV file with the columns `path` and `label` (and `split`, where it is given); a list of
        (path, label); a data set of torch (map style) or Hugging Face, or a (train, val) pair or a
        dict of such; a record of `nbfinetune.records`; or what `accept` has given before.

        The `transform` of a torch data set that tells its files (`samples`) or its pixels (`data`,
        `targets`) is not run; of any other the items are taken once, as its `transform` leaves
        them, and written as files.
    labels : callable, str, optional
        The class of each image, where the folders do not tell it: a function of its path, a
        regular expression whose first group it is (searched in the path with forward slashes), or
        a column's name.
    groups : callable, str, optional
        In the same way, what belongs together: the images of one patient, or of one burst, never
        stand on both sides of a split.
    root : path, optional
        Where a named data set lies or is downloaded to, and where the relative paths of a table
        start (by default at the CSV file, else in the working directory).

    Raises
    ------
    DataError
        If there is nothing to train on, and why.
    ConfigError
        If `data` is none of these.
    """
    if isinstance(data, Accepted):
        return data
    if isinstance(data, get_args(Source)):
        return _accept_record(data, labels, groups)
    if isinstance(data, (str, os.PathLike)):
        return _accept_path(data, labels, groups, root)
    if isinstance(data, (tuple, list)) and len(data) == 2 and labels is None:
        first, second = data
        if isinstance(first, (str, os.PathLike)) and isinstance(second, (str, os.PathLike)):
            return _accept_pair(Path(first), Path(second), groups)
    from nbfinetune.data.objects import accept_object

    return accept_object(data, labels, groups, Path.cwd() if root is None else Path(root))


def _accept_path(
    data: str | os.PathLike[str],
    labels: Rule | None,
    groups: Rule | None,
    root: str | os.PathLike[str] | None,
) -> Accepted:
    folder = _absolute(Path(data))
    name = canonical_name(data) if isinstance(data, str) else None
    if name is not None and not folder.is_dir():
        _refuse_rules(labels, groups, f"the data set {name!r}")
        return _accept_named(name, root)
    if isinstance(data, str) and not folder.exists() and not _written_as_path(data):
        raise DataError(
            f"{data!r} is neither a folder in {folder.parent} nor a data set by name; "
            f"closest: {close_names(data)}"
        )
    if folder.is_file():
        return _accept_file(folder, labels, groups, root)
    return _accept_folder(folder, labels, groups)


def _accept_file(
    path: Path, labels: Rule | None, groups: Rule | None, root: str | os.PathLike[str] | None
) -> Accepted:
    from nbfinetune.data.archives import is_archive
    from nbfinetune.data.tables import list_csv

    if path.suffix.lower() in (".csv", ".tsv"):
        start = path.parent if root is None else Path(root)
        return accepted_files(list_csv(path, labels, groups, start), path.stem)
    if is_archive(path):
        return _accept_archive(path, labels, groups)
    return _accept_folder(path, labels, groups)


def _accept_folder(folder: Path, labels: Rule | None, groups: Rule | None) -> Accepted:
    if labels is not None:
        from nbfinetune.data.labelling import list_by_rule

        return accepted_files(list_by_rule(folder, labels, groups), folder.name)
    layout = find_layout(folder)
    if groups is None and layout.train == folder and _has_idx(folder):
        return Accepted(Idx(path=str(folder)), nothing, folder.name)
    find_classes(layout)
    if groups is not None:
        return _accept_grouped(layout, groups, folder.name)
    return Accepted(Folder(path=str(folder)), nothing, folder.name)


def _accept_archive(path: Path, labels: Rule | None, groups: Rule | None) -> Accepted:
    from nbfinetune.data.archives import check_archive, unpacked

    require_text(path)
    check_archive(path)
    hint = path.name.partition(".")[0]
    if labels is None and groups is None:
        return Accepted(Archive(path=str(path)), nothing, hint)
    return _accept_folder(unpacked(path), labels, groups)._replace(hint=hint)


def _accept_named(name: str, root: str | os.PathLike[str] | None) -> Accepted:
    place = None if root is None else str(_absolute(Path(root)))
    return Accepted(Named(name=name, root=place), nothing, name)


def _accept_pair(train: Path, val: Path, groups: Rule | None) -> Accepted:
    train, val = _absolute(train), _absolute(val)
    if train == val:
        raise DataError(
            f"{train} is given for training and for validation: pass the folder alone to have it "
            "split"
        )
    layout = Layout(train, val)
    find_classes(layout)
    if groups is not None:
        return _accept_grouped(layout, groups, train.name)
    return Accepted(FolderPair(train=str(train), val=str(val)), nothing, train.name)


def _accept_grouped(layout: Layout, groups: Rule, hint: str) -> Accepted:
    from nbfinetune.data.labelling import with_groups
    from nbfinetune.data.source_reading import list_layout

    return accepted_files(with_groups(list_layout(layout), groups), hint)


def _accept_record(source: Source, labels: Rule | None, groups: Rule | None) -> Accepted:
    if isinstance(source, Folder):
        return _accept_folder(_absolute(Path(source.path)), labels, groups)
    if isinstance(source, Archive):
        return _accept_archive(_absolute(Path(source.path)), labels, groups)
    if isinstance(source, FolderPair) and labels is None:
        return _accept_pair(Path(source.train), Path(source.val), groups)
    _refuse_rules(labels, groups, f"a record of {type(source).__name__}")
    if isinstance(source, Idx):
        return Accepted(Idx(path=str(_absolute(Path(source.path)))), nothing, "idx")
    if isinstance(source, Named):
        name = canonical_name(source.name)
        if name is None:
            raise DataError(
                f"there is no data set {source.name!r}; closest: {close_names(source.name)}"
            )
        return _accept_named(name, source.root)
    return _accept_placed(source)


def _accept_placed(source: Source) -> Accepted:
    """What lies in a run's folder is looked at by the run."""
    if isinstance(source, Arrays) and Path(source.path).is_absolute():
        from nbfinetune.data.arrays import load_saved

        load_saved(Path(source.path), source.classes)
    if isinstance(source, Files) and Path(source.path).is_absolute():
        from nbfinetune.data.file_lists import load_files

        load_files(Path(source.path))
    return Accepted(source, nothing, "arrays" if isinstance(source, Arrays) else "files")


def _refuse_rules(labels: Rule | None, groups: Rule | None, data: str) -> None:
    for keyword, rule in (("labels", labels), ("groups", groups)):
        if rule is not None:
            raise ConfigError(f"{keyword}={rule!r} does not go with {data}: leave it out")


def _has_idx(folder: Path) -> bool:
    return find_idx(folder) is not None


def _written_as_path(text: str) -> bool:
    return any(mark in text for mark in ("/", "\\", ".", "~"))


def _absolute(path: Path) -> Path:
    return path.expanduser().absolute()

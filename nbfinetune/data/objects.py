"""Data that is an object in a notebook: arrays, tables, lists and data sets."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nbfinetune.data.accepted import Accepted, accepted_arrays, accepted_copies, accepted_files
from nbfinetune.data.arrays import check_arrays
from nbfinetune.data.exported import as_arrays, as_files
from nbfinetune.data.labelling import Rule, with_groups
from nbfinetune.data.map_style import is_map_style, open_map_style
from nbfinetune.data.tables import list_frame, list_pairs, list_paths
from nbfinetune.errors import ConfigError


def accept_object(data: Any, labels: Rule | None, groups: Rule | None, folder: Path) -> Accepted:
    """Take data that is no path and no record; see `nbfinetune.data.accept`.

    Parameters
    ----------
    folder : Path
        Where relative paths start.

    Raises
    ------
    ConfigError, DataError
        If it can't be trained on, and why.
    """
    if _is_frame(data):
        return accepted_files(list_frame(data, labels, groups, folder), "table")
    if isinstance(data, Mapping):
        return _accept_datasets(data, labels, groups)
    if isinstance(data, (tuple, list)):
        return _accept_sequence(data, labels, groups, folder)
    if _is_dataset(data):
        return _accept_datasets({"train": data}, labels, groups)
    raise _unknown(data)


def _accept_sequence(
    data: Sequence[Any], labels: Rule | None, groups: Rule | None, folder: Path
) -> Accepted:
    if labels is not None and _are_paths(data):
        return accepted_files(list_paths(data, labels, groups, folder), "files")
    if len(data) == 2 and all(map(_is_dataset, data)):
        return _accept_datasets(dict(zip(("train", "val"), data, strict=True)), labels, groups)
    if labels is not None:
        raise ConfigError(f"labels={labels!r}: these data give their labels; leave it out")
    if _are_pairs(data):
        return accepted_files(list_pairs(data, groups, folder), "files")
    if len(data) != 2:
        raise _unknown(data)
    if groups is not None:
        raise ConfigError(f"groups={groups!r} does not go with arrays: leave it out")
    return accepted_arrays(check_arrays(*data), "arrays")


def _accept_datasets(
    datasets: Mapping[Any, Any], labels: Rule | None, groups: Rule | None
) -> Accepted:
    if not datasets or not all(map(_is_dataset, datasets.values())):
        raise _unknown(datasets)
    opened = {str(part): open_map_style(one, labels, groups) for part, one in datasets.items()}
    hint = type(next(iter(datasets.values()))).__name__.lower()
    arrays = as_arrays(opened) if groups is None else None
    if arrays is not None:
        return accepted_arrays(arrays, hint)
    exported = as_files(opened)
    if groups is not None and exported.files.groups is None:
        if exported.copies is not None:
            raise ConfigError(f"groups={groups!r} needs files, which these data do not tell")
        exported = exported._replace(files=with_groups(exported.files, groups))
    return accepted_copies(exported, hint)


def _is_frame(data: Any) -> bool:
    return hasattr(data, "columns") and hasattr(data, "__getitem__")


def _is_dataset(data: Any) -> bool:
    known = isinstance(data, (str, bytes, tuple, list, Mapping)) or hasattr(data, "dtype")
    return not known and is_map_style(data)


def _are_paths(data: Sequence[Any]) -> bool:
    return bool(data) and isinstance(data[0], (str, os.PathLike))


def _are_pairs(data: Sequence[Any]) -> bool:
    if not isinstance(data, list) or not data or not isinstance(data[0], (tuple, list)):
        return False
    return len(data[0]) == 2 and isinstance(data[0][0], (str, os.PathLike))


def _unknown(data: Any) -> ConfigError:
    return ConfigError(
        f"data is a {type(data).__name__}: pass a folder, an archive or a CSV file, a (train, val) "
        "pair of folders, an (images, labels) pair of arrays, a DataFrame, a list of (path, "
        "label), a data set with a length and items by number (no stream), or the name of one"
    )

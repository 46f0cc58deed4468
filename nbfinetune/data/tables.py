"""Tables of images as people keep them: a DataFrame, a CSV file, a list of (path, label)."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from nbfinetune.data.file_lists import Columns, list_columns
from nbfinetune.data.labelling import Rule, compiled, read_rule
from nbfinetune.data.listing import FileList, row
from nbfinetune.errors import ConfigError, DataError

PATH_COLUMNS = ("path", "file", "filename", "image", "image_path")
LABEL_COLUMNS = ("label", "class", "target")
SPLIT_COLUMN = "split"

_DELIMITERS = ",;\t"


def list_frame(frame: Any, labels: Rule | None, groups: Rule | None, folder: Path) -> FileList:
    """Files of a DataFrame (of pandas, or what is used like it).

    Parameters
    ----------
    frame : DataFrame
        Columns `path` and `label` (see `PATH_COLUMNS` and `LABEL_COLUMNS`), and `split` where the
        parts are given ("train", "val", "test").
    labels, groups : callable, str or None
        A column's name; or, as for folders, a function or a pattern of the path.
    folder : Path
        Where relative paths start.

    Raises
    ------
    DataError, ConfigError
        Names the column, the row or the files that are wrong.
    """
    return _list_table(_Columns(frame), labels, groups, folder, row)


def list_csv(path: Path, labels: Rule | None, groups: Rule | None, folder: Path) -> FileList:
    """Files of a CSV file with a header; commas, semicolons or tabs part the columns.

    Labels that are all whole numbers are sorted as numbers. Parameters and errors as for
    `list_frame`.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            header = file.readline()
            file.seek(0)
            delimiter = max(_DELIMITERS, key=header.count)
            reader = csv.DictReader(file, delimiter=delimiter)
            rows = [(reader.line_num, line) for line in reader]
            names = [name for name in reader.fieldnames or () if name]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} can't be read as CSV in UTF-8 ({error})") from error
    table = {name: [line[name] for _, line in rows] for name in names}
    for name in set(names) - {_column(table, PATH_COLUMNS)}:
        table[name] = _as_numbers(table[name])
    return _list_table(
        table, labels, groups, folder, lambda number: f"line {rows[number][0]} of {path.name}"
    )


def list_pairs(pairs: Sequence[Any], groups: Rule | None, folder: Path) -> FileList:
    """Files of a list of (path, label); errors as for `list_frame`."""
    for number, pair in enumerate(pairs):
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise DataError(f"{row(number)} is {pair!r}: a pair (path, label) is needed")
    table = {"path": [path for path, _ in pairs], "label": [label for _, label in pairs]}
    return _list_table(table, None, groups, folder, row)


def list_paths(paths: Sequence[Any], labels: Rule, groups: Rule | None, folder: Path) -> FileList:
    """Files of a list of paths that tell the labels; errors as for `list_frame`."""
    return _list_table({"path": paths}, labels, groups, folder, row)


class _Columns(Mapping[str, Sequence[Any]]):
    """Columns of a DataFrame, made lists when they are asked for."""

    def __init__(self, frame: Any) -> None:
        self._frame = frame
        self._names = {str(name): name for name in frame.columns}
        if len(self._names) < len(frame.columns):
            raise DataError(f"two columns of the table have one name: {list(frame.columns)}")

    def __getitem__(self, name: str) -> Sequence[Any]:
        values: Sequence[Any] = self._frame[self._names[name]].to_list()
        return values

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def _list_table(
    table: Mapping[str, Sequence[Any]],
    labels: Rule | None,
    groups: Rule | None,
    folder: Path,
    place: Callable[[int], str],
) -> FileList:
    paths = table[_column(table, PATH_COLUMNS)]
    if labels is None:
        values = table[_column(table, LABEL_COLUMNS)]
    else:
        values = _values(table, labels, paths, "labels")
    columns = Columns(
        paths,
        values,
        next((table[name] for name in table if name.strip().lower() == SPLIT_COLUMN), None),
        None if groups is None else _values(table, groups, paths, "groups"),
        place,
    )
    return list_columns(columns, folder)


def _column(table: Mapping[str, Sequence[Any]], names: Sequence[str]) -> str:
    by_lower = {name.strip().lower(): name for name in reversed(list(table))}
    found = next((by_lower[name] for name in names if name in by_lower), None)
    if found is None:
        raise DataError(
            f"the table has the columns {_shown(table)}: one called {' or '.join(names)} is needed"
        )
    return found


def _values(
    table: Mapping[str, Sequence[Any]], rule: Rule, paths: Sequence[Any], keyword: str
) -> Sequence[Any]:
    if isinstance(rule, str):
        if rule in table:
            return table[rule]
        if not compiled(rule, keyword).groups:  # more likely a name that was mistyped
            raise ConfigError(
                f"{keyword}={rule!r} is no column of the table ({_shown(table)}); a pattern for "
                "the path needs a group in brackets"
            )
    return read_rule(rule, [os.fspath(path) for path in paths], keyword)


def _shown(table: Mapping[str, Sequence[Any]]) -> str:
    return ", ".join(map(repr, table)) or "nothing at all"


def _as_numbers(values: list[Any]) -> list[Any]:
    """Whole numbers where all cells are such, written as Python writes them."""
    try:
        numbers = [int(value) for value in values]
    except (ValueError, TypeError):
        return values
    return numbers if [str(number) for number in numbers] == values else values

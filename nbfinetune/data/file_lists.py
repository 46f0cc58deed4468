"""Image files named one by one: rows of a table made one list, and the list as a file."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from nbfinetune.data.image_index import printable
from nbfinetune.data.listing import FileList, as_plain, is_missing, number_labels, row
from nbfinetune.errors import DataError
from nbfinetune.whole_files import write_whole

FILE_NAME = "files.json"

_NAMED = 10
_PARTS = {
    "train": "train", "training": "train",
    "val": "val", "valid": "val", "validation": "val",
    "test": "test",
}  # fmt: skip


class MissingFiles(DataError):
    """Files that a list names and that are not there.

    Attributes
    ----------
    paths : tuple of str
        All of them.
    """

    def __init__(self, paths: Sequence[str], of: int) -> None:
        first = ", ".join(map(printable, paths[:_NAMED]))
        more = f", and {len(paths) - _NAMED} more" if len(paths) > _NAMED else ""
        super().__init__(
            f"{len(paths)} of {of} image files are missing: {first}{more}; correct the paths "
            "(relative ones start from the CSV's folder, else from the working directory, or from "
            "root=) or remove the rows"
        )
        self.paths = tuple(paths)


class Columns(NamedTuple):
    """A table of images, one row each.

    Parameters
    ----------
    paths : sequence of str or path
    labels : sequence
        All whole numbers, all strings or all booleans.
    parts : sequence of str, optional
        "train", "val" or "test" (or a usual other word for it).
    groups : sequence, optional
    place : callable (row) -> str
        What a message calls a row.
    """

    paths: Sequence[Any]
    labels: Sequence[Any]
    parts: Sequence[Any] | None = None
    groups: Sequence[Any] | None = None
    place: Callable[[int], str] = row


def list_columns(columns: Columns, folder: Path) -> FileList:
    """Files of a table, those that train first.

    Where there is no row for validation, those for the test validate; else they are left out.

    Parameters
    ----------
    columns : Columns
    folder : Path
        Where relative paths start.

    Raises
    ------
    MissingFiles
        Names the files that are not there.
    DataError
        If a row lacks its path or label, or there is nothing to train on, and why.
    """
    if not len(columns.paths):
        raise DataError("the list of images has no rows: it should have one per image")
    paths = _absolute(columns, folder)
    missing = [path for path in paths if not os.path.isfile(path)]  # noqa: PTH113 - for 100,000
    if missing:
        raise MissingFiles(missing, len(paths))
    order, train_count = _order(columns)
    classes, labels = number_labels(
        [columns.labels[number] for number in order], lambda place: columns.place(order[place])
    )
    _refuse_two_labels(paths, columns)
    _check_classes(classes, labels[:train_count])
    root = shared_root({os.path.dirname(path) for path in paths})  # noqa: PTH120
    start = len(root.rstrip(os.sep)) + 1 if root else 0
    groups = None if columns.groups is None else _as_text(columns.groups, "group", columns.place)
    return FileList(
        tuple(paths[number][start:] for number in order),
        labels,
        classes,
        root,
        train_count,
        None if groups is None else tuple(groups[number] for number in order),
    )


def shared_root(folders: Iterable[str | Path]) -> str:
    """Deepest folder that holds all of these; empty where there is none."""
    try:
        return os.path.commonpath(folders)
    except ValueError:  # two drives of Windows share nothing
        return ""


def save_files(files: FileList, folder: Path) -> None:
    """Write `files.json` into a folder, whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / FILE_NAME, as_json(files))


def as_json(files: FileList) -> bytes:
    """The list as text; names of any bytes survive."""
    record = {"format": 1, **files._asdict(), "labels": files.labels.tolist()}
    return json.dumps(record).encode("ascii")


def load_files(folder: Path) -> FileList:
    """What `save_files` wrote.

    A relative root starts from `folder`.

    Raises
    ------
    DataError
        If the file is gone or is not such a list.
    """
    path = folder / FILE_NAME
    try:
        record = json.loads(path.read_bytes())
        items, groups = tuple(record["items"]), record["groups"]
        classes, train_count = tuple(record["classes"]), record["train_count"]
        root = str(folder / record["root"])
        labels = np.array(record["labels"], dtype=np.int64)
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise DataError(f"the list of images {path} can't be read ({error!r})") from error
    files = FileList(items, labels, classes, root, train_count, groups and tuple(groups))
    if not _fits(files):
        raise DataError(f"the list of images {path} does not fit together: write it anew")
    return files


def part_of(value: Any, place: str) -> str:
    """What a usual word for a part of a split stands for: "train", "val" or "test".

    Raises
    ------
    DataError
        If it is no such word; `place` says where it stood.
    """
    part = _PARTS.get(value.strip().lower()) if isinstance(value, str) else None
    if part is None:
        shown = "no split" if is_missing(value) else f"split {value!r}"
        raise DataError(f"{place} has {shown}: {', '.join(map(repr, _PARTS))} are known")
    return part


def _fits(files: FileList) -> bool:
    return (
        len(files.items) == len(files.labels) > 0
        and 0 <= files.labels.min() <= files.labels.max() < len(files.classes)
        and (files.groups is None or len(files.groups) == len(files.items))
        and 0 < (files.train_count or len(files.items)) <= len(files.items)
        and all(isinstance(text, str) for text in (*files.items, *files.classes))
    )


def _absolute(columns: Columns, folder: Path) -> list[str]:
    start = str(folder.expanduser().absolute())
    paths = []
    for number, value in enumerate(columns.paths):
        if is_missing(value):
            raise DataError(f"{columns.place(number)} has no path: give it one or remove it")
        if not isinstance(value, (str, os.PathLike)):
            raise DataError(
                f"{columns.place(number)} has {value!r} for a path: the name of an image file "
                "is needed"
            )
        path = os.path.expanduser(os.fspath(value))  # noqa: PTH111 - Path takes ten times as long
        paths.append(os.path.normpath(os.path.join(start, path)))  # noqa: PTH118
    return paths


def _refuse_two_labels(paths: list[str], columns: Columns) -> None:
    first: dict[str, int] = {}
    for number, path in enumerate(paths):
        other = first.setdefault(path, number)
        if as_plain(columns.labels[other]) != as_plain(columns.labels[number]):
            raise DataError(
                f"{printable(path)} is {columns.labels[other]!r} in {columns.place(other)} but "
                f"{columns.labels[number]!r} in {columns.place(number)}: an image has one class"
            )


def _order(columns: Columns) -> tuple[list[int], int | None]:
    """Rows that are used, those that train first, and how many those are."""
    rows = range(len(columns.paths))
    if columns.parts is None:
        return list(rows), None
    parts = [part_of(value, columns.place(number)) for number, value in enumerate(columns.parts)]
    train = [number for number in rows if parts[number] == "train"]
    if not train:
        raise DataError("no row is marked 'train': there is nothing to train on")
    held = [number for number in rows if parts[number] == "val"]
    return train + (held or [n for n in rows if parts[n] == "test"]), len(train)


def _as_text(values: Sequence[Any], what: str, place: Callable[[int], str]) -> list[str]:
    for number, value in enumerate(values):
        if is_missing(value):
            raise DataError(f"{place(number)} has no {what}: give it one or remove it")
    return [str(as_plain(value)) for value in values]


def _check_classes(classes: tuple[str, ...], training: Any) -> None:
    if len(classes) < 2:
        raise DataError(f"all images are {classes[0]!r}: at least two classes are needed")
    seen = set(training.tolist())
    unseen = [repr(name) for number, name in enumerate(classes) if number not in seen]
    if unseen:
        raise DataError(
            f"no row for training is of class {', '.join(unseen[:5])}: a model can't be measured "
            "on what it never saw"
        )

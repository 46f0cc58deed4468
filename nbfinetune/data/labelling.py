"""Labels and groups that are read off the path of an image: by a function or a pattern."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from nbfinetune.data.file_lists import Columns, list_columns
from nbfinetune.data.folders import list_images
from nbfinetune.data.image_index import printable
from nbfinetune.data.listing import FileList
from nbfinetune.errors import ConfigError, DataError

Rule: TypeAlias = "Callable[[Path], Any] | str"

_NAMED = 10


def read_rule(rule: Rule, paths: Sequence[str], keyword: str) -> list[Any]:
    """What a rule says of each path.

    Parameters
    ----------
    rule : callable (Path) -> value, or str
        A regular expression is searched for in the path (with forward slashes); its first group is
        the value, or the whole match where it has none.
    paths : sequence of str
    keyword : str
        "labels" or "groups", for messages.

    Raises
    ------
    ConfigError
        If the pattern is none.
    DataError
        Names the paths that the pattern does not fit, or for which the function fails.
    """
    if callable(rule):
        return [_called(rule, path, keyword) for path in paths]
    pattern = compiled(rule, keyword)
    found = [pattern.search(Path(path).as_posix()) for path in paths]
    unfit = [printable(path) for path, match in zip(paths, found, strict=True) if not match]
    if unfit:
        more = f", and {len(unfit) - _NAMED} more" if len(unfit) > _NAMED else ""
        raise DataError(
            f"{keyword}={rule!r} does not fit {len(unfit)} of {len(paths)} paths: "
            f"{', '.join(unfit[:_NAMED])}{more}"
        )
    group = 1 if pattern.groups else 0
    return [match[group] for match in found if match]


def compiled(rule: Any, keyword: str) -> re.Pattern[str]:
    """The pattern of a rule that is text.

    Raises
    ------
    ConfigError
        If it is none.
    """
    if not isinstance(rule, str):
        raise ConfigError(
            f"{keyword} is {rule!r}: pass a function of the path, a regular expression, or (with a "
            "table) the name of a column"
        )
    try:
        return re.compile(rule)
    except re.error as error:
        raise ConfigError(f"{keyword}={rule!r} is no regular expression: {error}") from error


def list_by_rule(folder: Path, labels: Rule, groups: Rule | None) -> FileList:
    """All images under a folder, however deep, with the labels that a rule reads off their paths.

    Raises
    ------
    DataError
        If there are no images, or a rule fails.
    """
    paths = [f"{folder}{os.sep}{path}" for path in list_images(folder)]
    if not paths:
        raise DataError(f"{folder} holds no images")
    columns = Columns(
        paths,
        read_rule(labels, paths, "labels"),
        groups=None if groups is None else read_rule(groups, paths, "groups"),
        place=lambda number: printable(paths[number]),
    )
    return list_columns(columns, folder)


def with_groups(files: FileList, groups: Rule) -> FileList:
    """The same files, each with the group that a rule reads off its path."""
    paths = [os.path.join(files.root, item) for item in files.items]  # noqa: PTH118
    return files._replace(groups=tuple(map(str, read_rule(groups, paths, "groups"))))


def _called(rule: Callable[[Path], Any], path: str, keyword: str) -> Any:
    try:
        return rule(Path(path))
    except Exception as error:  # the user's own code may raise anything
        raise DataError(
            f"{keyword}= failed for {printable(path)} ({type(error).__name__}: {error})"
        ) from error

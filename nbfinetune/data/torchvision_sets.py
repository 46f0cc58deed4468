"""The one place that opens torchvision's data sets; it alone of this floor imports torchvision."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np

from nbfinetune.data.arrays import channels_last
from nbfinetune.data.listing import ArrayData, FileList
from nbfinetune.data.named import NamedSet
from nbfinetune.errors import DataError

_TIMEOUT_S = 30.0


def open_torchvision(name: str, recipe: NamedSet, root: Path) -> ArrayData | FileList:
    """A data set out of the files in `root`, downloaded where they are not there yet.

    Raises
    ------
    DataError
        If it is not in `root` and can't be downloaded: says where it looked, what went wrong and
        how to place the files by hand.
    """
    train = _open(name, recipe.loader, recipe.train, root)
    val = None if recipe.val is None else _open(name, recipe.loader, recipe.val, root)
    parts = [train] if val is None else [train, val]
    classes = _class_names(train)
    if hasattr(train, "data"):
        return _as_arrays(parts, classes)
    return _as_files(parts, classes, root)


def _open(name: str, loader: str, arguments: dict[str, Any], root: Path) -> Any:
    import torchvision.datasets

    kind = getattr(torchvision.datasets, loader)
    if "loader" in signature(kind).parameters:
        arguments = {**arguments, "loader": os.fspath}
    with suppress(RuntimeError, FileNotFoundError):  # how torchvision says that files are absent
        return kind(str(root), **arguments, download=False)
    try:
        root.mkdir(parents=True, exist_ok=True)
        with _impatient_sockets():
            return kind(str(root), **arguments, download=True)
    except Exception as error:  # a download can fail in any layer below
        raise DataError(
            f"data set {name!r} is neither in {root} nor can it be downloaded "
            f"({type(error).__name__}: {error}); place the files there as torchvision.datasets."
            f"{loader} expects them, or pass root= with the folder that has them"
        ) from error


@contextmanager
def _impatient_sockets() -> Iterator[None]:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_TIMEOUT_S)  # torchvision sets none: a dead network would hang the run
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _class_names(dataset: Any) -> tuple[str, ...] | None:
    names = getattr(dataset, "classes", None) or getattr(dataset, "categories", None)
    if names is None:
        return None
    return tuple(name if isinstance(name, str) else str(name[0]) for name in names)


def _as_arrays(parts: list[Any], classes: tuple[str, ...] | None) -> ArrayData:
    images = np.concatenate([_pixels(part) for part in parts])
    labels = np.concatenate([_array_labels(part) for part in parts])
    return ArrayData(images, labels, _numbered(classes, labels), _train_count(parts))


def _pixels(part: Any) -> Any:
    images = np.asarray(part.data)
    return channels_last(images) if images.ndim == 4 else images


def _array_labels(part: Any) -> Any:
    labels = np.asarray(part.targets if hasattr(part, "targets") else part.labels, dtype=np.int64)
    return labels[:, 0] if labels.ndim == 2 else labels


def _as_files(parts: list[Any], classes: tuple[str, ...] | None, root: Path) -> FileList:
    pairs = [pair for part in parts for pair in _paths(part)]
    labels = np.array([label for _, label in pairs], dtype=np.int64)
    items = tuple(os.path.relpath(path, root) for path, _ in pairs)
    return FileList(items, labels, _numbered(classes, labels), str(root), _train_count(parts))


def _paths(part: Any) -> Sequence[tuple[str, int]]:
    reader: Callable[[Any], Sequence[tuple[str, int]]] | None = _WITHOUT_LOADER.get(
        type(part).__name__
    )
    # With `os.fspath` for a loader a sample is its path: nothing is decoded here.
    return reader(part) if reader else [part[i] for i in range(len(part))]


def _caltech_paths(part: Any) -> list[tuple[str, int]]:
    folder = Path(part.root, "101_ObjectCategories")
    return [
        (str(folder / part.categories[label] / f"image_{number:04d}.jpg"), label)
        for number, label in zip(part.index, part.y, strict=True)
    ]


_WITHOUT_LOADER: dict[str, Callable[[Any], Sequence[tuple[str, int]]]] = {
    "Caltech101": _caltech_paths,
    "GTSRB": lambda part: list(part._samples),  # noqa: SLF001 - it has no public list
    "OxfordIIITPet": lambda part: list(zip(part._images, part._labels, strict=True)),  # noqa: SLF001
}


def _numbered(classes: tuple[str, ...] | None, labels: Any) -> tuple[str, ...]:
    return classes or tuple(str(number) for number in range(int(labels.max()) + 1))


def _train_count(parts: list[Any]) -> int | None:
    return len(parts[0]) if len(parts) == 2 else None

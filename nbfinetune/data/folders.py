"""Folders of photos: one folder per class, with or without `train/` and `val/` above them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from nbfinetune.errors import DataError

SUFFIXES = (
    ".avif", ".bmp", ".gif", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg", ".pbm", ".pgm", ".png",
    ".pnm", ".ppm", ".tif", ".tiff", ".webp",
)  # fmt: skip

_TRAIN_NAMES = ("train", "training")
_VAL_NAMES = ("val", "valid", "validation", "test")
_HIDDEN = ("__pycache__", "__MACOSX")


class Layout(NamedTuple):
    """Folders that hold the class folders; `val` is None where the images are yet to be split."""

    train: Path
    val: Path | None


def find_layout(folder: Path) -> Layout:
    """Layout of a folder that a user named.

    `train` counts as the training part only if it holds folders itself: else it is a class.
    """
    parts = {entry.name.lower(): Path(entry.path) for entry in subfolders(folder)}
    train = next((parts[name] for name in _TRAIN_NAMES if name in parts), None)
    if train is None or not subfolders(train):
        return Layout(folder, None)
    return Layout(train, next((parts[name] for name in _VAL_NAMES if name in parts), None))


def find_classes(layout: Layout) -> tuple[str, ...]:
    """Class names of a layout, in the order of torchvision's `ImageFolder` (sorted).

    Stops at the first image of each class, so it stays fast for folders of any size.

    Raises
    ------
    DataError
        If there are no images, one class only, a class without images, or a validation class
        that is unknown to the training part.
    """
    classes = _named_classes(layout.train)
    require_text(layout.train)
    for name in classes:
        require_text(layout.train / name)
        _require_image(layout.train / name, layout.train)
    if len(classes) == 1:
        raise DataError(
            f"{layout.train} holds one class only ({classes[0]!r}): at least two are needed, "
            "each in a folder of its own"
        )
    if layout.val is not None:
        _check_val(layout.val, layout.train, classes)
    return classes


def list_images(folder: Path) -> list[str]:
    """Paths of all images under a class folder, sorted, relative to it.

    Links to folders are followed, but no folder is entered twice, so loops end.
    """
    start = len(f"{folder}{os.sep}")
    return sorted(path[start:] for path in _walk(folder))


def require_text(path: Path) -> None:
    """Refuse a folder whose name can't be stored.

    Raises
    ------
    DataError
        If the name is not UTF-8.
    """
    try:
        str(path).encode()
    except UnicodeEncodeError:
        shown = str(path).encode("utf-8", "backslashreplace").decode()
        raise DataError(f"the name of {shown} is not UTF-8: rename the folder") from None


def looks_like_image(path: str) -> bool:
    """Whether the name of a file ends as the name of an image does."""
    return path.lower().endswith(SUFFIXES)


def is_hidden(name: str) -> bool:
    """Whether a file or folder of this name is none of the user's images."""
    return name.startswith(".") or name in _HIDDEN


def subfolders(folder: Path) -> list[os.DirEntry[str]]:
    """Folders right below a folder, links to folders included.

    Raises
    ------
    DataError
        If it can't be read.
    """
    return [entry for entry in _entries(folder) if _is_folder(entry)]


def _named_classes(folder: Path) -> tuple[str, ...]:
    classes = tuple(sorted(entry.name for entry in subfolders(folder)))
    if classes:
        return classes
    if any(looks_like_image(entry.name) for entry in _entries(folder)):
        raise DataError(
            f"the images in {folder} lie side by side: put them into one folder per class "
            f"({folder}/cats, {folder}/dogs)"
        )
    raise DataError(f"{folder} is empty: it should hold one folder of images per class")


def _check_val(val: Path, train: Path, classes: tuple[str, ...]) -> None:
    found = _named_classes(val)
    unknown = [name for name in found if name not in classes]
    if unknown:
        raise DataError(
            f"{val} has classes that {train} lacks: {_some(unknown)}; "
            "a model can't be measured on what it never saw"
        )
    if not any(_has_image(val / name) for name in found):
        raise DataError(f"{val} holds no images: fill it, or remove it to have {train} split")


def _require_image(folder: Path, parent: Path) -> None:
    if not _has_image(folder):
        raise DataError(
            f"{folder} holds no images ({' '.join(SUFFIXES)}), but every folder in {parent} is "
            "a class: put images in or move it away"
        )


def _has_image(folder: Path) -> bool:
    return next(_walk(folder), None) is not None


def _walk(folder: Path) -> Iterator[str]:
    seen = {_identity(parent) for parent in folder.parents}  # a link upwards leads to other classes
    waiting = [folder]
    while waiting:
        inner = waiting.pop()
        identity = _identity(inner)
        if identity in seen:
            continue
        seen.add(identity)
        for entry in _entries(inner):
            if _is_folder(entry):
                waiting.append(Path(entry.path))
            elif looks_like_image(entry.name):
                yield entry.path


def _identity(folder: Path) -> tuple[int, int]:
    try:
        facts = folder.stat()
    except OSError as error:
        raise DataError(f"{folder} may not be read ({error.strerror})") from error
    return facts.st_dev, facts.st_ino


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False  # a link to itself


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            yield from (entry for entry in entries if not is_hidden(entry.name))
    except FileNotFoundError:
        raise DataError(f"there is no folder {folder}: check the path") from None
    except NotADirectoryError:
        raise DataError(f"{folder} is a file: pass the folder with the images") from None
    except PermissionError:
        raise DataError(f"{folder} may not be read: check its permissions") from None
    except OSError as error:
        raise DataError(f"{folder} can't be read ({error.strerror or error})") from error


def _some(names: list[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(repr(name) for name in names[:5]) + more

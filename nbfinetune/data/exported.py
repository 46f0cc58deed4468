"""Data sets as objects made files or arrays: their own files where they have them, else copies."""

from __future__ import annotations

import os
import shutil
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from hashlib import blake2b
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from nbfinetune.data.arrays import CheckedArrays, as_bytes, number_arrays
from nbfinetune.data.bands import CONVERTIBLE, pixels_of
from nbfinetune.data.decode import channels_in, decode_as, has_alpha
from nbfinetune.data.file_lists import Columns, list_columns, part_of
from nbfinetune.data.listing import FileList
from nbfinetune.data.machine import scratch_folder
from nbfinetune.data.opened import Opened, Unit
from nbfinetune.errors import DataError

_SUFFIXES = {b"\xff\xd8": ".jpg", b"\x89P": ".png", b"RI": ".webp", b"GI": ".gif", b"BM": ".bmp"}


class Scratch:
    """A folder in the cache that goes when nothing refers to it any more."""

    def __init__(self) -> None:
        self.path = scratch_folder("exported")
        weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)


class Exported(NamedTuple):
    """A data set as files.

    Parameters
    ----------
    files : FileList
    copies : Scratch or None
        Holds the images where they were no files of their own.
    """

    files: FileList
    copies: Scratch | None


def as_arrays(parts: Mapping[str, Opened]) -> CheckedArrays | None:
    """Pixels of a data set, those that train first; None where it does not have them as arrays."""
    held = _in_use(parts)
    pixels = [one.pixels for one in held.values() if one.pixels is not None]
    if len(pixels) < len(held) or len({array.shape[1:] for array in pixels}) > 1:
        return None
    labels = [unit.label for one in held.values() for unit in one.units(range(one.count))]
    classes = next(iter(held.values())).classes
    joined = pixels[0] if len(pixels) == 1 else np.concatenate(pixels)
    return number_arrays(joined, labels, classes, len(pixels[0]) if len(held) > 1 else None)


def as_files(parts: Mapping[str, Opened]) -> Exported:
    """Files of a data set; what is no file is written as one, with a progress bar.

    Parameters
    ----------
    parts : mapping of str to Opened
        By what they are for: "train", "val", "test".

    Raises
    ------
    DataError
        Names the item that is no image or has no label.
    """
    held = _in_use(parts)
    copies = _Copies()
    paths, labels, places, groups = [], [], [], []
    named = len({one.classes for one in held.values()}) > 1
    for part, row, unit in _every(held):
        place = f"item {row} of {part!r}" if len(held) > 1 else f"item {row}"
        paths.append(unit.image if isinstance(unit.image, Path) else copies.add(unit.image, place))
        labels.append(_name(held[part], unit, place) if named else unit.label)
        places.append((part, place))
        groups.append(unit.group)
    if copies.folder is not None:
        paths = [copies.take(path) for path in paths]
    columns = Columns(
        paths,
        labels,
        [part for part, _ in places] if len(held) > 1 else None,
        groups if any(group is not None for group in groups) else None,
        lambda number: places[number][1],
    )
    files = list_columns(columns, Path.cwd())
    names = next(iter(held.values())).classes
    return Exported(files if named else _with_names(files, names), copies.folder)


def place_copies(exported: Exported, folder: Path) -> FileList:
    """Link (or copy) the images that were no files into a folder.

    Returns
    -------
    FileList
        The same list, whose root is relative to `folder`.
    """
    target = folder / "images"
    target.mkdir(parents=True, exist_ok=True)
    for item in exported.files.items:
        _link(Path(exported.files.root, item), target / item)
    return exported.files._replace(root=target.name)


class _Copies:
    """Images written to a folder of their own, which is made with the first."""

    def __init__(self) -> None:
        self.folder: Scratch | None = None
        self._count = 0

    def add(self, image: Any, place: str) -> Path:
        data = image if isinstance(image, bytes) else _as_png(image, place)
        suffix = _SUFFIXES.get(data[:2], ".img")
        path = self._next(blake2b(data, digest_size=6).hexdigest() + suffix)
        path.write_bytes(data)
        return path

    def take(self, path: Path) -> Path:
        """The path of a copy; a file from elsewhere is linked to be beside the copies."""
        if self.folder is None or path.parent == self.folder.path:
            return path
        target = self._next(path.name)
        _link(path, target)
        return target

    def _next(self, name: str) -> Path:
        if self.folder is None:
            self.folder = Scratch()
        number, self._count = self._count, self._count + 1
        return self.folder.path / f"{number:07}-{name}"


def _link(source: Path, target: Path) -> None:
    try:
        if target.exists() and target.stat().st_size == source.stat().st_size:
            return  # placed before: the name tells what is in it
        try:
            os.link(source, target)
        except OSError:  # another disk, or one that knows no links
            shutil.copyfile(source, target)
    except OSError as error:
        raise DataError(f"{source} can't be copied ({error.strerror or error})") from error


def _as_png(image: Any, place: str) -> bytes:
    try:
        if not isinstance(image, Image.Image):
            image = np.ascontiguousarray(as_bytes(np.asarray(image)))
            _refuse_bands(channels_in(image))
        upright = Image.fromarray(pixels_of(decode_as(image, 4 if has_alpha(image) else 3)))
    except (DataError, ValueError, TypeError) as error:
        raise DataError(f"{place}: {error}") from error
    file = BytesIO()
    upright.save(file, "PNG", compress_level=1)
    return file.getvalue()


def _refuse_bands(channels: int) -> None:
    if channels not in CONVERTIBLE:
        raise DataError(
            f"the image has {channels} channels, which no PNG holds: pass all images as one array "
            f"(N, height, width, {channels}) with their labels"
        )


def _in_use(parts: Mapping[str, Opened]) -> dict[str, Opened]:
    """Parts in the order train, val; a test part only where there is no other to validate on."""
    known = {part_of(name, f"the part {name!r}"): opened for name, opened in parts.items()}
    order = ("train", "val") if "val" in known else ("train", "test")
    return {name: known[name] for name in order if name in known}


def _every(parts: Mapping[str, Opened]) -> Iterator[tuple[str, int, Unit]]:
    from tqdm.auto import tqdm

    total = sum(opened.count for opened in parts.values())
    with closing(tqdm(total=total, desc="reading the data set", unit="image", delay=1)) as bar:
        for part, opened in parts.items():
            for row, unit in enumerate(opened.units(range(opened.count))):
                yield part, row, unit
                bar.update()


def _name(opened: Opened, unit: Unit, place: str) -> Any:
    names: Sequence[str] | None = opened.classes
    if names is None or not isinstance(unit.label, int):
        return unit.label
    if not 0 <= unit.label < len(names):
        raise DataError(f"{place} has label {unit.label}, but there are {len(names)} classes")
    return names[unit.label]


def _with_names(files: FileList, names: tuple[str, ...] | None) -> FileList:
    if names is None or not all(name.isdigit() for name in files.classes):
        return files
    if int(files.classes[-1]) >= len(names):
        raise DataError(
            f"label {files.classes[-1]} is met, but the data set names {len(names)} classes only"
        )
    return files._replace(classes=tuple(names[int(number)] for number in files.classes))

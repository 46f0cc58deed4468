"""Reads a source, whatever its kind, into one list of images with labels."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from nbfinetune.data.archives import unpacked
from nbfinetune.data.arrays import load_saved
from nbfinetune.data.file_lists import load_files, shared_root
from nbfinetune.data.folders import Layout, find_classes, find_layout, list_images
from nbfinetune.data.idx import IdxFiles, find_idx, read_pair
from nbfinetune.data.listing import ArrayData, FileList, without_unused_classes
from nbfinetune.data.named import DIGITS, SETS, NamedSet, canonical_name, datasets_folder
from nbfinetune.errors import DataError
from nbfinetune.records import Archive, Arrays, Files, Folder, FolderPair, Idx, Named, Source


def read_source(source: Source, run_folder: Path) -> ArrayData | FileList:
    """All images of a source, read or listed.

    Parameters
    ----------
    source : Source
    run_folder : Path
        Where the arrays of a notebook lie.

    Raises
    ------
    DataError
        If there is nothing to train on, and why.
    """
    if isinstance(source, Folder):
        return list_layout(find_layout(Path(source.path)))
    if isinstance(source, FolderPair):
        return list_layout(Layout(Path(source.train), Path(source.val)))
    if isinstance(source, Archive):
        return list_layout(find_layout(unpacked(Path(source.path))))
    return without_unused_classes(read_arrays(source, run_folder))


def make_ready(source: Source, root: str) -> None:
    """Have the files of an index that was saved lie where they were.

    Parameters
    ----------
    source : Source
    root : str
        Where its index says that they lie.

    Raises
    ------
    DataError
        If the cache was emptied since, and the archive is gone too.
    """
    if isinstance(source, Archive) and not Path(root).is_dir():
        unpacked(Path(source.path))


def read_arrays(source: Source, run_folder: Path) -> ArrayData | FileList:
    """Images of a source that is no folder of photos (a named set may turn out to be one).

    Raises
    ------
    DataError
        If they can't be read.
    """
    if isinstance(source, Files):
        return load_files(_inside(run_folder, source.path))
    if isinstance(source, Arrays):
        return load_saved(_inside(run_folder, source.path), source.classes)
    if isinstance(source, Idx):
        files = find_idx(Path(source.path))
        if files is None:
            raise DataError(f"{source.path} holds no train-images and train-labels IDX files")
        return _read_idx(files, None)
    if isinstance(source, Named):
        return _read_named(source)
    raise DataError(f"{source} is a folder of photos, not arrays")


def _inside(run_folder: Path, path: str) -> Path:
    if ".." in Path(path).parts:
        raise DataError(f"data in {path!r}: a path that leaves the run's folder is not read")
    return run_folder / path


def list_layout(layout: Layout) -> FileList:
    """All images of folders of classes.

    Raises
    ------
    DataError
        As `find_classes` raises it.
    """
    classes = find_classes(layout)
    parts = [layout.train] if layout.val is None else [layout.train, layout.val]
    root = shared_root(parts)
    items: list[str] = []
    labels: list[int] = []
    counts: list[int] = []
    for part in parts:
        for number, name in enumerate(classes):
            folder = part / name
            found = list_images(folder) if folder.is_dir() else []
            start = os.path.relpath(folder, root) if root else str(folder)
            items += [f"{start}{os.sep}{path}" for path in found]
            labels += [number] * len(found)
        counts.append(len(items))
    return FileList(
        tuple(items),
        np.array(labels, dtype=np.int64),
        classes,
        root,
        counts[0] if len(parts) == 2 else None,
    )


def _read_idx(files: IdxFiles, classes: tuple[str, ...] | None) -> ArrayData:
    images, labels = read_pair(*files.train)
    count = None
    if files.test is not None:
        count = len(images)
        more_images, more_labels = read_pair(*files.test)
        if more_images.shape[1:] != images.shape[1:]:
            raise DataError(
                f"{files.test[0]} has images of {more_images.shape[1:]} but {files.train[0]} of "
                f"{images.shape[1:]}: they do not belong together"
            )
        images = np.concatenate([images, more_images])
        labels = np.concatenate([labels, more_labels])
    highest = int(labels.max())
    if classes is None or highest >= len(classes):
        classes = tuple(str(number) for number in range(highest + 1))
    return ArrayData(images, labels.astype(np.int64), classes, count)


def _read_named(source: Named) -> ArrayData | FileList:
    name = canonical_name(source.name) or source.name
    if name == DIGITS:
        return _digits()
    recipe = SETS[name]
    files = _idx_files(source, recipe)
    if files is not None:
        return _read_idx(files, recipe.idx_classes)
    from nbfinetune.data.torchvision_sets import open_torchvision

    return open_torchvision(name, recipe, datasets_folder(source))


def needs_torchvision(source: Source) -> bool:
    """Whether only torchvision can read a source, which a notebook's kernel does not import."""
    if not isinstance(source, Named):
        return False
    name = canonical_name(source.name) or source.name
    return name != DIGITS and _idx_files(source, SETS[name]) is None


def _idx_files(source: Named, recipe: NamedSet) -> IdxFiles | None:
    """IDX files of a named set that lie on the disk."""
    if not recipe.idx_classes:
        return None
    root = datasets_folder(source)
    folders = [folder for folder in (root / recipe.loader / "raw", root) if folder.is_dir()]
    return next(filter(None, map(find_idx, folders)), None)


def _digits() -> ArrayData:
    from sklearn.datasets import load_digits

    digits = load_digits()
    images = np.rint(digits.images * (255 / 16)).astype(np.uint8)
    classes = tuple(str(name) for name in digits.target_names)
    return ArrayData(images, digits.target.astype(np.int64), classes)

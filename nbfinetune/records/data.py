"""Where images lie, and what is made of them: the data's part of a run's config."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta

from nbfinetune.records.fields import ConfigRecord, Count


class SourceRecord(ConfigRecord, frozen=True, kw_only=True, tag_field="kind"):
    """Base of the places that images come from."""


class Folder(SourceRecord, tag="folder", frozen=True, kw_only=True):
    """A folder with one folder per class, or with `train/` and `val/` of such folders."""

    path: str


class FolderPair(SourceRecord, tag="folder_pair", frozen=True, kw_only=True):
    """Two folders with one folder per class each."""

    train: str
    val: str


class Arrays(SourceRecord, tag="arrays", frozen=True, kw_only=True):
    """`images.npy` (N,H,W or N,H,W,C; uint8) and `labels.npy` (N, int64) in a folder.

    A relative `path` lies in the run's directory: the arrays of a notebook travel with the run.
    """

    path: str
    classes: tuple[str, ...]


class Idx(SourceRecord, tag="idx", frozen=True, kw_only=True):
    """A folder with the IDX files of MNIST and its kin, raw or gzipped."""

    path: str


class Named(SourceRecord, tag="named", frozen=True, kw_only=True):
    """`"digits"` (in scikit-learn) or a torchvision data set by name.

    Parameters
    ----------
    name : str
        See `nbfinetune.data.named_datasets()`.
    root : str, optional
        Where the files lie or are downloaded to; default the cache directory.
    """

    name: str
    root: str | None = None


class Files(SourceRecord, tag="files", frozen=True, kw_only=True):
    """Image files by name with their labels: `files.json` in a folder.

    A relative `path` lies in the run's directory: the list travels with the run.
    """

    path: str


class Archive(SourceRecord, tag="archive", frozen=True, kw_only=True):
    """A `.zip` or `.tar` of class folders, which is unpacked into the cache."""

    path: str


Source: TypeAlias = Folder | FolderPair | Arrays | Idx | Named | Files | Archive


class EditRecord(ConfigRecord, frozen=True, kw_only=True, tag_field="kind"):
    """Base of what a person changed about one image; its file stays as it is.

    Parameters
    ----------
    item : str
        The image: its path as the run's index holds it, or its row as text.
    """

    item: str


class Exclude(EditRecord, tag="exclude", frozen=True, kw_only=True):
    """Leave the image out."""


class Relabel(EditRecord, tag="relabel", frozen=True, kw_only=True):
    """Take the image for one of another class."""

    label: str


class MoveTo(EditRecord, tag="move_to", frozen=True, kw_only=True):
    """Train or validate on the image, wherever the split had put it."""

    part: Literal["train", "val"]


DataEdit: TypeAlias = Exclude | Relabel | MoveTo


class DataConfig(ConfigRecord, frozen=True, kw_only=True):
    """Which images, how they are split and how large they become.

    Parameters
    ----------
    source : Source
        Where the images lie.
    val_split : float in (0, 1)
        Part of the images kept for validation, stratified by class, where the source has no
        validation part of its own.
    folds, fold : int, optional
        Cross-validation: `folds` stratified parts of which number `fold` (from 0) validates.
    image_size : int, optional
        Side in pixels of the square that the model sees. Default: the model's own size, lowered
        for small images where the model takes that.
    loader_threads : int, optional
        Threads that decode and augment; default by the machine.
    edits : tuple of DataEdit
        What was changed about single images, in this order.
    cache : bool
        Keep decoded images on the disk for later epochs and runs.
    """

    source: Source
    val_split: Annotated[float, Meta(gt=0.0, lt=1.0)] = 0.2
    folds: Annotated[int, Meta(ge=2)] | None = None
    fold: Annotated[int, Meta(ge=0)] = 0
    image_size: Annotated[int, Meta(ge=8, le=4096)] | None = None
    loader_threads: Count | None = None
    edits: tuple[DataEdit, ...] = ()
    cache: bool = True

"""How far a run has been mirrored, in a small file of the run's folder."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Literal, TypeAlias

from msgspec import Struct

from nbfinetune.errors import ConfigError, StoreError
from nbfinetune.records import decode, encode
from nbfinetune.runner.trackers.targets import Target, name_of
from nbfinetune.whole_files import whole_file

Standing: TypeAlias = Literal["starting", "mirroring", "done", "failed"]


class Bookmark(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a mirror stands.

    Parameters
    ----------
    target : Target
        The tracker, and where in it.
    status : {"starting", "mirroring", "done", "failed"}
        As its process has said last.
    seq : int
        The newest event that has been looked at.
    steps_to, epochs_to : int
        Optimizer step of the newest `StepDone` and `EpochDone` that the tracker has. What a
        resumed run repeats is not mirrored a second time.
    where : str
        Where a person finds it: a folder or an address; empty until the tracker has been opened.
    error : str
        Why it failed, in a sentence.
    """

    target: Target
    status: Standing = "starting"
    seq: int = 0
    steps_to: int = -1
    epochs_to: int = -1
    where: str = ""
    error: str = ""


def place(run_folder: Path, target: Target) -> Path:
    """File of a target's bookmark: one for each tracker and place."""
    key = sha256(encode(target)).hexdigest()[:8]
    return run_folder / "trackers" / f"{name_of(target)}-{key}.json"


def places(run_folder: Path) -> list[Path]:
    """Files of all bookmarks of a run."""
    return sorted((run_folder / "trackers").glob("*.json"))


def load(path: Path) -> Bookmark:
    """Read a bookmark.

    Raises
    ------
    StoreError
        If there is none, or it can't be understood.
    """
    try:
        mark: Bookmark = decode(path.read_bytes(), Bookmark)
    except (OSError, ConfigError) as error:
        raise StoreError(
            f"{path} can't be read: {error}; delete it to have the run mirrored from its start"
        ) from error
    return mark


def save(path: Path, mark: Bookmark) -> None:
    """Write a bookmark whole; its folder is made.

    Raises
    ------
    StoreError
        If it can't be written.
    """
    try:
        path.parent.mkdir(exist_ok=True)
        # After a power cut an older bookmark does: some points are given to the tracker again.
        with whole_file(path, durable=False) as unfinished:
            unfinished.write_bytes(encode(mark))
    except OSError as error:
        raise StoreError(
            f"{path} can't be written: {error.strerror or error}; a mirror needs a run's folder "
            "with room, where you may write"
        ) from error

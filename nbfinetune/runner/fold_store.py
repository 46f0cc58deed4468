"""Where a cross-validation lies: its plan, and how far its folds are."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from msgspec import Struct

from nbfinetune.records import FineTuneConfig, decode, encode
from nbfinetune.runner.run import Run
from nbfinetune.runner.series import Kind
from nbfinetune.runner.trackers import Target
from nbfinetune.whole_files import write_whole

CROSS_VALIDATION = Kind("cross-validation", "cross-validations", "cross_validation.json")
_FILE = "folds.json"


class Plan(Struct, frozen=True, forbid_unknown_fields=True):
    """A cross-validation.

    Parameters
    ----------
    config : FineTuneConfig
        Of its first fold; the others differ in `data.fold`.
    folds : int
    trackers : tuple of Target
        What each fold's run is mirrored to.
    """

    config: FineTuneConfig
    folds: int
    trackers: tuple[Target, ...] = ()


class Standing(Struct, frozen=True, forbid_unknown_fields=True):
    """How far it is.

    Parameters
    ----------
    runs : tuple of str
        Folders of the runs that have begun, by fold.
    done : int
        Folds that have ended with a result; the next is in hand, or fails, or has not begun.
    trouble : str
        Why it broke off, in a sentence; empty where it did not.
    """

    runs: tuple[str, ...] = ()
    done: int = 0
    trouble: str = ""


def read_plan(folder: Path) -> Plan:
    """Plan of a cross-validation."""
    plan: Plan = decode((folder / CROSS_VALIDATION.plan).read_bytes(), Plan)
    return plan


def read_standing(folder: Path) -> Standing:
    """How far a cross-validation is."""
    path = folder / _FILE
    if not path.exists():
        return Standing()
    standing: Standing = decode(path.read_bytes(), Standing)
    return standing


def write_standing(folder: Path, standing: Standing) -> None:
    """Keep how far it is."""
    write_whole(folder / _FILE, encode(standing))


def runs_of(folders: Iterable[str]) -> tuple[Run, ...]:
    """Those runs of a standing whose folders are still there."""
    return tuple(Run(folder) for folder in map(Path, folders) if folder.is_dir())

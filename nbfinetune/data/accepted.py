"""A source that passed the first look, and what of it travels with a run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from nbfinetune.records import Arrays, Files, Source

if TYPE_CHECKING:
    from nbfinetune.data.arrays import CheckedArrays
    from nbfinetune.data.exported import Exported
    from nbfinetune.data.listing import FileList

_PLACED = "data"


def nothing(run_folder: Path) -> None:
    """Nothing of this source has to travel with the run."""


def no_content() -> Iterable[bytes]:
    """Nothing but its record tells this data set from others."""
    return ()


class Accepted(NamedTuple):
    """A source that passed the first look.

    Parameters
    ----------
    source : Source
        The record for the run's configuration; its paths are absolute, but for what travels.
    place : callable (run_folder) -> None
        Writes what must travel with the run (the arrays of a notebook, a list of files) into its
        folder.
    hint : str
        Short name for people: "photos", "mnist", "arrays".
    content : callable () -> bytes, in pieces
        What travels with the run, for a key that tells it from other data.
    """

    source: Source
    place: Callable[[Path], None]
    hint: str
    content: Callable[[], Iterable[bytes]] = no_content


def accepted_arrays(checked: CheckedArrays, hint: str) -> Accepted:
    """Arrays of a notebook, which are written into the run's folder."""
    from nbfinetune.data.arrays import as_pieces, save_arrays

    def place(run_folder: Path) -> None:
        save_arrays(checked, run_folder / _PLACED)

    source = Arrays(path=_PLACED, classes=checked.classes)
    return Accepted(source, place, hint, lambda: as_pieces(checked))


def accepted_files(files: FileList, hint: str) -> Accepted:
    """Files that lie where they are; their list is written into the run's folder."""
    from nbfinetune.data.file_lists import as_json, save_files

    def place(run_folder: Path) -> None:
        save_files(files, run_folder / _PLACED)

    def content() -> Iterator[bytes]:
        yield as_json(files)

    return Accepted(Files(path=_PLACED), place, hint, content)


def accepted_copies(exported: Exported, hint: str) -> Accepted:
    """Files of a data set that was an object; copies of its images travel with the run."""
    from nbfinetune.data.exported import place_copies
    from nbfinetune.data.file_lists import as_json, save_files

    if exported.copies is None:
        return accepted_files(exported.files, hint)

    def place(run_folder: Path) -> None:
        save_files(place_copies(exported, run_folder / _PLACED), run_folder / _PLACED)

    def content() -> Iterator[bytes]:
        # The names of copies tell what is in them; where the copies lie is chance.
        yield as_json(exported.files._replace(root=""))

    return Accepted(Files(path=_PLACED), place, hint, content)

"""Exported files, written whole or not at all; what fails is said in a sentence. No torch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nbfinetune.errors import StoreError
from nbfinetune.whole_files import whole_file

__all__ = ["stored", "storing", "write_text"]


@contextmanager
def storing(path: Path, *others: type[Exception]) -> Iterator[None]:
    """Make the folder of a file that is written in the block.

    Parameters
    ----------
    path : Path
    others : type of Exception
        What else whoever writes it raises where it can't.

    Raises
    ------
    StoreError
        If the folder can't be made, or the block ends with `OSError` or one of `others`.
    """
    kinds: tuple[type[Exception], ...] = (OSError, *others)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield
    except kinds as error:
        raise StoreError(
            f"{path} could not be written ({error}); make room, or choose another folder"
        ) from error


@contextmanager
def stored(path: Path, *others: type[Exception]) -> Iterator[Path]:
    """Path to write to; what lies there at the end of the block takes the place of `path`.

    Parameters
    ----------
    others : type of Exception
        As in `storing`.

    Raises
    ------
    StoreError
        If it can't be written; the file that was there before stays as it was.
    """
    with storing(path, *others), whole_file(path, durable=False) as unfinished:
        yield unfinished


def write_text(text: str, path: Path) -> None:
    """Write a text file whole or not at all.

    Raises
    ------
    StoreError
        If it can't be written.
    """
    with stored(path) as unfinished:
        # Names of folders may hold bytes that are no UTF-8.
        unfinished.write_bytes(text.encode("utf-8", "backslashreplace"))

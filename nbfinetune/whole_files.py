"""Files that are there whole or not at all, whatever ends their writer."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["whole_file", "write_whole"]


@contextmanager
def whole_file(path: Path, *, durable: bool = True) -> Iterator[Path]:
    """Path to write to; what lies there at the end of the block takes the place of `path`.

    It is beside `path`, so that the file system renames it in one step. Where the block fails, the
    file that was there before stays as it was; where the process is killed, a `.tmp` is left.

    Parameters
    ----------
    path : Path
        In a folder that exists.
    durable : bool
        Have the disk hold the bytes before the name: after a power cut, too, there is the old
        file or the new one.

    Raises
    ------
    OSError
        If the file can't be written or renamed.
    """
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        yield unfinished
        if durable:
            with unfinished.open("rb+") as file:
                os.fsync(file.fileno())
        unfinished.replace(path)
    except BaseException:
        with suppress(OSError):  # never made; or what ended the block says more than this would
            unfinished.unlink()
        raise


def write_whole(path: Path, data: bytes) -> None:
    """Write a durable file whole or not at all.

    Raises
    ------
    OSError
        If it can't be written; the one before is whole.
    """
    with whole_file(path) as unfinished:
        unfinished.write_bytes(data)

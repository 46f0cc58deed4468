"""A look at image files before training: cheap enough for all, sharp enough to stop early."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from nbfinetune.data.decode import UnreadableImage, decode, open_header

MAX_CHECKED = 20_000
"""Files looked at before training; of more, an even sample. The rest is found while training."""

_END_MARKERS = {"JPEG": b"\xff\xd9", "MPO": b"\xff\xd9", "PNG": b"IEND\xaeB`\x82"}
_TAIL = 64


def check_files(
    paths: Sequence[str], threads: int, path_of: Callable[[str], str] = str
) -> dict[int, str]:
    """Positions of the files that can't be trained on, with the reasons.

    Parameters
    ----------
    paths : sequence of str
    threads : int
    path_of : callable, optional
        Turns an element of `paths` into a path that can be opened.
    """
    step = -(-len(paths) // MAX_CHECKED) or 1
    positions = range(0, len(paths), step)
    with ThreadPoolExecutor(threads, thread_name_prefix="nbft-check") as pool:
        reasons = pool.map(lambda i: check_file(path_of(paths[i])), positions, chunksize=1)
        return {i: reason for i, reason in zip(positions, reasons, strict=True) if reason}


def check_file(path: str) -> str | None:
    """Why a file can't be trained on, or None.

    Reads the header, and for JPEG and PNG the last bytes; only a file that lacks its end marker
    is decoded (some cameras write more after it).
    """
    try:
        with open_header(path) as image:
            marker = _END_MARKERS.get(image.format or "")
        if marker is not None and not _ends_with(path, marker):
            decode(path, at_least=1)
    except UnreadableImage as error:
        return error.reason
    return None


def _ends_with(path: str, marker: bytes) -> bool:
    with Path(path).open("rb") as file:
        file.seek(0, os.SEEK_END)
        file.seek(max(file.tell() - _TAIL, 0))
        return file.read().rstrip(b"\0\r\n ").endswith(marker)

"""Where decoded images lie, how much room they may take, and who is using them.

Each data set at each size has a folder of its own under `cache_home()/decoded`. Folders that were
used longest ago are deleted first, and never one that a process uses: whoever uses one holds a
lock in it, which the operating system lets go of when that process dies.
"""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import PIL

from nbfinetune.data.machine import cache_home
from nbfinetune.errors import DataError

if TYPE_CHECKING:
    from filelock import BaseFileLock

LIMIT_VARIABLE = "NBFINETUNE_CACHE_GB"

KEPT_FREE = 2 * 10**9
"""Bytes of the disk that are left to others, the run's own checkpoints among them."""

_FORMAT = 2
_MOST = 20 * 10**9
_PART_OF_FREE = 0.25
_GUARD_TIMEOUT_S = 30.0
_UNITS = ((10**9, "GB"), (10**6, "MB"), (10**3, "kB"))


class CacheRefusal(DataError):
    """Images can't be kept here; the message is a sentence that says why."""


def caches_home() -> Path:
    """Folder of all caches of decoded images."""
    return cache_home() / "decoded"


def cache_folder(root: str, items: tuple[str, ...], side_px: int, channels: int = 3) -> Path:
    """Folder for the images of a data set.

    It depends on where the files lie, not on the run: folds, subsets and later runs share it.

    Parameters
    ----------
    root : str
        Folder of the data set; may be empty.
    items : tuple of str
        Paths, relative to `root` where they lie under it.
    side_px : int
        Shorter side that images are shrunk to.
    channels : int
        Of an image as it is kept.
    """
    place = root or _shared_folder(items)
    # Pillow brings the decoders: with another version the same file may give other pixels.
    name = f"{_FORMAT}\n{PIL.__version__}\n{side_px}\n{channels}\n".encode() + os.fsencode(place)
    return caches_home() / blake2b(name, digest_size=10).hexdigest()


def _shared_folder(items: tuple[str, ...]) -> str:
    try:
        return os.path.commonpath([str(Path(item).parent) for item in items])
    except ValueError:  # several drives, or absolute and relative paths
        return ""


def limit_bytes() -> int:
    """Bytes that all caches together may take; 0 turns them off.

    `NBFINETUNE_CACHE_GB` (10^9 bytes) says it, else it is a quarter of the disk's free space, the
    caches themselves counted as free, and at most 20 GB.

    Raises
    ------
    CacheRefusal
        If the variable is no number of gigabytes.
    """
    chosen = os.environ.get(LIMIT_VARIABLE, "").strip()
    if not chosen:
        free = free_bytes(cache_home()) + sum(map(size_of, _folders()))
        return int(min(_MOST, free * _PART_OF_FREE))
    try:
        gigabytes = float(chosen)
    except ValueError:
        gigabytes = math.nan
    if not gigabytes >= 0:
        raise CacheRefusal(
            f"{LIMIT_VARIABLE} is {chosen!r}, which is no number of gigabytes; "
            "set it to 20, for example, or to 0 to keep nothing"
        )
    return int(min(gigabytes, 1e9) * 1e9)


def free_bytes(folder: Path) -> int:
    """Free bytes of the disk that holds a folder, or the first folder above it that exists."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def size_of(folder: Path) -> int:
    """Bytes of the files in a cache's folder."""
    try:
        return sum(entry.stat().st_size for entry in os.scandir(folder))
    except FileNotFoundError:  # deleted by another process this very moment
        return 0


def make_room(folder: Path, needed: int) -> int:
    """Delete the caches that were used longest ago until one of `needed` bytes fits.

    Call it under `guarded`.

    Parameters
    ----------
    folder : Path
        The cache to make room for, which is kept.
    needed : int
        Bytes that it takes in all.

    Returns
    -------
    int
        Bytes that it may take.

    Raises
    ------
    CacheRefusal
        If it does not fit.
    """
    limit = limit_bytes()
    if needed > limit:
        raise CacheRefusal(
            f"decoded they take {in_words(needed)}, and {in_words(limit)} are allowed; "
            f"set {LIMIT_VARIABLE} higher to keep them"
        )
    sizes = {other: size_of(other) for other in _folders() if other != folder}
    for other in sorted(sizes, key=lambda one: one.stat().st_mtime):
        if sum(sizes.values()) + needed <= limit:
            break
        if delete(other):
            del sizes[other]
    room = limit - sum(sizes.values())
    if needed > room:
        raise CacheRefusal(
            f"decoded they take {in_words(needed)}, and of the {in_words(limit)} that are allowed "
            f"other runs use {in_words(limit - room)} now; set {LIMIT_VARIABLE} higher to keep them"
        )
    missing = needed - size_of(folder)
    free = free_bytes(folder)
    if missing > 0 and missing + KEPT_FREE > free:
        raise CacheRefusal(
            f"decoded they take another {in_words(missing)}, and the disk of {folder} has "
            f"{in_words(free)} left, of which {in_words(KEPT_FREE)} stay free; make room on it, or "
            "let the environment variable NBFINETUNE_CACHE name a folder on another disk"
        )
    return room


def delete(folder: Path) -> bool:
    """Delete a cache that nobody uses; whether it was deleted. Call it under `guarded`."""
    if any(not _is_free(path) for path in folder.glob("*.lock")):
        return False
    shutil.rmtree(folder, ignore_errors=True)
    return not folder.exists()


@contextmanager
def guarded() -> Iterator[None]:
    """Nobody else opens or deletes a cache meanwhile.

    Raises
    ------
    OSError
        If the caches' folder can't be written, or another process does not let go for long.
    """
    from filelock import FileLock

    home = caches_home()
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    with FileLock(home / "guard.lock", timeout=_GUARD_TIMEOUT_S):
        yield


def use(folder: Path) -> BaseFileLock:
    """Take a cache's folder into use: a lock to release when done. Call it under `guarded`."""
    folder.mkdir(exist_ok=True, mode=0o700)
    os.utime(folder)
    seats = (locked(folder / f"use-{number}.lock") for number in count())
    return next(seat for seat in seats if seat is not None)


def locked(path: Path) -> BaseFileLock | None:
    """Lock on a file, or None while another process (or another part of this one) has it.

    Raises
    ------
    OSError
        If the file can't be made or its disk knows no locks.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(path, thread_local=False)  # taken by one thread, released by another
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return None
    return lock


def _is_free(path: Path) -> bool:
    lock = locked(path)
    if lock is None:
        return False
    lock.release()
    return True


def _folders() -> list[Path]:
    home = caches_home()
    return [entry for entry in home.iterdir() if entry.is_dir()] if home.is_dir() else []


def in_words(size: int) -> str:
    """Bytes as people say them: 35.2 GB, 1.4 MB, 10.0 kB."""
    unit, name = next((u, n) for u, n in _UNITS if size >= u or u == 1000)
    return f"{size / unit:.1f} {name}"

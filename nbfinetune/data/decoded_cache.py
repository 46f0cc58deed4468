"""Images decoded once: their pixels at the stored size, kept on the disk for later epochs and runs.

Whoever needs an image first decodes it and leaves its pixels there, so the cache fills while the
first epoch trains and nobody waits for it. One process at a time writes; others read what is there
and decode the rest themselves.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from nbfinetune.data.bands import Raster, channels_of, pixels_of
from nbfinetune.data.cache_files import (
    KEPT_FREE,
    CacheRefusal,
    delete,
    free_bytes,
    guarded,
    in_words,
    limit_bytes,
    locked,
    make_room,
    use,
)
from nbfinetune.data.pixel_file import Entry, PixelFile, Stamp
from nbfinetune.data.stored_image import stored_image

if TYPE_CHECKING:
    from filelock import BaseFileLock

OnUnused: TypeAlias = Callable[[str], None]
Kept = TypeVar("Kept")

_ASK_AGAIN_S = 1.0

# filelock says with the second of them that a disk knows no locks.
_TROUBLE = (OSError, NotImplementedError, CacheRefusal)


class DecodedCache:
    """Pixels of image files at one stored size; made by `open_cache`, used by several threads.

    Parameters
    ----------
    folder : Path
    side_px : int
        Shorter side that images are shrunk to.
    channels : int
        Of an image as it is kept.
    room : int
        Bytes that the folder may take.
    seat : BaseFileLock
        Says that the folder is in use, until `close`.
    file : PixelFile
    on_unused : callable (reason)
        Told once, in whichever thread it happens, why no more images are kept.
    """

    def __init__(
        self,
        folder: Path,
        side_px: int,
        channels: int,
        room: int,
        seat: BaseFileLock,
        file: PixelFile,
        on_unused: OnUnused,
    ) -> None:
        self.folder = folder
        self.side_px, self.channels = side_px, channels
        self._room = room
        self._seat = seat
        self._file = file
        self._on_unused = on_unused
        self._lock = threading.Lock()
        self._writer: BaseFileLock | None = None
        self._asked = -_ASK_AGAIN_S
        self._filling = True

    def image(self, path: str) -> Raster:
        """Image as `stored_image` gives it, bit for bit, out of the cache where it is there.

        A file that has changed since is decoded again. One that is gone, or can't be reached, is
        served as it was: a run ends with the images it began with.

        Raises
        ------
        UnreadableImage
            If it is not there and can't be decoded.
        """
        return self._get(path, self._file.image, lambda image: image)

    def pixels(self, path: str) -> NDArray[np.uint8]:
        """Pixels of `image`, uint8 (H, W, C); the calling thread's until it asks again."""
        return self._get(path, self._file.pixels, pixels_of)

    def _get(
        self,
        path: str,
        read: Callable[[bytes, Entry], Kept | None],
        shaped: Callable[[Raster], Kept],
    ) -> Kept:
        key, stamp = _key(path), _stamp(path)
        entry = self._find(key)
        if entry is not None and stamp in (None, entry.stamp):
            kept = read(key, entry)
            if kept is not None:
                return kept
        image = stored_image(path, self.side_px, self.channels)
        # A file that changed while it was decoded may be half of each.
        if self._filling and stamp is not None and stamp == _stamp(path):
            self._keep(key, image, stamp)
        return shaped(image)

    def close(self) -> None:
        """Let go of the folder; the cache is of no use then."""
        with self._lock:
            self._filling = False
            self._file.close()
            for lock in (self._writer, self._seat):
                if lock is not None:
                    lock.release()
            with suppress(OSError):  # the folder may be gone
                os.utime(self.folder)

    def _find(self, key: bytes) -> Entry | None:
        entry = self._file.find(key)
        if entry is None and self._writer is None:
            self._file.refresh()
            entry = self._file.find(key)
        return entry

    def _keep(self, key: bytes, image: Raster, stamp: Stamp) -> None:
        with self._lock:
            if not self._filling:
                return
            try:
                if self._may_write():
                    self._check_room(channels_of(image) * image.size[0] * image.size[1])
                    self._file.append(key, image, stamp)
                return
            except _TROUBLE as error:
                self._filling = False
                reason = error
        self._on_unused(f"no more decoded images are kept: {_words(reason)}")

    def _may_write(self) -> bool:
        if self._writer is None and time.monotonic() - self._asked >= _ASK_AGAIN_S:
            self._asked = time.monotonic()
            self._writer = locked(self.folder / "writer.lock")
            if self._writer is not None:
                self._file.start_writing()
        return self._writer is not None

    def _check_room(self, more: int) -> None:
        size, free = self._file.size, free_bytes(self.folder)
        if size + more > self._room:
            raise CacheRefusal(
                f"{self.folder} takes {in_words(size)} and may take no more; "
                "set NBFINETUNE_CACHE_GB higher, or delete the folder when no run uses it"
            )
        if free - more < KEPT_FREE:
            raise CacheRefusal(
                f"the disk of {self.folder} has {in_words(free)} left; make room on it"
            )


def open_cache(
    folder: Path, side_px: int, expected: int, on_unused: OnUnused, channels: int = 3
) -> DecodedCache | None:
    """Cache in a folder, or None where nothing can be kept.

    Caches that were used longest ago make room for it.

    Parameters
    ----------
    folder : Path
        Of `nbfinetune.data.cache_files.cache_folder`.
    side_px : int
        Shorter side that images are shrunk to.
    expected : int
        Bytes that the images of the run take when they are decoded.
    on_unused : callable (reason)
        Told why nothing is kept, unless `NBFINETUNE_CACHE_GB` is 0: then it was asked for.
    channels : int
        Of an image as it is kept.
    """
    try:
        if limit_bytes() == 0:
            return None
        with guarded():
            file = _opened(folder, expected)
            try:
                room = make_room(folder, max(expected, file.size))
                seat = use(folder)
            except BaseException:
                file.close()
                raise
        return DecodedCache(folder, side_px, channels, room, seat, file, on_unused)
    except _TROUBLE as error:
        on_unused(f"decoded images are not kept for later epochs: {_words(error)}")
        return None


def _opened(folder: Path, expected: int) -> PixelFile:
    folder.mkdir(exist_ok=True, mode=0o700)
    file = PixelFile(folder)
    # Files that were written again leave their old pixels behind; and the limit may be lower now.
    if file.dead_bytes <= file.size // 3 and (file.size <= limit_bytes() or expected >= file.size):
        return file
    file.close()
    if delete(folder):
        folder.mkdir(mode=0o700)
    return PixelFile(folder)


def _key(path: str) -> bytes:
    return blake2b(os.fsencode(path), digest_size=16).digest()


def _stamp(path: str) -> Stamp | None:
    try:
        status = os.stat(path)  # noqa: PTH116 - a Path costs more than the call
    except OSError:
        return None
    return Stamp(status.st_size, status.st_mtime_ns)


def _words(error: Exception) -> str:
    if isinstance(error, CacheRefusal):
        return str(error)
    what = str(error)
    if isinstance(error, OSError) and error.strerror:
        what = f"{error.strerror} ({error.filename})" if error.filename else error.strerror
    return f"{what}; let the environment variable NBFINETUNE_CACHE name another folder"

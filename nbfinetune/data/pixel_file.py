"""Pixels of many images in one file, found by a key; safe against a crash at any moment.

`pixels.bin` holds one image behind the other, byte by byte, and `entries.bin` a record of fixed
length for each. Both only grow. A record is written after its pixels and carries a checksum of
itself and one of them, so whatever a crash leaves behind is found out and counts as not there.

Images are read, not mapped: a file that somebody cuts short, or that its disk can't give, would
end a process that has it mapped; and pages that are mapped count as memory of the run.
"""

from __future__ import annotations

import os
import struct
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from nbfinetune.data.bands import Raster, channels_of, pixels_of_bytes, raster_of_bytes

if TYPE_CHECKING:
    from io import FileIO

PIXELS, ENTRIES = "pixels.bin", "entries.bin"

_RECORD = struct.Struct("<16sQIIBQqI")
_CHECK = struct.Struct("<I")
_LENGTH = _RECORD.size + _CHECK.size


class Stamp(NamedTuple):
    """What tells one state of an image file from another: its length and when it was written."""

    size: int
    mtime_ns: int


class Entry(NamedTuple):
    """Where the pixels of an image lie, and what file they were decoded from."""

    offset: int
    width: int
    height: int
    channels: int
    stamp: Stamp
    crc: int

    @property
    def length(self) -> int:
        """Bytes of its pixels."""
        return self.channels * self.width * self.height


class PixelFile:
    """The two files of a folder; used by the threads of one process.

    Any number of processes may read them while one writes. Which one may is not decided here.

    Parameters
    ----------
    folder : Path
        Exists; the files are made in it.

    Raises
    ------
    OSError
        If the folder can't be written.
    """

    def __init__(self, folder: Path) -> None:
        self._pixels: FileIO = (folder / PIXELS).open("a+b", buffering=0)
        self._records: FileIO = (folder / ENTRIES).open("a+b", buffering=0)
        self._lock = threading.RLock()
        self._entries: dict[bytes, Entry] = {}
        self._trusted: set[tuple[int, int]] = set()
        self._records_read = 0
        self._end = 0
        self._space = threading.local()
        self.refresh()

    @property
    def size(self) -> int:
        """Bytes of both files."""
        with self._lock:
            return _size_of(self._pixels) + _size_of(self._records)

    @property
    def dead_bytes(self) -> int:
        """Bytes of pixels that no entry stands for any more."""
        with self._lock:
            live = sum(entry.length for entry in self._entries.values())
            return _size_of(self._pixels) - live

    def refresh(self) -> None:
        """Take in what another process has written since the last look."""
        with self._lock:
            self._records.seek(self._records_read)
            data = self._records.readall() or b""
            whole = len(data) - len(data) % _LENGTH
            for start in range(0, whole, _LENGTH):
                self._take_in(data[start : start + _LENGTH])
            self._records_read += whole

    def find(self, key: bytes) -> Entry | None:
        """Entry of a key, the newest one."""
        return self._entries.get(key)

    def image(self, key: bytes, entry: Entry) -> Raster | None:
        """Image of an entry, or None where its pixels are not what was written."""
        data = self._checked(key, entry)
        size = (entry.width, entry.height)
        return None if data is None else raster_of_bytes(data, size, entry.channels)

    def pixels(self, key: bytes, entry: Entry) -> NDArray[np.uint8] | None:
        """The same as an array (H, W, C); the calling thread's until it asks again."""
        data = self._checked(key, entry)
        size = (entry.width, entry.height)
        return None if data is None else pixels_of_bytes(data, size, entry.channels)

    def _checked(self, key: bytes, entry: Entry) -> memoryview | None:
        data = self._bytes(entry)
        if len(data) == entry.length and self._is_right(data, entry):
            return data
        with self._lock:
            if len(data) < entry.length:
                self._trusted.clear()  # somebody cut the file: what lies where is uncertain
            if self._entries.get(key) == entry:
                del self._entries[key]
        return None

    def start_writing(self) -> None:
        """Clear away the half record that a killed writer left; call it once, before `append`.

        Raises
        ------
        OSError
            If the file can't be written.
        """
        with self._lock:
            self.refresh()
            self._records.truncate(self._records_read)

    def append(self, key: bytes, image: Raster, stamp: Stamp) -> None:
        """Write an image; the only process that does.

        Raises
        ------
        OSError
            If the disk is full or fails; nothing of the image counts then.
        """
        pixels = image.tobytes()
        checksum = crc32(pixels)
        with self._lock:
            shape = (*image.size, channels_of(image))
            entry = Entry(_size_of(self._pixels), *shape, stamp, checksum)
            if entry.offset < self._end:
                self._trusted.clear()  # as above: it lies where another did
            record = _RECORD.pack(key, entry.offset, *shape, *stamp, checksum)
            try:
                _write(self._pixels, pixels)
                _write(self._records, record + _CHECK.pack(crc32(record)))
            except OSError:
                with suppress(OSError):  # else the next writer clears it away
                    self._records.truncate(self._records_read)
                    self._pixels.truncate(entry.offset)
                raise
            self._records_read += _LENGTH
            self._enter(key, entry)
            self._trusted.add((entry.offset, entry.crc))

    def close(self) -> None:
        """Let go of the files; images that were given out stay whole."""
        with self._lock:
            self._pixels.close()
            self._records.close()

    def _take_in(self, data: bytes) -> None:
        record = data[: _RECORD.size]
        if _CHECK.unpack_from(data, _RECORD.size) != (crc32(record),):
            return
        key, offset, width, height, channels, size, mtime_ns, crc = _RECORD.unpack(record)
        stamp = Stamp(size, mtime_ns)
        self._enter(key, Entry(offset, width, height, channels, stamp, crc))

    def _enter(self, key: bytes, entry: Entry) -> None:
        self._entries[key] = entry
        self._end = max(self._end, entry.offset + entry.length)

    def _is_right(self, pixels: memoryview, entry: Entry) -> bool:
        """Whether they are what was written; looked into once, which takes as long as reading."""
        if (entry.offset, entry.crc) not in self._trusted:
            if crc32(pixels) != entry.crc:
                return False
            self._trusted.add((entry.offset, entry.crc))
        return True

    def _bytes(self, entry: Entry) -> memoryview:
        """Pixels of an entry, until this thread asks again; fewer where the file or disk fails."""
        space = getattr(self._space, "bytes", b"")
        if len(space) < entry.length:
            # New memory for each image would cost more than what is read into it.
            space = self._space.bytes = bytearray(entry.length)
        pixels = memoryview(space)[: entry.length]
        try:
            return pixels[: self._read_into(pixels, entry.offset)]
        except OSError:
            return pixels[:0]

    def _read_into(self, space: memoryview, offset: int) -> int:
        if hasattr(os, "preadv"):  # not on Windows; leaves the place in the file alone
            return os.preadv(self._pixels.fileno(), [space], offset)
        with self._lock:
            self._pixels.seek(offset)
            return self._pixels.readinto(space) or 0


def _size_of(file: FileIO) -> int:
    return file.seek(0, 2)


def _write(file: FileIO, data: bytes) -> None:
    written = file.write(data)
    if written != len(data):
        raise OSError(f"{written or 0} of {len(data)} bytes were written: the disk is full")

"""Archives of class folders: looked at first, unpacked once, never outside their folder."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import re
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from hashlib import blake2b
from pathlib import Path, PurePosixPath
from typing import IO, Any, NamedTuple, TypeAlias

from nbfinetune.data.folders import SUFFIXES, find_layout, is_hidden, looks_like_image, subfolders
from nbfinetune.data.machine import cache_home, scratch_folder
from nbfinetune.errors import DataError

ARCHIVE_SUFFIXES = (
    ".zip", ".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2", ".tbz2",
)  # fmt: skip

MOST_BYTES = 20 * 2**30
"""Largest archive, unpacked."""

MOST_MEMBERS = 2_000_000
"""Most entries of an archive."""

MOST_RATIO = 1_000
"""Most bytes that one byte of an archive may become."""

_SMALL = 2**20  # a drawing of one colour may shrink a thousandfold and harms nobody
_LONGEST_READ = 2**22
_PACKERS: dict[bytes, Any] = {b"\x1f\x8b": gzip.open, b"BZ": bz2.open, b"\xfd7": lzma.open}
_DRIVE = re.compile(r"[A-Za-z]:")
_BROKEN = (
    tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError,
    NotImplementedError, UnicodeError,
)  # fmt: skip

Opened: TypeAlias = "zipfile.ZipFile | tarfile.TarFile"


class Member(NamedTuple):
    """What an archive holds: a file or (with a slash at the end) a folder.

    Parameters
    ----------
    name : str
    size : int
        Bytes, unpacked.
    packed : int or None
        Bytes in the archive; None where members are not packed one by one.
    entry
        What the archive's reader calls it.
    """

    name: str
    size: int
    packed: int | None
    entry: zipfile.ZipInfo | tarfile.TarInfo


def is_archive(path: str | os.PathLike[str]) -> bool:
    """Whether the name is that of an archive which can be unpacked."""
    return os.fspath(path).lower().endswith(ARCHIVE_SUFFIXES)


def check_archive(path: Path) -> None:
    """Look at what an archive holds; of a tar file, which has no table of contents, at the start.

    Raises
    ------
    DataError
        If it can't be read, holds no image, or has a member that would do harm; names the member.
    """
    with _opened(path) as archive:
        for member in _members(archive, path):
            if isinstance(archive, tarfile.TarFile) and _is_wanted(member.name):
                return


def unpacked(path: Path) -> Path:
    """Folder with the images of an archive, unpacked into the cache unless that has been done.

    A single folder at the top is passed through. Only images are written.

    Raises
    ------
    DataError
        As `check_archive`, and if there is no room or the cache can't be written.
    """
    target = _place(path)
    if not target.is_dir():
        scratch = scratch_folder(target.parent.name, ".unpacking-")
        try:
            _extract(path, scratch)
            _take_name(scratch, target)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    return _below_the_top(target)


def _place(path: Path) -> Path:
    try:
        facts = path.stat()
    except OSError as error:
        raise DataError(f"{path} can't be read ({error.strerror}): check the path") from error
    known_by = f"{path.absolute()}|{facts.st_size}|{facts.st_mtime_ns}"
    key = blake2b(known_by.encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()
    return cache_home() / "archives" / f"{path.name.partition('.')[0]}-{key}"


def _take_name(scratch: Path, target: Path) -> None:
    try:
        scratch.replace(target)
    except OSError:
        if not target.is_dir():  # else another run was faster, with the same files
            raise


def _extract(path: Path, folder: Path) -> None:
    count = 0
    with _opened(path) as archive:
        for member in _members(archive, path):
            if not _is_wanted(member.name):
                continue
            target = folder / PurePosixPath(_forward(member.name))
            target.parent.mkdir(parents=True, exist_ok=True)
            with _stream(archive, member) as source, target.open("wb") as file:
                shutil.copyfileobj(source, file)
            count += 1
    if not count:
        raise DataError(f"{path} holds no images ({' '.join(SUFFIXES)})")


@contextmanager
def _opened(path: Path) -> Iterator[Opened]:
    try:
        if path.suffix.lower() == ".zip":
            with zipfile.ZipFile(path) as archive:
                yield archive
        else:
            with _unzipped(path) as stream, tarfile.open(fileobj=stream, mode="r:") as archive:
                yield archive
    except _BROKEN as error:
        raise DataError(
            f"{path} can't be unpacked ({str(error) or type(error).__name__}): check that it is "
            "whole and that the disk has room"
        ) from error


class _ShortReads:
    """A stream that gives no more at once than tables of contents and copies need.

    A tar file may say that a name is gigabytes long, and would be believed.
    """

    def __init__(self, stream: IO[bytes], name: str) -> None:
        self._stream = stream
        self._name = name
        self.seek, self.tell = stream.seek, stream.tell

    def read(self, size: int) -> bytes:
        if size > _LONGEST_READ:
            raise DataError(f"{self._name} holds a name of {size} bytes: it is no honest archive")
        return self._stream.read(size)


@contextmanager
def _unzipped(path: Path) -> Iterator[Any]:
    with path.open("rb") as file:
        start = file.read(2)
        file.seek(0)
        opener = _PACKERS.get(start)
        with nullcontext(file) if opener is None else opener(file) as stream:
            yield _ShortReads(stream, path.name)


def _stream(archive: Opened, member: Member) -> IO[bytes]:
    if isinstance(archive, zipfile.ZipFile):
        return archive.open(member.entry)  # type: ignore[arg-type]
    stream = archive.extractfile(member.entry)  # type: ignore[arg-type]
    if stream is None:
        raise tarfile.ReadError(f"{member.name} is no file")
    return stream


def _members(archive: Opened, path: Path) -> Iterator[Member]:
    """What an archive holds, each member found harmless before it is given out."""
    packed = path.stat().st_size
    total = 0
    inside = (
        _zipped(archive, path) if isinstance(archive, zipfile.ZipFile) else _tarred(archive, path)
    )
    for number, member in enumerate(inside):
        _refuse_name(member.name, path)
        total += member.size
        too_dense = total > MOST_RATIO * packed + _SMALL or (
            member.packed is not None and member.size > MOST_RATIO * member.packed + _SMALL
        )
        if too_dense or total > MOST_BYTES or number >= MOST_MEMBERS:
            raise DataError(
                f"{path.name} looks like a decompression bomb at {member.name!r}: at most "
                f"{MOST_MEMBERS} files, {MOST_BYTES // 2**30} GiB and {MOST_RATIO} times the "
                "packed size are unpacked; unpack it yourself and pass the folder"
            )
        yield member


def _zipped(archive: zipfile.ZipFile, path: Path) -> Iterator[Member]:
    for info in archive.infolist():
        kind = stat.S_IFMT(info.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise _refusal(info.filename, "a link or a device", path.name)
        if info.flag_bits & 1:
            raise DataError(
                f"{path} is encrypted ({info.filename!r}): unpack it with its password "
                "and pass the folder"
            )
        yield Member(info.filename, info.file_size, info.compress_size, info)


def _tarred(archive: tarfile.TarFile, path: Path) -> Iterator[Member]:
    for info in archive:
        if not info.isreg() and not info.isdir():
            raise _refusal(info.name, "a link or a device", path.name)
        yield Member(f"{info.name}/" if info.isdir() else info.name, info.size, None, info)
        archive.members = []  # type: ignore[attr-defined]  # else all stay in memory


def _refuse_name(name: str, path: Path) -> None:
    forward = _forward(name)
    if forward.startswith("/") or _DRIVE.match(forward) or "\0" in name:
        raise _refusal(name, "an absolute path", path.name)
    if ".." in forward.split("/"):
        raise _refusal(name, "a path that leaves its folder", path.name)


def _refusal(member: str, what: str, archive: str) -> DataError:
    return DataError(
        f"{archive} holds {member!r}, {what}: nothing of it is unpacked; get it from a "
        "source that you trust, or unpack it yourself and pass the folder"
    )


def _forward(name: str) -> str:
    return name.replace("\\", "/")


def _is_wanted(name: str) -> bool:
    parts = PurePosixPath(_forward(name)).parts  # without the "./" that tar may put in front
    return looks_like_image(name) and not any(map(is_hidden, parts))


def _below_the_top(folder: Path) -> Path:
    """The folder with the classes: below single folders, which packers like to put on top."""
    while find_layout(folder).train == folder:
        inner = subfolders(folder)
        if len(inner) != 1 or not subfolders(Path(inner[0].path)):
            break
        folder = Path(inner[0].path)
    return folder

"""IDX, the format of MNIST and its kin (http://yann.lecun.com/exdb/mnist/), raw or gzipped."""

from __future__ import annotations

import gzip
import math
import re
import struct
import zlib
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from nbfinetune.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_NAME = re.compile(r"(?:.*-)?(train|t10k|test)-(images|labels)[-.]idx[13]-ubyte(\.gz)?")

_PIECE = 2**24


class IdxFiles(NamedTuple):
    """Image and label files of the training part and, where there is one, the test part."""

    train: tuple[Path, Path]
    test: tuple[Path, Path] | None


def find_idx(folder: Path) -> IdxFiles | None:
    """IDX files in a folder, raw before gzipped; None where there is no training pair."""
    found: dict[tuple[str, str], Path] = {}
    for path in sorted(folder.iterdir(), reverse=True):
        if match := _NAME.fullmatch(path.name):
            part = "train" if match[1] == "train" else "test"
            found[part, match[2]] = path
    pairs = {
        part: (found[part, "images"], found[part, "labels"])
        for part in ("train", "test")
        if (part, "images") in found and (part, "labels") in found
    }
    return IdxFiles(pairs["train"], pairs.get("test")) if "train" in pairs else None


def read_pair(images: Path, labels: Path) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Images (N, H, W) and labels (N,) out of two IDX files.

    Raises
    ------
    DataError
        If a file is not such a file, ends early or late, or the two differ in number.
    """
    pixels, classes = read_idx(images, dims=3), read_idx(labels, dims=1)
    if len(pixels) != len(classes):
        raise DataError(
            f"{images} has {len(pixels)} images but {labels} has {len(classes)} labels: "
            "they do not belong together"
        )
    return pixels, classes


def read_idx(path: Path, dims: int) -> NDArray[np.uint8]:
    """Array of bytes out of one IDX file.

    The file starts with two zero bytes, the type (8: unsigned byte), the number of dimensions and
    each dimension as a big-endian 32-bit number.

    Raises
    ------
    DataError
        If the file is not such a file or does not hold what its header says.
    """
    opener: Any = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rb") as file:
            return _read(file, path, dims)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} can't be read ({error}): fetch it again") from error


def _read(file: IO[bytes], path: Path, dims: int) -> NDArray[np.uint8]:
    import numpy as np  # here, so that looking for such files costs no import

    header = file.read(4 + 4 * dims)
    if header[:4] != bytes((0, 0, 8, dims)) or len(header) < 4 + 4 * dims:
        raise DataError(
            f"{path} is no IDX file of bytes in {dims} dimensions: it starts with "
            f"{header[:4].hex(' ') or 'nothing'} instead of 00 00 08 {dims:02}"
        )
    shape = struct.unpack(f">{dims}I", header[4:])
    promised = math.prod(shape)
    data = _read_at_most(file, promised + 1)
    if len(data) != promised:
        raise DataError(
            f"{path} promises {promised} bytes ({' x '.join(map(str, shape))}) but holds "
            f"{'more' if len(data) > promised else len(data)}: fetch it again"
        )
    return np.frombuffer(data, dtype=np.uint8).reshape(shape)


def _read_at_most(file: IO[bytes], count: int) -> bytearray:
    """Bytes of a file, without believing a header that promises more than memory holds."""
    data = bytearray()
    while piece := file.read(min(_PIECE, count - len(data))):
        data += piece
    return data

"""One look at one image: whether it can be trained on, what is odd about it, what it looks like."""

from __future__ import annotations

import os
import struct
import threading
from contextlib import nullcontext
from enum import IntEnum, IntFlag
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageStat

from nbfinetune.data.decode import MAX_BYTES, UnreadableImage, decode, has_alpha, open_header
from nbfinetune.data.duplicates import PRINT_BYTES, fingerprint

DIGEST_BYTES = 16

_ENOUGH_PX = 64  # what the fingerprint is taken from; a JPEG is decoded no finer
_ONE_COLOUR = 2.0  # standard deviation of the grey values, of 255; lens caps and JPEG noise have 1
# Beyond these, one at a time: memory would not hold such an image for each thread.
_LARGE_BYTES = 32 * 2**20
_LARGE_PIXELS = 20_000_000
_ORIENTATION = 0x0112

_one_large_file, _one_large_image = threading.Lock(), threading.Lock()


class State(IntEnum):
    """Whether an image can be trained on."""

    UNSEEN = 0  # nobody has looked yet
    FINE = 1
    MISSING = 2
    EMPTY = 3
    CORRUPT = 4
    TRUNCATED = 5
    TOO_LARGE = 6
    DAMAGED = 7  # decodes, but not to what was saved


class Trait(IntFlag):
    """What is odd about an image that can be read."""

    CMYK = 1
    ALPHA = 2
    DEEP = 4  # more than 8 bits a channel
    TURNED = 8  # stored lying, with an EXIF tag that says how to turn it
    ONE_COLOUR = 16


class ImageFacts(NamedTuple):
    """What a look at an image found.

    Parameters
    ----------
    state : State
    reason : str
        Why it can't be trained on; empty if it can.
    traits : Trait
    width, height : int
        Pixels, upright; 0 where the header can't be read.
    size : int
        Bytes of the file or of the pixels.
    mtime_ns : int
        When the file was written last, as `os.stat` says; 0 for pixels.
    digest : bytes
        BLAKE2b of the bytes, 16 of them: equal for equal files.
    print : bytes
        Of `nbfinetune.data.duplicates.fingerprint`; zeros for an image without one.
    """

    state: State
    reason: str = ""
    traits: Trait = Trait(0)
    width: int = 0
    height: int = 0
    size: int = 0
    mtime_ns: int = 0
    digest: bytes = bytes(DIGEST_BYTES)
    print: bytes = bytes(PRINT_BYTES)


def look_at(image: str | os.PathLike[str] | NDArray[np.uint8]) -> ImageFacts:
    """Facts of one image; a file is read once, and whatever is wrong with it is a fact too.

    Parameters
    ----------
    image : path, or uint8 array (H, W) or (H, W, C)
    """
    if isinstance(image, np.ndarray):
        return _of_pixels(image)
    try:
        known = Path(image).stat()
        with _one_large_file if known.st_size > _LARGE_BYTES else nullcontext():
            return _of_file(os.fspath(image), known)
    except OSError as error:
        return ImageFacts(State.MISSING, error.strerror or str(error))
    except MemoryError:
        return ImageFacts(State.TOO_LARGE, "there is not enough memory to decode it")


def same_pixels(facts: Any, pixels: NDArray[np.uint8]) -> bool:
    """Whether facts, or a row of them, are those of these pixels; nothing is decoded."""
    if (facts["height"], facts["width"]) != pixels.shape[:2]:
        return False
    return bool(facts["digest"].tobytes() == _digest(_bytes(pixels)))


def _bytes(pixels: NDArray[np.uint8]) -> memoryview:
    return np.ascontiguousarray(pixels).data.cast("B")


def _digest(data: bytes | memoryview) -> bytes:
    return blake2b(data, digest_size=DIGEST_BYTES).digest()


def _of_file(path: str, known: os.stat_result) -> ImageFacts:
    size = known.st_size
    facts = ImageFacts(State.FINE, size=size, mtime_ns=known.st_mtime_ns)
    if size == 0:
        return facts._replace(state=State.EMPTY, reason="the file has zero bytes")
    if size > MAX_BYTES:
        reason = f"{size} bytes; at most {MAX_BYTES} are read"
        return facts._replace(state=State.TOO_LARGE, reason=reason)
    data = Path(path).read_bytes()
    facts = facts._replace(digest=_digest(data))
    try:
        return _decoded(path, data, facts)
    except UnreadableImage as error:
        return facts._replace(state=_state_of(data, error.reason), reason=error.reason)


def _decoded(path: str, data: bytes, facts: ImageFacts) -> ImageFacts:
    with open_header(path, data) as image:
        width, height = image.size
        # libjpeg unpacks every coefficient of a draft too, so a file that ends early is found.
        image.draft(None, (_ENOUGH_PX, _ENOUGH_PX))
        traits, pixels = _traits(image), image.width * image.height
        with _one_large_image if pixels > _LARGE_PIXELS else nullcontext():
            upright = decode(image)
            if (width - height) * (upright.width - upright.height) < 0:
                width, height = height, width
            facts = facts._replace(traits=traits, width=width, height=height)
            if image.format == "PNG" and not _intact(path, data):
                reason = "its checksums are wrong, so the pixels are not what was saved"
                return facts._replace(state=State.DAMAGED, reason=reason)
            return _with_looks(facts, upright)


def _intact(path: str, data: bytes) -> bool:
    """Whether a PNG's checksums are right, which decoding does not look at."""
    with open_header(path, data) as image:
        try:
            image.verify()
        except (SyntaxError, OSError):
            return False
    return True


def _of_pixels(pixels: NDArray[np.uint8]) -> ImageFacts:
    height, width = pixels.shape[:2]
    alpha = Trait.ALPHA if has_alpha(pixels) else Trait(0)
    facts = ImageFacts(State.FINE, "", alpha, width, height, pixels.nbytes)
    return _with_looks(facts._replace(digest=_digest(_bytes(pixels))), decode(pixels))


def _traits(image: Any) -> Trait:
    traits = Trait(0)
    if image.mode == "CMYK":
        traits |= Trait.CMYK
    if has_alpha(image):
        traits |= Trait.ALPHA
    if image.mode.startswith(("I", "F")):
        traits |= Trait.DEEP
    if _orientation(image) in range(2, 9):
        traits |= Trait.TURNED
    return traits


def _orientation(image: Any) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except (SyntaxError, ValueError, TypeError, LookupError, OSError, struct.error):
        return 1  # a broken EXIF block says nothing, as for `decode`


def _with_looks(facts: ImageFacts, upright: Image.Image) -> ImageFacts:
    grey = upright.convert("L")
    if ImageStat.Stat(grey).stddev[0] < _ONE_COLOUR:
        return facts._replace(traits=facts.traits | Trait.ONE_COLOUR)
    return facts._replace(print=fingerprint(grey))


def _state_of(data: bytes, reason: str) -> State:
    if "bomb" in reason:
        return State.TOO_LARGE
    # A WebP says how long it is; its decoder only says that it does not want the rest.
    short_webp = data[:4] == b"RIFF" and int.from_bytes(data[4:8], "little") + 8 > len(data)
    return State.TRUNCATED if short_webp or "truncated" in reason.lower() else State.CORRUPT

"""Small pictures for the page, made by a few threads in the order in which they are needed now."""

from __future__ import annotations

import contextlib
import io
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from PIL import Image

from nbfinetune.data.decode import UnreadableImage, open_header
from nbfinetune.data.image_index import printable
from nbfinetune.data.images import ImageSet
from nbfinetune.data.machine import default_threads

SIDE = 120
"""Shorter side of a thumbnail in pixels."""

LONGEST = 2.0
"""Longer side over the shorter one; of longer images the middle is shown."""

WHOLE = 1280
"""Longest side of an image that is opened by itself, in pixels."""

TINY = 64
"""Images up to this side travel as PNG: JPEG would smear what a person is to compare."""

SHELF_BYTES = 12 * 2**20
BATCH, BATCH_S = 12, 0.03
MOST_ASKERS = 8
THREADS = 4

Key: TypeAlias = Hashable


class Picture(NamedTuple):
    """An encoded image, or why there is none.

    Parameters
    ----------
    data : bytes
        JPEG or PNG; empty where the image can't be read.
    reason : str
        Why not, in words.
    """

    data: bytes
    reason: str = ""


class Pace:
    """Holds what is sent to a rate that every Jupyter server lets through.

    Parameters
    ----------
    rate : float
        Bytes a second on the long run.
    burst : float
        Bytes that may go at once after a pause.
    """

    def __init__(self, rate: float = 1e6, burst: float = 2.5e6) -> None:
        self._rate, self._burst = rate, burst
        self._left, self._at = burst, time.monotonic()
        self._lock = threading.Lock()

    def take(self, size: int) -> float:
        """Seconds to wait before `size` bytes may go."""
        with self._lock:
            now = time.monotonic()
            self._left = min(self._burst, self._left + (now - self._at) * self._rate) - size
            self._at = now
            return max(0.0, -self._left / self._rate)


class Desk:
    """Makes pictures in order of need, and forgets what nobody needs any more.

    Parameters
    ----------
    make : callable (key) -> Picture
        Called from threads, several at a time.
    deliver : callable (list of (key, Picture))
        Called from threads, or from `want` for what lies on the shelf.
    """

    def __init__(
        self,
        make: Callable[[Key], Picture],
        deliver: Callable[[list[tuple[Key, Picture]]], None],
    ) -> None:
        self._make, self._deliver = make, deliver
        self._shelf: OrderedDict[Key, Picture] = OrderedDict()
        self._held = 0
        self._wanted: OrderedDict[str, deque[Key]] = OrderedDict()
        self._in_hand: set[Key] = set()
        self._threads = min(THREADS, default_threads())
        self._working = 0
        self._lock = threading.Lock()
        self._pace = Pace()
        self._closed = threading.Event()
        self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="nbft-pictures")

    def want(self, asker: str, keys: Sequence[Key]) -> None:
        """Make these, the first first; whatever `asker` wanted before is dropped."""
        with self._lock:
            ready = [(key, self._from_shelf(key)) for key in keys if key in self._shelf]
            self._wanted.pop(asker, None)
            self._wanted[asker] = deque(key for key in keys if key not in self._shelf)
            while len(self._wanted) > MOST_ASKERS:
                self._wanted.popitem(last=False)
            more = min(self._threads - self._working, len(self._wanted[asker]))
            self._working += more
        if ready:
            self._hand_over(ready)
        for _ in range(more):
            self._pool.submit(self._work)

    def close(self) -> None:
        """Drop everything; what is in hand is still finished, and not delivered."""
        self._closed.set()
        with self._lock:
            self._wanted.clear()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _from_shelf(self, key: Key) -> Picture:
        self._shelf.move_to_end(key)
        return self._shelf[key]

    def _next(self) -> Key | None:
        """The most urgent key; None, and one worker less, where there is none."""
        with self._lock:
            for waiting in reversed(self._wanted.values()):
                while waiting:
                    key = waiting.popleft()
                    if key not in self._in_hand:
                        self._in_hand.add(key)
                        return key
            self._working -= 1
            return None

    def _work(self) -> None:
        batch: list[tuple[Key, Picture]] = []
        begun = time.monotonic()
        while (key := self._next()) is not None:
            batch.append((key, self._made(key)))
            if len(batch) >= BATCH or time.monotonic() - begun > BATCH_S:
                self._hand_over(batch)
                batch, begun = [], time.monotonic()
        if batch:
            self._hand_over(batch)

    def _made(self, key: Key) -> Picture:
        try:
            picture = self._make(key)
        except Exception as error:  # noqa: BLE001 - a picture that fails must not stop the others
            picture = Picture(b"", f"{type(error).__name__}: {error}")
        with self._lock:
            self._in_hand.discard(key)
            self._shelf[key] = picture
            self._held += len(picture.data)
            while self._held > SHELF_BYTES and len(self._shelf) > 1:
                _, old = self._shelf.popitem(last=False)
                self._held -= len(old.data)
        return picture

    def _hand_over(self, batch: list[tuple[Key, Picture]]) -> None:
        wait_s = self._pace.take(sum(len(picture.data) for _, picture in batch))
        if not self._closed.wait(wait_s) if wait_s else not self._closed.is_set():
            self._deliver(batch)


def thumbnail(images: ImageSet, number: int) -> Picture:
    """An image with a shorter side of at most `SIDE` pixels."""
    try:
        image = images.image(number, at_least=SIDE)
    except UnreadableImage as error:
        return Picture(b"", printable(error.reason))
    return Picture(encoded(_shrunk(_middle(image), SIDE / min(image.size))))


def whole(images: ImageSet, number: int) -> Picture:
    """An image as large as a page shows it."""
    try:
        image = images.image(number, at_least=WHOLE)
    except UnreadableImage as error:
        return Picture(b"", printable(error.reason))
    return Picture(encoded(_shrunk(image, WHOLE / max(image.size)), quality=88))


def described(images: ImageSet, number: int) -> dict[str, Any]:
    """Where an image lies and how large it is, for the page.

    Returns
    -------
    dict
        ``path``, ``width`` and ``height`` in pixels (0 where it can't be read), ``bytes``.
    """
    if images.pixels is not None:
        height, width = images.pixels.shape[1:3]
        size = int(images.pixels[number].nbytes)
        return {"path": images.name(number), "width": width, "height": height, "bytes": size}
    facts = {"path": images.name(number), "width": 0, "height": 0, "bytes": 0}
    path = images.index.path(number)
    with contextlib.suppress(OSError):  # a file that is gone: its picture says so
        facts["bytes"] = Path(path).stat().st_size
    with contextlib.suppress(UnreadableImage), open_header(path) as image:
        facts["width"], facts["height"] = image.size
    return facts


def encoded(image: Image.Image, quality: int = 75) -> bytes:
    """An RGB image as JPEG, or as PNG where it is tiny."""
    target = io.BytesIO()
    if max(image.size) <= TINY:
        image.save(target, "PNG")
    else:
        image.save(target, "JPEG", quality=quality)
    return target.getvalue()


def _middle(image: Image.Image) -> Image.Image:
    width, height = image.size
    most = round(LONGEST * min(width, height))
    if max(width, height) <= most:
        return image
    left, top = max(0, (width - most) // 2), max(0, (height - most) // 2)
    return image.crop((left, top, left + min(width, most), top + min(height, most)))


def _shrunk(image: Image.Image, factor: float) -> Image.Image:
    if factor >= 1:
        return image
    size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
    return image.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)

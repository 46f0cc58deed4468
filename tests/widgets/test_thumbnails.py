"""Pictures are made in the order of need, bounded, and failures are told in words."""

from __future__ import annotations

import io
import threading
import time

import numpy as np
import pytest
from photo_sets import photo
from PIL import Image

from nbfinetune.data.image_index import ImageIndex
from nbfinetune.data.images import ImageSet
from nbfinetune.widgets.thumbnails import SIDE, Desk, Pace, Picture, described, thumbnail, whole

DEADLINE_S = 60


class Counter:
    """Takes what a desk delivers."""

    def __init__(self) -> None:
        self.got: list[int] = []
        self.news = threading.Condition()

    def take(self, batch) -> None:
        with self.news:
            self.got += [key for key, _ in batch]
            self.news.notify_all()

    def until(self, condition) -> None:
        with self.news:
            assert self.news.wait_for(condition, DEADLINE_S), self.got


@pytest.fixture
def desk_of():
    desks = []

    def make(function, deliver) -> Desk:
        desks.append(Desk(function, deliver))
        return desks[-1]

    yield make
    for desk in desks:
        desk.close()


def files(*paths) -> ImageSet:
    names = tuple(str(path) for path in paths)
    zeros = np.zeros(len(names), np.int64)
    return ImageSet(ImageIndex(("a",), zeros, zeros.astype(np.uint8), names))


def test_rows_that_were_scrolled_away_are_never_made(desk_of) -> None:
    made, gate, counter = [], threading.Event(), Counter()

    def slow(key: int) -> Picture:
        made.append(key)
        gate.wait(DEADLINE_S)
        return Picture(b"x")

    desk = desk_of(slow, counter.take)
    desk.want("view", range(1000))
    desk.want("view", range(5000, 5010))
    gate.set()
    counter.until(lambda: set(range(5000, 5010)) <= set(counter.got))
    assert len(made) <= 10 + 4


def test_two_views_both_get_what_they_ask_for(desk_of) -> None:
    counter = Counter()
    desk = desk_of(lambda _: Picture(b"x"), counter.take)
    desk.want("one", [1, 2, 3])
    desk.want("two", [4, 5])
    counter.until(lambda: {1, 2, 3, 4, 5} <= set(counter.got))


def test_what_lies_on_the_shelf_is_not_made_again(desk_of) -> None:
    made, counter = [], Counter()

    def make(key: int) -> Picture:
        made.append(key)
        return Picture(b"x")

    desk = desk_of(make, counter.take)
    desk.want("view", [7])
    counter.until(lambda: counter.got == [7])
    desk.want("view", [7])
    counter.until(lambda: counter.got == [7, 7])
    assert made == [7]


def test_a_picture_that_fails_is_told_and_stops_nothing(desk_of) -> None:
    told, done = {}, threading.Event()

    def take(batch) -> None:
        told.update(batch)
        if len(told) == 2:
            done.set()

    desk = desk_of(lambda key: Picture(b"x") if key else 1 / 0, take)
    desk.want("view", [0, 1])
    assert done.wait(DEADLINE_S)
    assert told[0].reason == "ZeroDivisionError: division by zero"
    assert told[1].data == b"x"


def test_a_closed_desk_delivers_no_more(desk_of) -> None:
    counter, gate, begun = Counter(), threading.Event(), threading.Event()

    def slow(_: int) -> Picture:
        begun.set()
        gate.wait(DEADLINE_S)
        return Picture(b"x")

    desk = desk_of(slow, counter.take)
    desk.want("view", [1])
    assert begun.wait(DEADLINE_S)
    desk.close()
    gate.set()
    desk._pool.shutdown(wait=True)
    assert counter.got == []


def test_what_is_sent_is_held_to_a_rate() -> None:
    pace = Pace(rate=1e6, burst=1e6)
    begun = time.monotonic()
    assert pace.take(900_000) == 0
    assert pace.take(1_100_000) == pytest.approx(1.0, abs=0.2 + time.monotonic() - begun)


@pytest.mark.parametrize("size", [(900, 400), (400, 900), (3000, 50), (121, 121)])
def test_a_thumbnail_is_small_and_as_wide_as_the_picture(tmp_path, size) -> None:
    made = thumbnail(files(photo(tmp_path / "a.jpg", 1, size)), 0)
    with Image.open(io.BytesIO(made.data)) as image:
        assert image.format == "JPEG"
        assert min(image.size) == min(SIDE, *size)
        assert max(image.size) <= 2 * SIDE
    assert len(made.data) < 12_000


def test_a_tiny_image_keeps_its_pixels(tmp_path) -> None:
    path = photo(tmp_path / "a.png", 1, (28, 28))
    with Image.open(io.BytesIO(thumbnail(files(path), 0).data)) as image, Image.open(path) as own:
        assert np.array_equal(np.asarray(image), np.asarray(own))


def test_a_broken_file_is_a_reason_and_not_an_error(tmp_path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"")
    images = files(tmp_path / "a.jpg", tmp_path / "gone.jpg")
    assert thumbnail(images, 0) == Picture(b"", "the file has zero bytes")
    assert whole(images, 1) == Picture(b"", "No such file or directory")
    assert described(images, 1)["bytes"] == 0


def test_an_opened_image_tells_where_it_lies_and_how_large_it_is(tmp_path) -> None:
    path = photo(tmp_path / "a.jpg", 1, (90, 60))
    facts = described(files(path), 0)
    size = path.stat().st_size
    assert facts == {"path": str(path), "width": 90, "height": 60, "bytes": size}
    arrays = ImageSet(ImageIndex(("a",), np.zeros(1, int), np.zeros(1, np.uint8)),
                      np.zeros((1, 8, 9), np.uint8))  # fmt: skip
    assert described(arrays, 0) == {"path": "image 0", "width": 9, "height": 8, "bytes": 72}

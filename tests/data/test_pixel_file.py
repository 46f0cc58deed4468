"""The file under the cache: what was written is found whole, or not at all."""

from __future__ import annotations

import os
import shutil

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from nbfinetune.data.pixel_file import ENTRIES, PIXELS, PixelFile, Stamp


def picture(number: int) -> Image.Image:
    rng = np.random.default_rng(number)
    width, height = rng.integers(1, 9, 2)
    return Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))


def key(number: int) -> bytes:
    return number.to_bytes(16, "big")


def write(folder, numbers) -> None:
    file = PixelFile(folder)
    file.start_writing()
    for number in numbers:
        file.append(key(number), picture(number), Stamp(number, -number))
    file.close()


def read(folder, numbers) -> dict[int, bool]:
    """Numbers that are there, and whether they are what was written."""
    file = PixelFile(folder)
    found = {n: entry for n in numbers if (entry := file.find(key(n)))}
    images = {n: file.image(key(n), entry) for n, entry in found.items()}
    file.close()
    return {
        n: same(image, n) and found[n].stamp == (n, -n)
        for n, image in images.items()
        if image is not None
    }


def same(image: Image.Image, number: int) -> bool:
    return image.size == picture(number).size and image.tobytes() == picture(number).tobytes()


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    folder = tmp_path_factory.mktemp("full")
    write(folder, range(12))
    return folder


def test_what_was_written_is_found_again(full):
    assert read(full, range(14)) == dict.fromkeys(range(12), True)
    file = PixelFile(full)
    assert file.find(key(7)).stamp == (7, -7)
    assert file.dead_bytes == 0
    file.close()


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(pixels=st.integers(0, 10**4), entries=st.integers(0, 12 * 56), spoilt=st.integers(0, 10**4))
def test_whatever_a_crash_leaves_nothing_wrong_is_found(
    full, tmp_path_factory, pixels, entries, spoilt
):
    folder = tmp_path_factory.mktemp("torn")
    for name, length in ((PIXELS, pixels), (ENTRIES, entries)):
        data = bytearray((full / name).read_bytes()[:length])
        if data:
            data[spoilt % len(data)] ^= 0x40
        (folder / name).write_bytes(data)
    found = read(folder, range(12))
    assert all(found.values())
    write(folder, [number for number in range(12) if number not in found])
    assert read(folder, range(12)) == dict.fromkeys(range(12), True)
    shutil.rmtree(folder)


def test_a_reader_sees_what_is_written_after_it_began(tmp_path):
    write(tmp_path, [1])
    reader, writer = PixelFile(tmp_path), PixelFile(tmp_path)
    assert same(reader.image(key(1), reader.find(key(1))), 1)
    writer.start_writing()
    for number in range(2, 200):
        writer.append(key(number), picture(number), Stamp(0, 0))
    assert reader.find(key(2)) is None
    reader.refresh()
    assert all(same(reader.image(key(n), reader.find(key(n))), n) for n in range(1, 200))
    writer.close()
    reader.close()


def test_the_newest_entry_of_a_key_holds_and_the_others_are_dead(tmp_path):
    write(tmp_path, [3])
    file = PixelFile(tmp_path)
    file.start_writing()
    file.append(key(3), picture(4), Stamp(1, 1))
    file.close()
    file = PixelFile(tmp_path)
    assert same(file.image(key(3), file.find(key(3))), 4)
    assert file.dead_bytes == len(picture(3).tobytes())
    file.close()


def test_images_outlive_the_file(tmp_path):
    write(tmp_path, [5])
    file = PixelFile(tmp_path)
    image = file.image(key(5), file.find(key(5)))
    file.close()
    shutil.rmtree(tmp_path)
    assert same(image, 5)


@pytest.fixture
def cut(tmp_path):
    """Writer and reader of three images of one size, whose pixels somebody has cut to nothing."""
    writer, reader = PixelFile(tmp_path), PixelFile(tmp_path)
    writer.start_writing()
    for number in range(3):
        writer.append(key(number), square(number), Stamp(0, 0))
    reader.refresh()
    for file in (writer, reader):
        assert all(file.image(key(number), file.find(key(number))) for number in range(3))
    os.truncate(tmp_path / PIXELS, 0)
    yield writer, reader
    writer.close()
    reader.close()


def square(number: int) -> Image.Image:
    return Image.new("RGB", (6, 6), (number, 50, 100))


def test_where_a_writer_finds_its_pixels_cut_away_no_other_image_is_given_out(cut):
    writer, _ = cut
    for number in range(3, 6):
        writer.append(key(number), square(number), Stamp(0, 0))
    assert [writer.image(key(number), writer.find(key(number))) for number in range(3)] == [
        None
    ] * 3
    assert all(writer.image(key(number), writer.find(key(number))) for number in range(3, 6))


def test_where_a_reader_finds_its_pixels_cut_away_no_other_image_is_given_out(cut):
    writer, reader = cut
    assert reader.image(key(2), reader.find(key(2))) is None
    for number in range(3, 6):
        writer.append(key(number), square(number), Stamp(0, 0))
    assert [reader.image(key(number), reader.find(key(number))) for number in range(2)] == [
        None
    ] * 2

"""The decoded cache: the same pixels, whatever happens to it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nbfinetune.data import cache_files, decoded_cache
from nbfinetune.data.cache_files import cache_folder, caches_home
from nbfinetune.data.decode import UnreadableImage
from nbfinetune.data.decoded_cache import DecodedCache, open_cache
from nbfinetune.data.images import ImageSet, open_images, with_cache
from nbfinetune.data.index import build_index
from nbfinetune.data.loader import Loader
from nbfinetune.data.stored_image import stored_image, stored_side
from nbfinetune.records import AugmentConfig, DataConfig, Folder

SIDE = 48


def never(*told: str) -> None:
    pytest.fail(str(told))


@pytest.fixture
def opened(tmp_path):
    """``opened()`` opens the cache of `tmp_path / "photos"`; it is closed at the end."""
    caches: list[DecodedCache] = []

    def open_it(expected=10**5, on_unused=never, name="photos") -> DecodedCache:
        cache = open_cache(cache_folder(str(tmp_path / name), (), SIDE), SIDE, expected, on_unused)
        if cache is not None:
            caches.append(cache)
        return cache

    yield open_it
    for cache in caches:
        cache.close()


@pytest.fixture
def paths(write_photo, tmp_path) -> list[str]:
    """Five photos of 160 by 120."""
    return [str(write_photo(tmp_path / "photos" / f"{i}.jpg", 160, 120, i)) for i in range(5)]


def same(left: Image.Image, right: Image.Image) -> bool:
    return (left.mode, left.size, left.tobytes()) == (right.mode, right.size, right.tobytes())


def all_same(cache: DecodedCache, paths: list[str]) -> bool:
    return all(same(cache.image(path), stored_image(path, SIDE)) for path in paths)


@pytest.mark.parametrize(
    ("name", "mode", "size"),
    [
        ("large.jpg", "RGB", (700, 500)),
        ("tall.png", "RGB", (50, 400)),
        ("clear.png", "RGBA", (90, 70)),
        ("grey.jpg", "L", (80, 200)),
        ("ink.jpg", "CMYK", (101, 99)),
        ("palette.gif", "P", (64, 64)),
        ("small.webp", "RGB", (20, 30)),
        ("turned.jpg", "RGB", (300, 200)),
        ("name 'with\" <b>ñ图.jpg", "RGB", (60, 60)),
    ],
)
def test_kept_pixels_are_those_of_the_file_bit_for_bit(name, mode, size, tmp_path, opened):
    path = tmp_path / name
    noise = np.random.default_rng(0).integers(0, 256, (*size[::-1], 3), dtype=np.uint8)
    exif = Image.Exif()
    if name == "turned.jpg":
        exif[0x0112] = 6
    Image.fromarray(noise).convert(mode).save(path, exif=exif)
    wanted = stored_image(str(path), SIDE)
    assert min(wanted.size) == min(SIDE, *size)
    assert (wanted.height > wanted.width) == (
        name in ("tall.png", "grey.jpg", "small.webp", "turned.jpg")
    )
    first = opened()
    assert same(first.image(str(path)), wanted)
    assert same(first.image(str(path)), wanted)
    first.close()
    path.unlink()
    assert same(opened().image(str(path)), wanted)


def test_an_image_is_decoded_once(paths, opened, decodings):
    first = opened()
    for _ in range(3):
        assert all_same(first, paths)
    first.close()
    assert all_same(opened(), paths)
    assert decodings == paths


def test_a_file_that_changed_is_decoded_again(paths, opened, decodings, write_photo):
    assert all_same(opened(), paths)
    write_photo(Path(paths[1]), 170, 120, seed=77)
    os.utime(paths[2], ns=(1, 1))
    assert all_same(opened(), paths)
    assert decodings[5:] == paths[1:3]


def test_a_file_that_is_gone_is_served_and_one_that_broke_is_not(paths, opened):
    cache = opened()
    wanted = cache.image(paths[0])
    Path(paths[0]).unlink()
    assert same(cache.image(paths[0]), wanted)
    cache.image(paths[1])
    Path(paths[1]).write_bytes(b"")
    with pytest.raises(UnreadableImage, match="zero bytes"):
        cache.image(paths[1])
    Path(paths[2]).unlink()
    with pytest.raises(UnreadableImage, match="No such file"):
        cache.image(paths[2])


def test_one_writes_and_the_others_read_what_is_there(paths, opened, decodings):
    writer, reader = opened(), opened()
    pixels = writer.folder / "pixels.bin"
    writer.image(paths[0])
    size = pixels.stat().st_size
    reader.image(paths[0])
    reader.image(paths[1])
    assert decodings == paths[:2]
    assert pixels.stat().st_size == size
    writer.image(paths[1])
    reader.image(paths[1])
    assert decodings == [*paths[:2], paths[1]]
    writer.close()
    reader._asked = -np.inf
    reader.image(paths[2])
    assert same(opened().image(paths[2]), stored_image(paths[2], SIDE))
    assert decodings[3:] == [paths[2]]


def test_what_is_rotten_on_the_disk_is_decoded_again(paths, opened):
    first = opened()
    assert all_same(first, paths)
    first.close()
    pixels = first.folder / "pixels.bin"
    data = bytearray(pixels.read_bytes())
    data[100] ^= 1
    pixels.write_bytes(data[:-50])
    with (first.folder / "entries.bin").open("ab") as file:
        file.write(b"half a record")
    assert all_same(opened(), paths)


WRITER = """
import sys
from nbfinetune.data.cache_files import cache_folder
from nbfinetune.data.decoded_cache import open_cache
photos, side, *paths = sys.argv[1:]
cache = open_cache(cache_folder(photos, (), int(side)), int(side), 10**5, print)
print("open", flush=True)
for path in paths:
    sys.stdin.readline()
    cache.image(path)
    print(path, flush=True)
sys.stdin.read()
"""


def writer(photos: Path, paths: list[str], most: int) -> subprocess.Popen[str]:
    """A process that writes so many images and then waits; it says what it has done, in lines."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(photos), str(SIDE), *paths],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    process.stdin.write("\n" * most)
    process.stdin.flush()
    return process


def kill(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate()


@pytest.fixture
def many(write_photo, tmp_path) -> list[str]:
    return [str(write_photo(tmp_path / "photos" / f"{i}.jpg", 200 + i, 150, i)) for i in range(150)]


@pytest.mark.parametrize("lines", [1, 40, 100])
def test_a_process_killed_while_it_writes_leaves_nothing_wrong(lines, many, tmp_path, opened):
    process = writer(tmp_path / "photos", many, most=lines + 20)
    for _ in range(lines):
        process.stdout.readline()
    kill(process)
    cache = opened()
    kept = [path for path in many if cache._find(decoded_cache._key(path)) is not None]
    assert lines - 1 <= len(kept) <= lines + 20 < len(many)
    assert all_same(cache, many)
    assert all_same(opened(), many)


def test_a_cache_in_use_by_another_process_is_kept_until_that_one_dies(
    paths, tmp_path, opened, monkeypatch
):
    process = writer(tmp_path / "photos", paths, len(paths))
    try:
        for _ in range(6):
            process.stdout.readline()
        folder = cache_folder(str(tmp_path / "photos"), (), SIDE)
        size = cache_files.size_of(folder)
        monkeypatch.setenv("NBFINETUNE_CACHE_GB", str(1.5 * size / 1e9))
        told = []
        assert opened(size, told.append, "other") is None
        assert "other runs use" in told[0]
        assert folder.exists()
    finally:
        kill(process)
    assert opened(size, name="other") is not None
    assert not folder.exists()


def test_the_cache_used_longest_ago_makes_room(paths, opened, monkeypatch, tmp_path):
    folders = []
    for age, name in enumerate(("new", "middle", "old")):
        cache = opened(name=name)
        assert all_same(cache, paths)
        cache.close()
        os.utime(cache.folder, (time.time() - age * 1000 - 100,) * 2)
        folders.append(cache.folder)
    size = cache_files.size_of(folders[0])
    monkeypatch.setenv("NBFINETUNE_CACHE_GB", str(3 * size / 1e9))
    assert opened(int(1.5 * size), name="another") is not None
    assert [folder.exists() for folder in folders] == [True, False, False]


def test_opening_a_cache_is_using_it(opened):
    first = opened()
    first.close()
    os.utime(first.folder, (0, 0))
    assert opened().folder.stat().st_mtime > time.time() - 3600


def test_old_pixels_of_files_written_again_are_given_back(paths, opened, write_photo):
    for round_ in range(3):
        cache = opened()
        for number, path in enumerate(paths):
            write_photo(Path(path), 160, 120, seed=10 * round_ + number)
        assert all_same(cache, paths)
        cache.close()
    cache = opened()
    assert all_same(cache, paths)
    one = sum(len(stored_image(path, SIDE).tobytes()) for path in paths)
    assert (cache.folder / "pixels.bin").stat().st_size == one


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        (
            "0.00001",
            r"decoded they take 100.0 kB, and 10.0 kB are allowed; set NBFINETUNE_CACHE_GB",
        ),
        ("lots", "NBFINETUNE_CACHE_GB is 'lots', which is no number of gigabytes"),
        ("-3", "NBFINETUNE_CACHE_GB is '-3'"),
        ("nan", "NBFINETUNE_CACHE_GB is 'nan'"),
    ],
)
def test_where_it_would_not_fit_a_sentence_says_so(chosen, words, opened, monkeypatch):
    monkeypatch.setenv("NBFINETUNE_CACHE_GB", chosen)
    told = []
    assert opened(on_unused=told.append) is None
    (sentence,) = told
    assert words in sentence
    assert sentence.startswith("decoded images are not kept for later epochs: ")


def test_no_gigabytes_turn_it_off_without_a_word(opened, monkeypatch):
    monkeypatch.setenv("NBFINETUNE_CACHE_GB", "0")
    assert opened() is None
    assert not caches_home().exists()


def test_by_default_a_part_of_the_free_disk_is_allowed_and_at_most_20_gb(monkeypatch):
    assert 0 < cache_files.limit_bytes() <= 20 * 10**9
    monkeypatch.setattr(cache_files, "free_bytes", lambda _: 8 * 10**9)
    assert cache_files.limit_bytes() == 2 * 10**9
    monkeypatch.setenv("NBFINETUNE_CACHE_GB", "1.5")
    assert cache_files.limit_bytes() == 1.5 * 10**9


def test_a_disk_with_little_room_is_left_alone(opened, monkeypatch):
    monkeypatch.setenv("NBFINETUNE_CACHE_GB", "100")
    monkeypatch.setattr(cache_files, "free_bytes", lambda _: 4 * 10**9)
    told = []
    assert opened(3 * 10**9, told.append) is None
    assert "has 4.0 GB left, of which 2.0 GB stay free" in told[0]


def test_a_cache_folder_that_can_not_be_made_is_no_reason_to_stop(opened, tmp_path, monkeypatch):
    (tmp_path / "a file").write_text("")
    monkeypatch.setenv("NBFINETUNE_CACHE", str(tmp_path / "a file"))
    told = []
    assert opened(on_unused=told.append) is None
    assert "Not a directory" in told[0]


def test_when_its_room_is_full_what_is_there_still_serves(paths, opened, decodings):
    told = []
    cache = opened(on_unused=told.append)
    cache._room = 3 * len(stored_image(paths[0], SIDE).tobytes()) + 500
    for _ in range(2):
        assert all_same(cache, paths)
    assert decodings == [*paths, *paths[3:]]
    (sentence,) = told
    assert sentence.startswith("no more decoded images are kept: ")
    assert str(cache.folder) in sentence


def test_a_disk_that_fills_up_turns_it_off_with_a_sentence(paths, opened, monkeypatch):
    told = []
    cache = opened(on_unused=told.append)
    cache.image(paths[0])
    monkeypatch.setattr(decoded_cache, "free_bytes", lambda _: 10**9)
    assert all_same(cache, paths)
    (sentence,) = told
    assert "has 1.0 GB left; make room on it" in sentence


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from nbfinetune.data.cache_files import cache_folder
from nbfinetune.data.decoded_cache import open_cache
from nbfinetune.data.stored_image import stored_image
photos, side, *paths = sys.argv[1:]
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
cache = open_cache(cache_folder(photos, (), int(side)), int(side), 10**5, print)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
for path in paths * 2:
    assert cache.image(path).tobytes() == stored_image(path, int(side)).tobytes()
cache.close()
"""


def test_a_write_that_fails_is_undone_and_told_once(paths, tmp_path, opened):
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path / "photos"), str(SIDE), *paths],
        capture_output=True,
        text=True,
        check=True,
    )
    (line,) = done.stdout.splitlines()
    assert line.startswith("no more decoded images are kept: ")
    assert "disk is full" in line or "File too large" in line
    cache = opened()
    size = len(stored_image(paths[0], SIDE).tobytes())
    assert (cache.folder / "pixels.bin").stat().st_size == 20_000 // size * size
    assert all_same(cache, paths)


# ---- through the loader ----


@pytest.fixture
def image_set(write_photos, tmp_path) -> ImageSet:
    folder = write_photos(tmp_path / "photos", {"a": 9, "b": 14})
    index = build_index(DataConfig(source=Folder(path=str(folder))), 0, tmp_path, never)
    return ImageSet(index)


def pixels_of(images: ImageSet, size_px: int, epoch: int) -> bytes:
    loader = Loader(
        images,
        np.arange(len(images)),
        size_px=size_px,
        interpolation="bicubic",
        crop_pct=0.875,
        augment=AugmentConfig(preset="strong"),
        seed=1,
        batch_size=5,
        threads=3,
        on_skip=never,
    )
    batches = list(loader.epoch(epoch, shuffle=True, drop_last=False))
    loader.close()
    return b"".join(batch.images.tobytes() for batch in batches)


def test_batches_are_the_same_with_a_cache_and_without(image_set):
    cached = with_cache(image_set, stored_side(16, 0.875), never)
    for epoch in (0, 1, 0):
        assert pixels_of(cached, 16, epoch) == pixels_of(image_set, 16, epoch)
    assert pixels_of(cached, 24, 0) == pixels_of(image_set, 24, 0)
    assert (cached.cache.folder / "pixels.bin").stat().st_size == 23 * 3 * 20 * 27
    cached.cache.close()


def test_folds_and_runs_share_a_cache_and_sizes_do_not(image_set, tmp_path):
    assert cache_folder("/photos", ("a/1.jpg",), 20) == cache_folder("/photos", ("b/2.jpg",), 20)
    assert cache_folder("", ("/x/1.jpg", "/x/y/2.jpg"), 20) == cache_folder("/x", (), 20)
    folders = [cache_folder(root, (), side) for root in ("/a", "/b") for side in (20, 21)]
    assert len(set(folders)) == 4
    assert {folder.parent for folder in folders} == {caches_home()}


def test_images_in_memory_need_no_cache():
    arrays = (np.zeros((8, 30, 30, 3), np.uint8), np.arange(8) % 2)
    from nbfinetune.data.sources import accept

    accepted = accept(arrays)
    folder = caches_home().parent / "run"
    folder.mkdir(parents=True)
    accepted.place(folder)
    index = build_index(DataConfig(source=accepted.source), 0, folder, never)
    images = open_images(accepted.source, index, folder)
    assert with_cache(images, 20, never) is images
    assert images.stored(3, 20).size == (20, 20)


def test_the_kernels_share_of_the_data_needs_no_lock_library():
    code = "import nbfinetune.data.images, sys; sys.exit('filelock' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

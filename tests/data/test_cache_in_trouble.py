"""The decoded cache: read-only, cut short, deleted while in use, or written by another version."""

from __future__ import annotations

import ctypes
import os
import shutil
import stat
import subprocess
import sys

import pytest
from PIL import Image

from nbfinetune.data import cache_files
from nbfinetune.data.cache_files import cache_folder
from nbfinetune.data.decoded_cache import DecodedCache, open_cache
from nbfinetune.data.pixel_file import ENTRIES, PIXELS
from nbfinetune.data.stored_image import stored_image

SIDE = 48


@pytest.fixture
def paths(write_photo, tmp_path) -> list[str]:
    """Six photos of 160 by 120."""
    return [str(write_photo(tmp_path / "photos" / f"{i}.jpg", 160, 120, i)) for i in range(6)]


@pytest.fixture
def opened(tmp_path):
    """``opened()`` opens the cache of `tmp_path / "photos"`; told reasons end up in `.told`."""
    caches: list[DecodedCache] = []

    def open_it() -> DecodedCache:
        told: list[str] = []
        folder = cache_folder(str(tmp_path / "photos"), (), SIDE)
        cache = open_cache(folder, SIDE, 10**5, told.append)
        assert cache is not None, told
        cache.told = told
        caches.append(cache)
        return cache

    yield open_it
    for cache in caches:
        cache.close()


def assert_right(cache: DecodedCache, paths: list[str]) -> None:
    for path in paths:
        assert cache.image(path).tobytes() == stored_image(path, SIDE).tobytes(), path


# ---- a folder that can't be written ----

READ_ONLY = """
import sys
from nbfinetune.data.cache_files import cache_folder
from nbfinetune.data.decoded_cache import open_cache
photos, side = sys.argv[1], int(sys.argv[2])
print(open_cache(cache_folder(photos, (), side), side, 10**5, print))
"""

DROP, OVERRIDE = 24, 1
"""Linux: `PR_CAPBSET_DROP` and `CAP_DAC_OVERRIDE`, which lets root write where nobody may."""


def as_anybody() -> None:
    ctypes.CDLL(None).prctl(DROP, OVERRIDE, 0, 0, 0)


@pytest.mark.skipif(sys.platform != "linux", reason="root obeys permissions on Linux alone")
@pytest.mark.parametrize("filled", [False, True])
def test_a_read_only_cache_folder_is_named_with_a_remedy(filled, paths, opened, tmp_path):
    if filled:
        cache = opened()
        assert_right(cache, paths)
        cache.close()
    home = tmp_path / "cache"
    home.mkdir(exist_ok=True)
    writable = {path: stat.S_IMODE(path.stat().st_mode) for path in [home, *home.rglob("*")]}
    for path, mode in writable.items():
        path.chmod(mode & ~0o222)
    try:
        said = subprocess.run(
            [sys.executable, "-c", READ_ONLY, str(tmp_path / "photos"), str(SIDE)],
            capture_output=True,
            text=True,
            check=True,
            preexec_fn=as_anybody,
        ).stdout.splitlines()
    finally:
        for path, mode in writable.items():
            path.chmod(mode)
    told, cache = said
    assert cache == "None"
    assert told.startswith("decoded images are not kept for later epochs: Permission denied (")
    assert str(home) in told
    assert told.endswith("let the environment variable NBFINETUNE_CACHE name another folder")


# ---- a folder that changes under whoever uses it ----


def test_a_cache_deleted_under_a_live_run_still_serves_it_and_the_next_run_begins_anew(
    paths, opened, decodings
):
    first = opened()
    assert_right(first, paths[:3])
    shutil.rmtree(first.folder)
    assert_right(first, paths)
    assert_right(first, paths)
    assert decodings == paths
    second = opened()
    assert_right(second, paths)
    assert decodings == paths * 2
    assert_right(first, paths)
    first.close()
    assert not [*first.told, *second.told]
    second.close()
    assert_right(opened(), paths)
    assert decodings == paths * 2


def test_a_cache_deleted_before_its_first_image_is_no_reason_to_stop(paths, opened):
    cache = opened()
    shutil.rmtree(cache.folder.parent)
    assert_right(cache, paths * 2)
    cache.close()
    assert_right(opened(), paths)


@pytest.mark.parametrize("kept", [0, 100, 20_000])
def test_pixels_cut_short_under_a_live_run_are_decoded_again(kept, paths, opened, decodings):
    writer, reader = opened(), opened()
    assert_right(writer, paths)
    assert_right(reader, paths)
    os.truncate(writer.folder / PIXELS, kept)
    for cache in (reader, writer, reader):
        assert_right(cache, paths)
    whole = kept // len(stored_image(paths[0], SIDE).tobytes())
    assert decodings[6:].count(paths[-1]) in (1, 2)
    assert not set(decodings[6:]) & set(paths[:whole])


# ---- what another version, or a crash, has left ----


def test_a_cache_of_another_format_is_another_folder(paths, opened, decodings, monkeypatch):
    old = opened()
    assert_right(old, paths)
    monkeypatch.setattr(cache_files, "_FORMAT", cache_files._FORMAT + 1)
    new = opened()
    assert new.folder != old.folder
    assert_right(new, paths)
    assert decodings == paths * 2


def test_another_pillow_decodes_anew(paths, opened, decodings, monkeypatch):
    old = opened()
    assert_right(old, paths)
    monkeypatch.setattr(cache_files.PIL, "__version__", "99.0")
    assert opened().folder != old.folder


@pytest.mark.parametrize("length", [1, 400])
def test_entries_that_no_version_of_ours_wrote_are_not_trusted(length, paths, opened, decodings):
    folder = opened().folder
    noise = b"".join(number.to_bytes(4, "big") for number in range(length))[:length]
    (folder / ENTRIES).write_bytes(noise)
    (folder / PIXELS).write_bytes(noise * 3)
    assert_right(opened(), paths)
    assert decodings == paths


@pytest.mark.parametrize("length", [0, 1, 10**5])
def test_entries_whose_pixels_are_others_are_not_trusted(length, paths, opened, decodings):
    cache = opened()
    assert_right(cache, paths)
    cache.close()
    (cache.folder / PIXELS).write_bytes(bytes(length))
    for _ in range(2):
        again = opened()
        assert_right(again, paths)
        again.close()
    assert decodings == paths * 2


def test_a_photo_of_as_many_bytes_is_noticed_by_its_time(opened, tmp_path):
    cache, path = opened(), tmp_path / "photo.bmp"
    for colour in ("red", "blue"):
        Image.new("RGB", (60, 50), colour).save(path)
        assert_right(cache, [str(path)])
        assert path.stat().st_size == 54 + 3 * 60 * 50

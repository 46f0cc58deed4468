"""Training on photos whose decoded pixels are kept."""

from __future__ import annotations

import mmap
import os
import shutil
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from nbfinetune.data.cache_files import caches_home
from nbfinetune.engine import training
from nbfinetune.engine.device import Placement
from nbfinetune.errors import DataError
from nbfinetune.records import CacheUnused, EpochDone, FileSkipped, RunFinished, Stop

COUNT = 24


@pytest.fixture
def images(tmp_path) -> Path:
    """A folder of noisy photos of two classes; the engine trains on them."""
    rng = np.random.default_rng(0)
    for colour, name in enumerate(("red", "green")):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(COUNT):
            pixels = rng.integers(0, 120, (40, 50 + number % 3, 3), dtype=np.uint8)
            pixels[..., colour] += 120
            Image.fromarray(pixels).save(tmp_path / "photos" / name / f"{number:02}.jpg")
    return tmp_path / "photos"


@pytest.fixture
def train(engine) -> Callable[..., Any]:
    """The engine, with batches that leave no photo out of any epoch."""
    return partial(engine, val_split=0.25, batch_size=12)


def cached_bytes() -> int:
    return sum(path.stat().st_size for path in caches_home().glob("*/pixels.bin"))


def assert_same(one, other) -> None:
    assert one.log.losses() == other.log.losses()
    assert [e.val_loss for e in one.log.of(EpochDone)] == [
        e.val_loss for e in other.log.of(EpochDone)
    ]
    for name, values in one.weights().items():
        assert np.array_equal(values, other.weights()[name]), name


def test_a_cache_changes_nothing_but_the_time(train):
    without = train(epochs=3, augment="strong", cache=False)
    assert not caches_home().exists()
    cold = train(epochs=3, augment="strong", loader_threads=3)
    assert cached_bytes() == sum(3 * 20 * round((50 + n % 3) / 2) for n in range(COUNT)) * 2
    filled = cached_bytes()
    warm = train(epochs=3, augment="strong")
    assert cached_bytes() == filled
    for run in (cold, warm):
        assert_same(run, without)
        assert not run.log.of(CacheUnused)


def test_a_run_resumed_with_a_full_cache_ends_like_one_left_alone(train, images):
    alone = train(epochs=4, cache=False)
    begun = train({5: [Stop()]}, epochs=4)
    for path in images.rglob("*.jpg"):
        if path.stem != "00":
            path.unlink()
    resumed = train(folder=begun.folder, epochs=4)
    assert resumed.log.of(RunFinished)
    assert begun.log.losses() + resumed.log.losses() == alone.log.losses()
    for name, values in alone.weights().items():
        assert np.array_equal(values, resumed.weights()[name]), name


@pytest.fixture
def after_first_epoch(monkeypatch) -> Callable[[Callable[[], None]], None]:
    """``after_first_epoch(act)`` acts once, when the first epoch has been validated."""
    original = training.validate

    def wait_for_it(act: Callable[[], None]) -> None:
        waiting = [act]

        def watched(*args, **kwargs):
            outputs = original(*args, **kwargs)
            if waiting:
                waiting.pop()()
            return outputs

        monkeypatch.setattr(training, "validate", watched)

    return wait_for_it


def remove(images: Path, count: int) -> None:
    for number in range(count):
        (images / "red" / f"{number:02}.jpg").unlink()


def test_files_that_vanish_are_not_missed_where_they_were_kept(train, images, after_first_epoch):
    without = train(epochs=4, cache=False)
    after_first_epoch(lambda: remove(images, COUNT))
    kept = train(epochs=4)
    assert not list((images / "red").iterdir())
    assert not kept.log.of(FileSkipped)
    assert_same(kept, without)


def cut_short() -> None:
    for path in caches_home().glob("*/pixels.bin"):
        os.truncate(path, 3000)


@pytest.mark.parametrize("harm", [lambda: shutil.rmtree(caches_home()), cut_short])
def test_a_cache_that_is_harmed_under_a_live_run_changes_nothing(harm, train, after_first_epoch):
    without = train(epochs=3, cache=False)
    after_first_epoch(harm)
    run = train(epochs=3, loader_threads=3)
    assert_same(run, without)
    assert not run.log.of(CacheUnused)
    assert_same(train(epochs=3), without)


def test_photos_that_changed_since_they_were_kept_are_noticed(train, images):
    before = train(epochs=2)
    for path in images.rglob("0*.jpg"):
        with Image.open(path) as photo:
            turned = photo.transpose(Image.Transpose.ROTATE_180)
        turned.save(path)
    after = train(epochs=2)
    assert after.log.losses() != before.log.losses()
    assert_same(after, train(epochs=2, cache=False))


def test_files_that_vanish_without_a_cache_are_named(train, images, after_first_epoch):
    after_first_epoch(lambda: remove(images, 2))
    run = train(epochs=4, cache=False, batch_size=3)
    gone = [
        (str(images / "red" / f"0{number}.jpg"), "No such file or directory") for number in (0, 1)
    ]
    assert sorted((event.path, event.reason) for event in run.log.of(FileSkipped)) == gone
    assert run.log.of(RunFinished)


def test_too_many_that_vanish_end_the_run(train, images, after_first_epoch):
    after_first_epoch(lambda: remove(images, COUNT))
    with pytest.raises(DataError, match="more than 10% is too many"):
        train(epochs=4, cache=False)


def test_a_cache_that_would_not_fit_is_told_once_and_training_goes_on(train, monkeypatch):
    monkeypatch.setenv("NBFINETUNE_CACHE_GB", "0.00001")
    run = train(epochs=2)
    (told,) = run.log.of(CacheUnused)
    assert "10.0 kB are allowed" in told.reason
    assert run.log.of(RunFinished)
    assert cached_bytes() == 0


def test_a_cache_that_stops_on_the_way_is_told_at_its_step(train, monkeypatch):
    from nbfinetune.data import decoded_cache

    without = train(epochs=2, cache=False)
    calls = iter(range(10**6))
    monkeypatch.setattr(
        decoded_cache, "free_bytes", lambda _: 10**12 if next(calls) < 40 else 10**9
    )
    run = train(epochs=2)
    (told,) = run.log.of(CacheUnused)
    assert "make room on it" in told.reason
    assert cached_bytes() > 0
    assert_same(run, without)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells pages of files apart")
def test_a_mapped_cache_counts_as_no_memory_of_the_run(tmp_path):
    size = 128 * 2**20
    (tmp_path / "pixels").write_bytes(bytes(size))
    placement = Placement(torch.device("cpu"), "fp32", channels_last=False)
    before = placement.memory_mb()
    with (tmp_path / "pixels").open("rb") as file:
        mapped = np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), np.uint8)
    assert mapped[::4096].sum() == 0
    assert placement.memory_mb() - before < 64
    filled = np.ones(size, np.uint8)
    assert placement.memory_mb() - before > 64
    del filled

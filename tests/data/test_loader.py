"""Batches: what is in them, in which order, again after a break, and without bad images."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nbfinetune.data.images import ImageSet, median_side, open_images
from nbfinetune.data.index import ImageIndex, build_index
from nbfinetune.data.loader import Loader, steps_per_epoch
from nbfinetune.errors import DataError
from nbfinetune.records import AugmentConfig, DataConfig, Folder

STRONG = AugmentConfig(preset="strong")


def never(path, reason):
    pytest.fail(f"{path} was skipped: {reason}")


def loader_of(images: ImageSet, **settings) -> Loader:
    settings = {
        "size_px": 16,
        "interpolation": "bilinear",
        "crop_pct": 0.875,
        "augment": STRONG,
        "seed": 3,
        "batch_size": 4,
        "threads": 2,
        "on_skip": never,
    } | settings
    ids = settings.pop("ids", np.arange(len(images)))
    return Loader(images, ids, **settings)


def batches(loader, epoch=0, start=0, *, shuffle=True, drop_last=True):
    return list(loader.epoch(epoch, start, shuffle=shuffle, drop_last=drop_last))


def same(left, right):
    return len(left) == len(right) and all(
        (a.images == b.images).all() and (a.ids == b.ids).all() and a.position == b.position
        for a, b in zip(left, right, strict=True)
    )


@pytest.fixture
def images(write_photos, tmp_path) -> ImageSet:
    folder = write_photos(tmp_path / "photos", {"a": 9, "b": 14})
    index = build_index(DataConfig(source=Folder(path=str(folder))), 0, tmp_path, never)
    return ImageSet(index)


@pytest.fixture
def grey() -> ImageSet:
    """Image i is i everywhere."""
    pixels = np.repeat(np.arange(200, dtype=np.uint8), 36).reshape(200, 6, 6)
    labels = np.arange(200) % 3
    return ImageSet(ImageIndex(("a", "b", "c"), labels, np.zeros(200, np.uint8)), pixels)


def spoil(images: ImageSet, *numbers: int) -> None:
    for number in numbers:
        Path(images.index.path(number)).write_bytes(b"")


def test_a_batch_is_what_a_step_needs(images):
    first, *_ = batches(loader_of(images))
    assert (first.images.shape, first.images.dtype) == ((4, 16, 16, 3), np.uint8)
    assert first.images.flags["C_CONTIGUOUS"]
    assert first.images.flags["OWNDATA"]
    assert first.labels.tolist() == images.index.labels[first.ids].tolist()
    assert first.labels.dtype == first.ids.dtype == np.int64
    assert first.wait_s > 0


def test_pixels_labels_and_ids_belong_together(grey):
    loader = loader_of(grey, augment=None, batch_size=16, threads=4)
    for batch in batches(loader):
        assert (batch.images == batch.ids[:, None, None, None]).all()
        assert (batch.labels == batch.ids % 3).all()


def test_an_epoch_visits_every_image_once_in_an_order_of_its_own(grey):
    loader = loader_of(grey, ids=np.arange(50, 147))
    visits = [[b.ids for b in batches(loader, epoch, drop_last=False)] for epoch in (0, 1)]
    first, second = (np.concatenate(visit).tolist() for visit in visits)
    assert sorted(first) == sorted(second) == list(range(50, 147))
    assert first != second
    assert [len(ids) for ids in visits[0]] == [4] * 24 + [1]


def test_without_shuffling_the_order_is_that_of_the_ids(grey):
    found = batches(loader_of(grey, ids=np.array([9, 3, 7, 1, 0])), shuffle=False, drop_last=False)
    assert [b.ids.tolist() for b in found] == [[9, 3, 7, 1], [0]]


@pytest.mark.parametrize(
    ("count", "batch_size", "steps"), [(3, 4, 1), (4, 4, 1), (7, 4, 1), (8, 4, 2), (200, 1, 200)]
)
def test_an_incomplete_last_batch_is_dropped_unless_it_is_alone(count, batch_size, steps, grey):
    loader = loader_of(grey, ids=np.arange(count), batch_size=batch_size)
    found = batches(loader)
    assert len(found) == steps_per_epoch(count, batch_size) == loader.steps(drop_last=True) == steps
    assert {len(b.ids) for b in found} == {min(count, batch_size)}


@pytest.mark.parametrize("threads", [1, 3])
def test_an_epoch_taken_up_in_the_middle_goes_on_bit_for_bit(threads, images):
    whole = batches(loader_of(images, threads=2), epoch=4)
    again = loader_of(images, threads=threads, depth=1)
    for start in range(len(whole) + 2):
        assert same(batches(again, epoch=4, start=start), whole[start:])


def test_epochs_and_seeds_vary_the_same_image_differently(images):
    def view(seed, epoch):
        loader = loader_of(images, ids=np.array([5]), batch_size=1, seed=seed)
        return batches(loader, epoch)[0].images.tobytes()

    assert len({view(seed, epoch) for seed in (0, 1) for epoch in (0, 1, 2)}) == 6


def test_validation_sees_the_same_pixels_in_every_epoch(images):
    loader = loader_of(images, augment=None)
    kept = {"shuffle": False, "drop_last": False}
    assert same(batches(loader, 0, **kept), batches(loader, 7, **kept))
    plain = loader_of(images, augment=AugmentConfig(preset="none"))
    assert same(batches(plain, 0, **kept), batches(loader, 0, **kept))


def test_shards_together_make_the_batch(images):
    whole = batches(loader_of(images, batch_size=5), drop_last=False)
    parts = [
        batches(loader_of(images, batch_size=5, shard=(rank, 3)), drop_last=False)
        for rank in range(3)
    ]
    assert [len(part) for part in parts] == [len(whole)] * 3
    for batch, *shares in zip(whole, *parts, strict=True):
        assert np.concatenate([share.ids for share in shares]).tolist() == batch.ids.tolist()
        assert (np.concatenate([share.images for share in shares]) == batch.images).all()


def test_an_image_that_breaks_later_is_left_out_and_named_once(images):
    spoil(images, 2, 20)
    skipped = []
    loader = loader_of(
        images, on_skip=lambda *args: skipped.append((*args, threading.current_thread()))
    )
    found = [batches(loader, epoch, drop_last=False) for epoch in (0, 1)]
    for epoch in found:
        ids = np.concatenate([b.ids for b in epoch])
        assert sorted([*ids, 2, 20]) == list(range(23))
        for batch in epoch:
            assert len(batch.images) == len(batch.labels) == len(batch.ids)
            assert batch.images.flags["C_CONTIGUOUS"]
    assert sorted(path for path, *_ in skipped) == sorted(map(images.name, (2, 20)))
    assert {reason for _, reason, _ in skipped} == {"the file has zero bytes"}
    assert {thread for *_, thread in skipped} == {threading.main_thread()}
    assert loader.skipped.keys() == {2, 20}


def test_what_is_left_out_changes_no_other_pixel_nor_the_resume(images):
    whole = {i: p for b in batches(loader_of(images)) for i, p in zip(b.ids, b.images, strict=True)}
    spoil(images, 2, 20)
    loader = loader_of(images, on_skip=lambda *_: None)
    found = batches(loader)
    for batch in found:
        for number, pixels in zip(batch.ids, batch.images, strict=True):
            assert (pixels == whole[number]).all()
    assert same(batches(loader, start=3), found[3:])


def test_a_batch_left_empty_is_passed_over_but_keeps_its_number(images):
    spoil(images, 4, 5)
    loader = loader_of(images, batch_size=2, on_skip=lambda *_: None)
    found = batches(loader, shuffle=False)
    assert [b.position for b in found] == [0, 1, *range(3, 11)]
    assert [b.position for b in batches(loader, start=2, shuffle=False)] == list(range(3, 11))


def test_too_many_broken_images_stop_the_run(images):
    spoil(images, 1, 2, 3)
    skipped = []
    loader = loader_of(images, on_skip=lambda path, _: skipped.append(path))
    with pytest.raises(DataError, match="3 of 23 images can't be read") as refusal:
        batches(loader)
    assert len(skipped) == 3
    assert skipped[0] in str(refusal.value)


def loading_threads():
    return {t for t in threading.enumerate() if t.name.startswith("nbft-load")}


def test_threads_stay_from_epoch_to_epoch_until_the_loader_is_closed(images):
    others = loading_threads()
    loader = loader_of(images, threads=2)
    for _ in loader.epoch(0, shuffle=True, drop_last=True):
        break
    mine = loading_threads() - others
    assert mine
    for epoch in range(1, 4):
        batches(loader, epoch)
    assert len(loading_threads() - others) == 2
    assert mine <= loading_threads()
    loader.close()
    assert not loading_threads() - others


def test_a_closed_loader_begins_again(images):
    loader = loader_of(images)
    whole = batches(loader)
    loader.prepare(1, shuffle=True, drop_last=True)
    loader.close()
    assert same(batches(loader), whole)


def test_a_prepared_epoch_is_the_same_and_is_made_before_it_is_asked_for(images, monkeypatch):
    made = threading.Semaphore(0)
    original = ImageSet.stored
    monkeypatch.setattr(
        ImageSet, "stored", lambda self, *args: (original(self, *args), made.release())[0]
    )
    loader = loader_of(images)
    whole = batches(loader, 2, 1)
    while made.acquire(blocking=False):
        pass
    loader.prepare(2, 1, shuffle=True, drop_last=True)
    for _ in range(3 * 4):
        assert made.acquire(timeout=60)
    assert same(batches(loader, 2, 1), whole)
    loader.prepare(7, shuffle=True, drop_last=True)
    assert same(batches(loader, 2, 1), whole)


def test_an_error_that_is_no_bad_image_reaches_the_consumer(images, monkeypatch):
    def out_of_memory(*_args, **_kwargs):
        raise MemoryError("no room")

    monkeypatch.setattr(Image.Image, "resize", out_of_memory)
    with pytest.raises(MemoryError, match="no room"):
        batches(loader_of(images))


def test_no_more_than_depth_batches_are_in_the_making(grey, monkeypatch):
    made = []
    original = ImageSet.stored
    monkeypatch.setattr(
        ImageSet, "stored", lambda self, i, side: (made.append(i), original(self, i, side))[1]
    )
    loader = loader_of(grey, batch_size=4, depth=2)
    for taken, _ in enumerate(loader.epoch(0, shuffle=True, drop_last=True), start=1):
        assert len(made) <= 4 * (taken + 2)


def test_large_photos_are_brought_to_one_stored_size(write_photo, tmp_path, monkeypatch):
    folder = tmp_path / "photos"
    for name in ("a", "b"):
        for i in range(2):
            write_photo(folder / name / f"{i}.jpg", 800, 600)
    index = build_index(DataConfig(source=Folder(path=str(folder))), 0, tmp_path, never)
    images = open_images(Folder(path=str(folder)), index, tmp_path)
    sizes = []
    original = ImageSet.stored

    def watched(self, number, side_px):
        image = original(self, number, side_px)
        sizes.append(image.size)
        return image

    monkeypatch.setattr(ImageSet, "stored", watched)
    batches(loader_of(images, augment=None, size_px=64))
    batches(loader_of(images, size_px=64))
    assert set(sizes) == {(107, 80)}
    sizes.clear()
    batches(loader_of(images, size_px=64, crop_pct=0.5))
    assert set(sizes) == {(171, 128)}
    assert median_side(images) == 600


def test_the_median_side_is_found_without_the_broken_ones(images):
    spoil(images, 0)
    assert median_side(images) == 30
    spoil(images, *range(23))
    with pytest.raises(DataError, match="none of the first 23"):
        median_side(ImageSet(images.index))


def test_the_real_flowers_load_alike_with_any_number_of_threads(shared_data, tmp_path):
    source = Folder(path=str(shared_data("tf_flowers_mini.zip")))
    images = open_images(
        source, build_index(DataConfig(source=source), 0, tmp_path, never), tmp_path
    )
    one, four = (batches(loader_of(images, size_px=64, threads=n, batch_size=16)) for n in (1, 4))
    assert same(one, four)
    assert median_side(images) >= 96


def test_some_batches_are_those_of_the_whole_epoch_and_their_ids_are_known_without_them(images):
    loader = loader_of(images)
    whole = batches(loader, epoch=2, drop_last=False)
    assert len(whole[-1].ids) == 3
    assert same(list(loader.some(2, [1, 5])), [whole[1], whole[5]])
    assert [ids.tolist() for ids in loader.ids_by_batch(2)] == [one.ids.tolist() for one in whole]
    assert not list(loader.some(2, []))

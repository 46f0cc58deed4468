"""One list of a run's images: order, parts, bad files, resume."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from test_idx import write_mnist

from nbfinetune.data import accept
from nbfinetune.data.arrays import number_arrays, save_arrays
from nbfinetune.data.images import median_side, open_images
from nbfinetune.data.index import build_index, load_index
from nbfinetune.data.splits import LEFT_OUT, VAL
from nbfinetune.errors import DataError
from nbfinetune.records import Arrays, DataConfig, Folder, FolderPair, Idx, Named

needs_any_bytes = pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux takes any bytes for a file's name"
)


def never(path, reason):
    pytest.fail(f"{path} was skipped: {reason}")


def index_of(source, run: Path, on_skip=never, seed=0, **config):
    run.mkdir(exist_ok=True)
    return build_index(DataConfig(source=source, **config), seed, run, on_skip)


@pytest.fixture
def photos(write_photos, tmp_path):
    return write_photos(tmp_path / "photos", {"b": 10, "a": 20, "C": 5})


def test_classes_and_files_stand_in_the_order_of_image_folder(photos, tmp_path):
    torchvision = pytest.importorskip("torchvision")
    index = index_of(Folder(path=str(photos)), tmp_path / "run")
    theirs = torchvision.datasets.ImageFolder(photos)
    assert list(index.classes) == theirs.classes
    assert [index.path(i) for i in range(len(index))] == [path for path, _ in theirs.samples]
    assert index.labels.tolist() == theirs.targets


def test_a_folder_is_split_by_class_and_seed(photos, tmp_path):
    source = Folder(path=str(photos))
    first = index_of(source, tmp_path / "1", val_split=0.2)
    again = index_of(source, tmp_path / "2", val_split=0.2)
    other = index_of(source, tmp_path / "3", val_split=0.2, seed=1)
    assert np.bincount(first.labels[first.val]).tolist() == [1, 4, 2]
    assert first.val.tolist() == again.val.tolist() != other.val.tolist()
    assert sorted([*first.train, *first.val]) == list(range(35))


def test_a_saved_index_is_what_a_resumed_run_goes_by(photos, tmp_path):
    source = Folder(path=str(photos))
    first = index_of(source, tmp_path / "run")
    shutil.rmtree(photos)
    again = index_of(source, tmp_path / "run", seed=9, val_split=0.9)
    for name in ("classes", "items", "root"):
        assert getattr(first, name) == getattr(again, name)
    for name in ("labels", "split"):
        assert getattr(first, name).tolist() == getattr(again, name).tolist()
        assert getattr(first, name).dtype == getattr(again, name).dtype


def test_a_damaged_index_is_named_and_not_made_anew(photos, tmp_path):
    index_of(Folder(path=str(photos)), tmp_path / "run")
    saved = tmp_path / "run" / "index.json"
    saved.write_bytes(saved.read_bytes()[:-9])
    with pytest.raises(DataError, match=r"run/index\.json"):
        index_of(Folder(path=str(photos)), tmp_path / "run")


@pytest.mark.parametrize("name", ["val", "valid", "test"])
def test_the_parts_of_a_folder_are_kept(name, write_photos, tmp_path):
    write_photos(tmp_path / "p" / "train", {"a": 3, "b": 2})
    write_photos(tmp_path / "p" / name, {"b": 4})
    index = index_of(Folder(path=str(tmp_path / "p")), tmp_path / "run")
    assert [index.items[i] for i in index.val] == [f"{name}/b/00{i}.jpg" for i in range(4)]
    assert index.labels.tolist() == [0, 0, 0, 1, 1, 1, 1, 1, 1]


def test_val_goes_before_test(write_photos, tmp_path):
    for part in ("train", "val", "test"):
        write_photos(tmp_path / "p" / part, {"a": 2, "b": 2})
    index = index_of(Folder(path=str(tmp_path / "p")), tmp_path / "run")
    assert {item.split("/")[0] for item in index.items} == {"train", "val"}


def test_a_pair_of_folders_reads_as_one(write_photos, tmp_path):
    train = write_photos(tmp_path / "here" / "a", {"x": 2, "y": 1})
    val = write_photos(tmp_path / "there", {"y": 2})
    index = index_of(FolderPair(train=str(train), val=str(val)), tmp_path / "run")
    assert index.path(int(index.val[0])) == str(val / "y" / "000.jpg")
    assert (len(index.train), len(index.val)) == (3, 2)


def test_folds_share_out_the_training_part_and_leave_the_test_alone(write_photos, tmp_path):
    write_photos(tmp_path / "p" / "train", {"a": 6, "b": 6})
    write_photos(tmp_path / "p" / "val", {"a": 2})
    source = Folder(path=str(tmp_path / "p"))
    folds = [index_of(source, tmp_path / str(k), folds=3, fold=k) for k in range(3)]
    assert sorted(np.concatenate([fold.val for fold in folds])) == list(range(12))
    assert all((fold.split[12:] == LEFT_OUT).all() for fold in folds)


def test_hidden_files_and_folders_are_left_alone(photos, write_photo, tmp_path):
    write_photo(photos / "a" / ".ipynb_checkpoints" / "0.jpg")
    write_photo(photos / ".thumbs" / "0.jpg")
    (photos / "a" / "._000.jpg").write_bytes(b"resource fork")
    (photos / "notes.txt").write_text("35 photos")
    assert len(index_of(Folder(path=str(photos)), tmp_path / "run")) == 35


def test_loops_of_links_end(photos, tmp_path):
    (photos / "a" / "again").symlink_to(photos)
    (photos / "a" / "self").symlink_to(photos / "a")
    (photos / "b" / "round.jpg").symlink_to("round.jpg")
    (photos / "linked").symlink_to(photos / "b")
    skipped = {}
    index = index_of(Folder(path=str(photos)), tmp_path / "run", skipped.__setitem__)
    assert index.classes == ("C", "a", "b", "linked")
    assert sum(item.startswith("linked/") for item in index.items) == 10
    assert sum(item.startswith("a/") for item in index.items) == 20, "no other class's photos"
    assert {Path(path).name for path in skipped} == {"round.jpg"}


@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="permissions of another kind")
def test_a_folder_that_cannot_be_read_is_named(photos):
    with tempfile.TemporaryDirectory() as folder:  # not in tmp_path, which is the owner's alone
        shutil.copytree(photos, Path(folder, "p"))
        Path(folder).chmod(0o755)
        Path(folder, "p", "b").chmod(0)
        before = os.geteuid()
        os.seteuid(before or 65534)  # to root nothing is unreadable
        try:
            with pytest.raises(DataError, match="p/b may not be read"):
                accept(Path(folder, "p"))
        finally:
            os.seteuid(before)
            Path(folder, "p", "b").chmod(0o700)


def test_a_class_with_one_image_trains(photos, write_photo, tmp_path):
    write_photo(photos / "alone" / "0.jpg")
    index = index_of(Folder(path=str(photos)), tmp_path / "run")
    assert index.labels[index.train].tolist().count(index.classes.index("alone")) == 1


def test_quotes_markup_and_foreign_letters_are_names_like_others(write_photo, tmp_path):
    classes = ("'quote\"", "<script>alert(1)<", "кошка", "猫")
    for number, name in enumerate(classes):
        for i in range(2):
            write_photo(tmp_path / "p" / name / f"{name} {i}.jpg", seed=2 * number + i)
    source = Folder(path=str(tmp_path / "p"))
    index = index_of(source, tmp_path / "run")
    assert index.classes == tuple(sorted(classes))
    assert all(open_images(source, index, tmp_path).image(i).size for i in range(8))


def test_bad_files_are_skipped_by_name_with_a_reason(photos, tmp_path):
    (photos / "a" / "empty.jpg").touch()
    (photos / "a" / "text.jpg").write_text("photo of a cat")
    whole = (photos / "a" / "000.jpg").read_bytes()
    (photos / "a" / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    skipped = {}
    index = index_of(Folder(path=str(photos)), tmp_path / "run", skipped.__setitem__)
    assert {Path(path).name for path in skipped} == {"empty.jpg", "text.jpg", "cut.jpg"}
    assert "zero bytes" in skipped[str(photos / "a" / "empty.jpg")]
    assert "not an image" in skipped[str(photos / "a" / "text.jpg")]
    assert len(index) == 35
    assert not {Path(item).name for item in index.items} & {"empty.jpg", "text.jpg", "cut.jpg"}


def test_bad_files_do_not_shift_the_parts(write_photos, tmp_path):
    write_photos(tmp_path / "p" / "train", {"a": 10, "b": 10})
    write_photos(tmp_path / "p" / "val", {"a": 3, "b": 3})
    for path in ("train/a/003.jpg", "val/b/000.jpg"):
        (tmp_path / "p" / path).write_bytes(b"")
    index = index_of(Folder(path=str(tmp_path / "p")), tmp_path / "run", lambda *_: None)
    assert all(index.items[i].startswith("val/") for i in index.val)
    assert (len(index.train), len(index.val)) == (19, 5)


def test_more_than_a_tenth_of_bad_files_stops_before_training(photos, tmp_path):
    for i in range(4):
        (photos / "a" / f"x{i}.jpg").touch()
    with pytest.raises(DataError, match="4 of 39 images can't be read") as refusal:
        index_of(Folder(path=str(photos)), tmp_path / "run", lambda *_: None)
    assert "x0.jpg" in str(refusal.value)
    assert not (tmp_path / "run" / "index.json").exists()


def test_a_class_that_bad_files_emptied_is_named(photos, write_photos, tmp_path):
    (photos / "D").mkdir()
    (photos / "D" / "0.png").write_text("")
    with pytest.raises(DataError, match="no readable training image of 'D'"):
        index_of(Folder(path=str(photos)), tmp_path / "run", lambda *_: None)


def test_arrays_are_indexed_by_row_and_stay_on_the_disk(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (30, 6, 8), dtype=np.uint8)
    accepted = accept((images, ["x", "y", "z"] * 10))
    accepted.place(tmp_path)
    index = index_of(accepted.source, tmp_path)
    opened = open_images(accepted.source, index, tmp_path)
    assert isinstance(opened.pixels, np.memmap)
    assert index.labels.tolist() == [0, 1, 2] * 10
    assert (np.asarray(opened.image(7))[..., 1] == images[7]).all()
    assert (opened.name(7), median_side(opened)) == ("image 7", 6)


@pytest.mark.parametrize("damage", ["missing", "short", "pickle", "pickled labels"])
def test_arrays_that_are_damaged_are_named(damage, tmp_path):
    accepted = accept((np.zeros((4, 2, 2), np.uint8), [0, 1, 0, 1]))
    accepted.place(tmp_path)
    path = tmp_path / "data" / "images.npy"
    if damage == "missing":
        path.unlink()
    elif damage == "short":
        path.write_bytes(path.read_bytes()[:-3])
    else:
        path = path if damage == "pickle" else path.with_name("labels.npy")
        np.save(path, np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match=r"arrays in .*data can't be read"):
        index_of(accepted.source, tmp_path)


def test_parts_of_arrays_travel_with_them(tmp_path):
    arrays = number_arrays(np.zeros((6, 2, 2), np.uint8), [0, 1] * 3, None, 4)
    save_arrays(arrays, tmp_path / "data")
    index = index_of(Arrays(path="data", classes=("a", "b")), tmp_path)
    assert index.val.tolist() == [4, 5]


@pytest.mark.parametrize("parts", [("train",), ("train", "t10k")])
def test_idx_files_validate_on_their_test_part(parts, tmp_path):
    folder = write_mnist(tmp_path / "idx", 40, parts)
    index = index_of(Idx(path=str(folder)), tmp_path / "run")
    assert index.classes == tuple("0123456789")
    assert len(index.val) == (40 if len(parts) == 2 else 10)
    assert len(index.train) == (40 if len(parts) == 2 else 30)


@pytest.mark.parametrize("below", ["FashionMNIST/raw", "."])
def test_mnist_and_kin_by_name_need_no_torchvision(below, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torchvision", None)
    write_mnist(tmp_path / "root" / below)
    source = Named(name="fashion-mnist", root=str(tmp_path / "root"))
    index = index_of(source, tmp_path / "run")
    assert index.classes[9] == "Ankle boot"
    image = open_images(source, index, tmp_path / "run").image(3)
    assert image.getpixel((5, 5)) == (75, 75, 75)


def test_the_digits_come_with_scikit_learn(tmp_path):
    index = index_of(Named(name="digits"), tmp_path)
    images = open_images(Named(name="digits"), index, tmp_path)
    assert (len(index), len(index.val), median_side(images)) == (1797, 359, 8)
    assert images.pixels.max() == 255
    assert (index.split == VAL).sum() == len(index.val)


def test_a_source_that_changed_under_its_index_is_refused(tmp_path):
    folder = write_mnist(tmp_path / "idx", 40)
    source = Idx(path=str(folder))
    index = index_of(source, tmp_path / "run")
    write_mnist(folder, 50)
    with pytest.raises(DataError, match="has 80 images but its source now has 100"):
        open_images(source, load_index(tmp_path / "run" / "index.json"), tmp_path / "run")
    assert len(index) == 80


def test_the_real_flowers_are_indexed_whole(shared_data, tmp_path):
    index = index_of(Folder(path=str(shared_data("tf_flowers_mini.zip"))), tmp_path / "run")
    assert index.classes == ("daisy", "dandelion", "roses", "sunflowers", "tulips")
    assert np.bincount(index.labels[index.train]).tolist() == [16] * 5
    assert np.bincount(index.labels[index.val]).tolist() == [8] * 5


def test_classes_without_images_are_left_out_of_numbered_sets(tmp_path):
    folder = write_mnist(tmp_path / "idx", 40)
    for part in ("train", "t10k"):
        path = folder / f"{part}-labels-idx1-ubyte"
        path.write_bytes(path.read_bytes()[:8] + bytes([3, 8] * 20))
    index = index_of(Idx(path=str(folder)), tmp_path / "run")
    assert index.classes == ("3", "8")
    assert index.labels[:4].tolist() == [0, 1, 0, 1]


def test_one_digit_alone_is_refused(tmp_path):
    folder = write_mnist(tmp_path / "idx", 40, ("train",))
    path = folder / "train-labels-idx1-ubyte"
    path.write_bytes(path.read_bytes()[:8] + bytes([3] * 40))
    with pytest.raises(DataError, match="all images are '3'"):
        index_of(Idx(path=str(folder)), tmp_path / "run")


@pytest.mark.parametrize(
    ("labels", "words"),
    [([0, 1, 2, 1], "0 to 2, but there are 2 classes"), ([0.0, 1.0, 0.0, 1.0], "do not fit")],
)
def test_labels_of_ready_made_arrays_are_checked(labels, words, tmp_path):
    np.save(tmp_path / "images.npy", np.zeros((4, 2, 2), np.uint8))
    np.save(tmp_path / "labels.npy", np.array(labels))
    with pytest.raises(DataError, match=words):
        index_of(Arrays(path=str(tmp_path), classes=("a", "b")), tmp_path / "run")


@needs_any_bytes
def test_files_with_names_of_any_bytes_are_trained_on_and_shown(photos, tmp_path):
    strange = os.fsencode(photos / "a") + b"/caf\xe9 <b>.jpg"
    shutil.copy(photos / "a" / "000.jpg", strange)
    (photos / "a" / "\u00e4\u732b.jpg").write_bytes((photos / "a" / "001.jpg").read_bytes())
    (photos / "a" / "x.jpg").write_bytes(b"")
    skipped = []
    source = Folder(path=str(photos))
    index_of(source, tmp_path / "run", lambda *args: skipped.append(args))
    index = load_index(tmp_path / "run" / "index.json")
    names = [index.name(i) for i in range(len(index))]
    assert len(names) == 37
    assert all(open_images(source, index, tmp_path).image(i).size for i in range(37))
    assert [name for name in names if "caf" in name] == [str(photos / "a" / r"caf\udce9 <b>.jpg")]


@needs_any_bytes
def test_a_folder_whose_name_cannot_be_stored_is_refused(write_photos, tmp_path):
    write_photos(tmp_path / "p", {"a": 1, "b": 1})
    (tmp_path / "p" / "b").rename(os.fsdecode(os.fsencode(tmp_path / "p") + b"/b\xff"))
    with pytest.raises(DataError, match=r"b\\udcff is not UTF-8"):
        accept(tmp_path / "p")


def test_arrays_outside_the_run_are_not_read(tmp_path):
    with pytest.raises(DataError, match="leaves the run's folder"):
        index_of(Arrays(path="../data", classes=("a", "b")), tmp_path / "run")


def test_the_share_of_bad_files_is_that_of_those_looked_at(write_photos, tmp_path, monkeypatch):
    monkeypatch.setattr("nbfinetune.data.headers.MAX_CHECKED", 10)
    photos = write_photos(tmp_path / "photos", {"a": 20, "b": 20})
    for number in (0, 4):
        (photos / "a" / f"{number:03}.jpg").write_bytes(b"")
    with pytest.raises(DataError, match="2 of 10 images"):
        index_of(Folder(path=str(photos)), tmp_path / "run", lambda *_: None)

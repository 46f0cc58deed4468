"""What a user passes becomes a record at once, or is refused in words."""

from __future__ import annotations

import gzip
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from nbfinetune.data import accept, named_datasets
from nbfinetune.errors import ConfigError, DataError, NbFinetuneError
from nbfinetune.records import Archive, Arrays, Files, Folder, FolderPair, Idx, Named

IMAGES = np.zeros((4, 5, 6), np.uint8)
LABELS = [0, 0, 1, 1]


def test_a_folder_becomes_an_absolute_path(write_photos, tmp_path, monkeypatch):
    write_photos(tmp_path / "photos", {"cats": 1, "dogs": 1})
    monkeypatch.chdir(tmp_path)
    for given in ("photos", "photos/", Path("photos"), tmp_path / "photos"):
        accepted = accept(given)
        assert accepted.source == Folder(path=str(tmp_path / "photos"))
        assert accepted.hint == "photos"
        accepted.place(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()


def test_a_folder_with_train_and_val_is_accepted(write_photos, tmp_path):
    write_photos(tmp_path / "train", {"cats": 1, "dogs": 1})
    write_photos(tmp_path / "val", {"dogs": 1})
    assert accept(tmp_path).source == Folder(path=str(tmp_path))


def test_two_folders_become_a_pair(write_photos, tmp_path):
    train = write_photos(tmp_path / "a", {"cats": 1, "dogs": 1})
    val = write_photos(tmp_path / "b", {"cats": 1})
    assert accept((str(train), val)).source == FolderPair(train=str(train), val=str(val))


def test_a_folder_of_idx_files_is_recognised(tmp_path):
    for name in ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"):
        (tmp_path / name).write_bytes(gzip.compress(b""))
    assert accept(tmp_path).source == Idx(path=str(tmp_path))


@pytest.mark.parametrize("spelling", ["fashion-mnist", "FashionMNIST", "fashion_mnist"])
def test_a_name_is_known_in_any_usual_spelling(spelling, tmp_path):
    accepted = accept(spelling, root=tmp_path)
    assert accepted.source == Named(name="fashion-mnist", root=str(tmp_path))
    assert accepted.hint in named_datasets()


def test_a_folder_wins_over_a_data_set_of_the_same_name(write_photos, tmp_path, monkeypatch):
    write_photos(tmp_path / "digits", {"0": 1, "1": 1})
    assert accept("digits").source == Named(name="digits")
    monkeypatch.chdir(tmp_path)
    assert accept("digits").source == Folder(path=str(tmp_path / "digits"))


def test_records_are_checked_like_what_they_stand_for(write_photos, tmp_path):
    folder = write_photos(tmp_path / "photos", {"cats": 1, "dogs": 1})
    for source in (
        Folder(path=str(folder)),
        FolderPair(train=str(folder), val=str(write_photos(tmp_path / "val", {"cats": 1}))),
        Named(name="mnist"),
        Idx(path=str(folder)),
        Arrays(path="data", classes=("a", "b")),
        Files(path="data"),
        Archive(path=shutil.make_archive(str(tmp_path / "a"), "zip", folder)),
    ):
        assert accept(source).source == source
    with pytest.raises(DataError, match=r"files\.json can't be read"):
        accept(Files(path=str(tmp_path)))
    with pytest.raises(DataError, match=r"gone\.zip"):
        accept(Archive(path=str(tmp_path / "gone.zip")))
    with pytest.raises(ConfigError, match="groups='x' does not go with a record of Named"):
        accept(Named(name="mnist"), groups="x")
    with pytest.raises(DataError, match="no folder"):
        accept(Folder(path=str(tmp_path / "gone")))
    with pytest.raises(DataError, match="closest: mnist"):
        accept(Named(name="mnits"))


def test_hidden_folders_are_no_classes(write_photos, tmp_path):
    write_photos(tmp_path, {"cats": 1, ".ipynb_checkpoints": 1, "__pycache__": 1, "__MACOSX": 1})
    with pytest.raises(DataError, match=r"one class only \('cats'\)"):
        accept(tmp_path)


def test_a_class_may_be_called_train(write_photos, tmp_path):
    write_photos(tmp_path, {"car": 1, "train": 1, "val": 1})
    assert accept(tmp_path).source == Folder(path=str(tmp_path))


def test_a_folder_is_accepted_without_its_images_being_opened(tmp_path):
    for name in ("cats", "dogs"):
        (tmp_path / name / "deep").mkdir(parents=True)
        (tmp_path / name / "deep" / "a.JPG").write_text("no image")
    accept(tmp_path)


def test_accepting_a_folder_imports_neither_numpy_nor_torch(write_photos, tmp_path):
    write_photos(tmp_path, {"cats": 1, "dogs": 1})
    code = (
        "import sys; from nbfinetune.data import accept; accept(sys.argv[1]); accept('cifar10');"
        "print(sorted({'numpy', 'torch', 'torchvision', 'PIL', 'sklearn'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert done.stdout.strip() == "[]"


def test_accepting_a_csv_or_an_archive_imports_no_pandas_and_no_torch(write_photos, tmp_path):
    write_photos(tmp_path / "p", {"cats": 1, "dogs": 1})
    (tmp_path / "a.csv").write_text("path,label\np/cats/000.jpg,a\np/dogs/000.jpg,b\n")
    shutil.make_archive(str(tmp_path / "a"), "zip", tmp_path / "p")
    code = (
        "import sys; from nbfinetune.data import accept; accept(sys.argv[1]); accept(sys.argv[2]);"
        "print(sorted({'pandas', 'torch', 'torchvision', 'sklearn'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "a.csv"), str(tmp_path / "a.zip")],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert done.stdout.strip() == "[]"


def _empty(folder):
    folder.mkdir()


def _file(folder):
    folder.write_text("photos")


def _loose(folder):
    folder.mkdir()
    (folder / "a.png").write_bytes(b"x")


def _one_class(folder):
    (folder / "cats").mkdir(parents=True)
    (folder / "cats" / "a.png").write_bytes(b"x")


def _empty_class(folder):
    _one_class(folder)
    (folder / "dogs").mkdir()
    (folder / "dogs" / "notes.txt").write_text("none yet")


def _strange_val(folder):
    for path in ("train/cats", "train/dogs", "val/cats", "val/hens"):
        (folder / path).mkdir(parents=True)
        (folder / path / "a.png").write_bytes(b"x")


def _empty_val(folder):
    for path in ("train/cats", "train/dogs", "val/cats"):
        (folder / path).mkdir(parents=True)
    for path in ("train/cats", "train/dogs"):
        (folder / path / "a.png").write_bytes(b"x")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda folder: None, "there is no folder"),
        (_empty, "is empty"),
        (_file, "is a file"),
        (_loose, "side by side"),
        (_one_class, "one class only"),
        (_empty_class, "dogs holds no images"),
        (_strange_val, "lacks: 'hens'"),
        (_empty_val, "val holds no images"),
    ],
)
def test_a_folder_that_cannot_be_trained_on_is_refused_by_name(make, words, tmp_path):
    folder = tmp_path / "my photos"
    make(folder)
    with pytest.raises(DataError, match=words) as refusal:
        accept(folder)
    assert "my photos" in str(refusal.value)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("cifar11", "closest: cifar10"),
        (3, "data is a int"),
        (("a", "b", "c"), "data is a tuple"),
        ((IMAGES, [0, 0, 1]), "4 images but 3 labels"),
        ((IMAGES, [1, 1, 1, 1]), "all 4 labels are '1'"),
        ((IMAGES, np.eye(4)), r"shape \(4, 4\)"),
        ((IMAGES, [0.5, 1.0, 1.0, 1.0]), "labels are float"),
        ((IMAGES, np.array(["a", 1, "b", 2], dtype=object)), "labels are int, str"),
        ((IMAGES, ["a", 1, "b", 2]), r"labels are int, str, such as 1 \(row 1\) and 'a' \(row 0\)"),
        ((IMAGES, [0, 1, None, 1]), "row 2 has no label"),
        ((IMAGES[0], LABELS), r"shape \(5, 6\)"),
        ((IMAGES[:0], []), r"shape \(0, 5, 6\)"),
        ((np.zeros((4, 3, 8, 8), np.uint8), LABELS), r"transpose\(0, 2, 3, 1\)"),
        ((np.zeros((4, 100, 8, 70), np.uint8), LABELS), "70 channels: at most 64"),
        ((np.full((4, 8, 8), np.nan), LABELS), "hold NaN"),
        ((np.full((4, 8, 8), np.inf), LABELS), "from inf to inf"),
        ((np.full((4, 8, 8), -1.0), LABELS), "from -1 to -1"),
        ((np.full((4, 8, 8), 4095, np.uint16), LABELS), "16-bit"),
        ((np.full((4, 8, 8), "x"), LABELS), "of type <U1"),
        (([np.zeros((2, 2)), np.zeros((3, 3))], [0, 1]), "all must be of one size"),
    ],
)
def test_what_is_no_data_is_refused_in_words(data, words):
    with pytest.raises(NbFinetuneError, match=words) as refusal:
        accept(data)
    assert isinstance(refusal.value, (DataError, ConfigError))


@pytest.mark.parametrize("train_is", ["the same", "missing"])
def test_a_pair_is_checked_too(train_is, write_photos, tmp_path):
    val = write_photos(tmp_path / "val", {"cats": 1, "dogs": 1})
    train = val if train_is == "the same" else tmp_path / "train"
    with pytest.raises(DataError, match=r"for training and for validation|no folder"):
        accept((train, val))


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        (np.array([[[0, 7]], [[200, 255]]], np.uint8), [[[0, 7]], [[200, 255]]]),
        (np.array([[[0, 7]], [[200, 255]]], np.int64), [[[0, 7]], [[200, 255]]]),
        (np.array([[[0.0, 7.4]], [[199.6, 255.0]]]), [[[0, 7]], [[200, 255]]]),
        (np.array([[[0.0, 0.5]], [[0.999, 1.0]]], np.float32), [[[0, 128]], [[255, 255]]]),
        (np.array([[[0.0, 0.25]], [[0.75, 1.0]]], np.float16), [[[0, 64]], [[191, 255]]]),
        (np.array([[[False, True]], [[True, False]]]), [[[0, 255]], [[255, 0]]]),
        ([np.array([[1, 2]]), np.array([[3, 4]])], [[[1, 2]], [[3, 4]]]),
        (np.array([[[0, 1]], [[1, 0]]], np.uint8), [[[0, 1]], [[1, 0]]]),
    ],
)
def test_arrays_travel_with_the_run_as_uint8(images, expected, tmp_path):
    accepted = accept((images, ["dog", "cat"]))
    assert accepted.source == Arrays(path="data", classes=("cat", "dog"))
    accepted.place(tmp_path)
    written = np.load(tmp_path / "data" / "images.npy", allow_pickle=False)
    assert written.dtype == np.uint8
    assert written.tolist() == expected
    assert np.load(tmp_path / "data" / "labels.npy").tolist() == [1, 0]


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_arrays_longer_than_a_chunk_arrive_whole(channels, tmp_path):
    images = np.random.default_rng(0).random((2500, 3, 4, channels))
    accept((images, np.arange(2500) % 7)).place(tmp_path)
    written = np.load(tmp_path / "data" / "images.npy")
    assert np.abs(written / 255 - images).max() <= 0.5 / 255 + 1e-6


def test_whole_number_labels_sort_by_value():
    labels = [10, 9, 10, 2]
    assert accept((IMAGES, labels)).source.classes == ("2", "9", "10")

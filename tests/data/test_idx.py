"""IDX files, whole and broken."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from nbfinetune.data.idx import find_idx, read_idx, read_pair
from nbfinetune.errors import DataError

PIXELS = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)


def idx_bytes(array):
    return (
        bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape) + bytes(array)
    )


def write_mnist(
    folder: Path, count: int = 40, parts=("train", "t10k"), pack=lambda data: data
) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    suffix = ".gz" if pack is gzip.compress else ""
    for part in parts:
        labels = np.arange(count, dtype=np.uint8) % 10
        images = np.repeat(labels * 25, 28 * 28).reshape(count, 28, 28)
        for kind, array in (("images-idx3", images), ("labels-idx1", labels)):
            (folder / f"{part}-{kind}-ubyte{suffix}").write_bytes(pack(idx_bytes(array)))
    return folder


@pytest.mark.parametrize(("name", "pack"), [("a", bytes), ("a.gz", gzip.compress)])
def test_raw_and_gzipped_files_read_alike(name, pack, tmp_path):
    path = tmp_path / name
    path.write_bytes(pack(idx_bytes(PIXELS)))
    assert read_idx(path, dims=3).tolist() == PIXELS.tolist()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "starts with nothing"),
        (b"\x89PNG\r\n\x1a\n" + bytes(40), "starts with 89 50 4e 47"),
        (idx_bytes(PIXELS)[:20], "promises 24 bytes"),
        (idx_bytes(PIXELS)[:9], "no IDX file"),
        (idx_bytes(PIXELS) + b"x", "holds more"),
        (idx_bytes(PIXELS[0]), "no IDX file of bytes in 3 dimensions"),
        (
            bytes((0, 0, 8, 3)) + struct.pack(">3I", 2**32 - 1, 2**16, 2**16),
            "can't be read|promises",
        ),
    ],
)
def test_a_file_that_is_not_what_it_says_is_refused_by_name(data, words, tmp_path):
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(data)
    with pytest.raises(DataError, match=words) as refusal:
        read_idx(path, dims=3)
    assert str(path) in str(refusal.value)


@pytest.mark.parametrize("cut", [5, 30, 60])
def test_a_broken_gzip_is_refused_by_name(cut, tmp_path):
    path = tmp_path / "a.gz"
    noise = np.random.default_rng(0).integers(0, 256, (4, 9, 9), dtype=np.uint8)
    path.write_bytes(gzip.compress(idx_bytes(noise))[:cut])
    with pytest.raises(DataError, match=r"a\.gz"):
        read_idx(path, dims=3)


def test_images_and_labels_must_agree_in_number(tmp_path):
    images, labels = tmp_path / "images", tmp_path / "labels"
    images.write_bytes(idx_bytes(PIXELS))
    labels.write_bytes(idx_bytes(np.zeros(3, np.uint8)))
    with pytest.raises(DataError, match=r"2 images but .* 3 labels"):
        read_pair(images, labels)


@pytest.mark.parametrize(
    "names",
    [
        ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
        ("train-images.idx3-ubyte.gz", "train-labels.idx1-ubyte.gz"),
        ("emnist-letters-train-images-idx3-ubyte", "emnist-letters-train-labels-idx1-ubyte"),
    ],
)
def test_files_are_found_under_their_usual_names(names, tmp_path):
    for name in names:
        (tmp_path / name).touch()
    files = find_idx(tmp_path)
    assert [path.name for path in files.train] == list(names)
    assert files.test is None


def test_the_raw_file_goes_before_the_gzipped_one(tmp_path):
    write_mnist(tmp_path, pack=gzip.compress)
    write_mnist(tmp_path)
    assert all(path.suffix == "" for pair in find_idx(tmp_path) for path in pair)


def test_a_folder_without_training_files_is_no_idx_folder(tmp_path):
    write_mnist(tmp_path, parts=("t10k",))
    assert find_idx(tmp_path) is None


def test_the_real_mnist_reads(shared_data):
    files = find_idx(shared_data("mnist_idx"))
    images, labels = read_pair(*files.test)
    assert images.shape == (10_000, 28, 28)
    assert np.bincount(labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert labels[:5].tolist() == [7, 2, 1, 0, 4]

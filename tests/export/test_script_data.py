"""The images of a run are listed beside its script, each in its part."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from PIL import Image

from nbfinetune.data import accept
from nbfinetune.data.image_index import ImageIndex, save_index
from nbfinetune.errors import DataError
from nbfinetune.export.script_data import list_images
from nbfinetune.records import DataConfig, FineTuneConfig, Folder, Named

PHOTOS = FineTuneConfig(data=DataConfig(source=Folder(path="/photos")))
SPLIT = np.array([0, 1, 2, 0, 1], np.uint8)


def index(items):
    return ImageIndex(("cat", "dog"), np.array([0, 1, 0, 1, 1]), SPLIT, items, "/photos")


def test_files_are_listed_by_path_label_and_part(tmp_path):
    names = ("cat/a.jpg", 'dog/b, "c".jpg', "cat/out.jpg", "dog/bad.jpg", "dog/\udcff.jpg")
    save_index(index(names), tmp_path / "index.json")
    bad = {"/photos/dog/bad.jpg"}
    listed = list_images(tmp_path, PHOTOS, tmp_path / "again.py", bad)
    assert (listed.file, listed.kind, listed.root) == ("again.images.csv", "files", "/photos")
    assert (listed.train, listed.val) == (1, 2)
    path = tmp_path / listed.file
    with path.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
        assert [tuple(row.values()) for row in csv.DictReader(file)] == [
            ("cat/a.jpg", "cat", "train"),
            ('dog/b, "c".jpg', "dog", "val"),
            ("dog/\udcff.jpg", "dog", "val"),
        ]


def test_arrays_are_put_into_a_file_without_pickle(tmp_path):
    config = FineTuneConfig(data=DataConfig(source=Named(name="digits")))
    split = np.tile([0, 0, 0, 1], 500)[:1797].astype(np.uint8)
    from nbfinetune.data.source_reading import read_source

    digits = read_source(config.data.source, tmp_path)
    save_index(ImageIndex(digits.classes, digits.labels, split), tmp_path / "index.json")
    listed = list_images(tmp_path, config, tmp_path / "again.ipynb")
    assert (listed.file, listed.kind, listed.train) == ("again.images.npz", "arrays", 1348)
    held = np.load(tmp_path / listed.file, allow_pickle=False)
    assert np.array_equal(held["images"], digits.images)
    assert held["labels"].tolist() == digits.labels.astype(str).tolist()
    assert held["parts"].tolist() == [("train", "val")[part] for part in split]


@pytest.mark.parametrize(("channels", "alpha"), [(1, False), (3, False), (4, True)])
def test_arrays_lie_there_as_pillow_takes_them_and_alpha_is_told(tmp_path, channels, alpha):
    accepted = accept((np.zeros((5, 6, 7, channels), np.uint8), [0, 1, 0, 1, 1]))
    accepted.place(tmp_path)
    save_index(index(()), tmp_path / "index.json")
    config = FineTuneConfig(data=DataConfig(source=accepted.source))
    listed = list_images(tmp_path, config, tmp_path / "again.py")
    assert listed.alpha == alpha
    held = np.load(tmp_path / listed.file, allow_pickle=False)["images"]
    assert [Image.fromarray(image).size for image in held] == [(7, 6)] * 4


def test_a_run_without_its_index_is_named(tmp_path):
    with pytest.raises(DataError, match=r"index\.json"):
        list_images(tmp_path, PHOTOS, tmp_path / "again.py")

"""Data sets of Hugging Face, as the library itself makes them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nbfinetune.data import accept
from nbfinetune.data.images import open_images
from nbfinetune.data.index import preview_index
from nbfinetune.errors import ConfigError, DataError
from nbfinetune.records import DataConfig, Files

datasets = pytest.importorskip("datasets", reason="needs the extra nbfinetune[hf]")


@pytest.fixture(autouse=True)
def quiet():
    datasets.disable_progress_bars()


@pytest.fixture
def photos(write_photos, tmp_path):
    return sorted(write_photos(tmp_path / "photos", {"cats": 6, "dogs": 6}).rglob("*.jpg"))


def dataset_of(photos, *, embedded=False, **more):
    stored = [{"bytes": path.read_bytes(), "path": None} for path in photos]
    columns = {
        "image": stored if embedded else [str(path) for path in photos],
        "label": [int(path.parent.name == "dogs") for path in photos],
        **more,
    }
    known = {
        "image": datasets.Image(),
        "label": datasets.ClassLabel(names=["cats", "dogs"]),
        "patient": datasets.Value("string"),
        "breed": datasets.Value("string"),
    }
    features = datasets.Features({name: known[name] for name in columns})
    return datasets.Dataset.from_dict(columns, features=features)


def opened(data, run, **rules):
    accepted = accept(data, **rules)
    assert accepted.source == Files(path="data")
    accepted.place(run)
    index = preview_index(DataConfig(source=accepted.source), 0, run)
    return index, open_images(accepted.source, index, run)


def test_files_are_used_where_they_lie(photos, tmp_path):
    index, _ = opened(dataset_of(photos), tmp_path / "run")
    assert index.classes == ("cats", "dogs")
    assert [index.path(i) for i in range(12)] == [str(path) for path in photos]
    assert not (tmp_path / "run" / "data" / "images").exists()


def test_embedded_images_are_copied_byte_for_byte(photos, tmp_path):
    index, images = opened(dataset_of(photos, embedded=True), tmp_path / "run")
    written = [Path(index.path(i)) for i in range(12)]
    assert [path.read_bytes() for path in written] == [path.read_bytes() for path in photos]
    assert {path.suffix for path in written} == {".jpg"}
    assert images.image(0).size == (40, 30)


@pytest.mark.parametrize("make", [datasets.DatasetDict, dict])
def test_a_dict_of_parts_keeps_them(make, photos, tmp_path):
    parts = {"test": dataset_of(photos[4:8]), "train": dataset_of(photos[::2], embedded=True)}
    index, _ = opened(make(parts), tmp_path / "a")
    assert (len(index.train), len(index.val)) == (6, 4)
    assert Path(index.path(0)).read_bytes() == photos[0].read_bytes()
    assert Path(index.path(9)).read_bytes() == photos[7].read_bytes()
    index, _ = opened(make(parts, validation=dataset_of(photos[9:])), tmp_path / "b")
    assert (len(index.train), len(index.val)) == (6, 3)


def test_columns_may_be_named_for_labels_and_groups(photos, tmp_path):
    dataset = dataset_of(
        photos, breed=["manx", "tabby"] * 6, patient=[f"p{i // 4}" for i in range(12)]
    )
    index, _ = opened(dataset, tmp_path / "run", labels="breed", groups="patient")
    assert index.classes == ("manx", "tabby")
    assert sorted(index.val.tolist()) in ([0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11])


def test_selected_rows_keep_their_order(photos, tmp_path):
    index, _ = opened(dataset_of(photos).select([7, 0, 3, 11]), tmp_path / "run")
    assert [index.path(i) for i in range(4)] == [str(photos[i]) for i in (7, 0, 3, 11)]


def test_pictures_of_fake_pixels_are_embedded_as_they_are(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (4, 8, 9, 3), dtype=np.uint8)
    from PIL import Image

    columns = {"image": [Image.fromarray(one) for one in pixels], "label": ["a", "b"] * 2}
    _, images = opened(datasets.Dataset.from_dict(columns), tmp_path / "run")
    assert (np.asarray(images.image(3)) == pixels[3]).all()


def twice(dataset):
    again = dataset.select_columns(["image"]).rename_column("image", "again")
    return datasets.concatenate_datasets([dataset, again], axis=1)


@pytest.mark.parametrize(
    ("change", "rules", "words"),
    [
        (lambda d: d.remove_columns("image"), {}, "0 columns of the data set hold images"),
        (twice, {}, "2 columns of the data set hold images"),
        (lambda d: d.remove_columns("label"), {}, "no column of the data set is surely the label"),
        (lambda d: d, {"labels": "lable"}, r"no column 'lable': it has 'image' \(Image\)"),
        (lambda d: d.to_iterable_dataset(), {}, "data is a IterableDataset"),
    ],
)
def test_a_data_set_without_the_columns_is_refused(change, rules, words, photos):
    with pytest.raises(ConfigError, match=words):
        accept(change(dataset_of(photos)), **rules)


def test_a_part_without_labels_is_refused(photos):
    columns = {"image": [str(path) for path in photos[:3]], "label": [0, 1, -1]}
    features = dataset_of(photos).features
    dataset = datasets.Dataset.from_dict(columns, features=features)
    with pytest.raises(DataError, match="row 2 of the data set has no label"):
        accept(dataset)

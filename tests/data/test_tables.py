"""DataFrames, CSV files and lists of (path, label) become one list of files, or are refused."""

from __future__ import annotations

import shutil

import numpy as np
import pandas as pd
import pytest

from nbfinetune.data import accept
from nbfinetune.data.file_lists import MissingFiles, load_files
from nbfinetune.data.identity import data_key
from nbfinetune.data.images import open_images
from nbfinetune.data.index import build_index
from nbfinetune.data.loader import Loader
from nbfinetune.data.splits import TRAIN, VAL
from nbfinetune.errors import ConfigError, DataError, NbFinetuneError
from nbfinetune.records import DataConfig, Files


def never(path, reason):
    pytest.fail(f"{path} was skipped: {reason}")


def index_of(data, run, config=None, **rules):
    accepted = accept(data, **rules)
    run.mkdir(exist_ok=True)
    accepted.place(run)
    return build_index(DataConfig(source=accepted.source, **(config or {})), 0, run, never)


@pytest.fixture
def photos(write_photos, tmp_path):
    return write_photos(tmp_path / "photos", {"cats": 6, "dogs": 6})


@pytest.fixture
def frame(photos):
    paths = sorted(photos.rglob("*.jpg"))
    return pd.DataFrame({"path": paths, "label": [path.parent.name for path in paths]})


def test_a_frame_becomes_a_list_that_travels_with_the_run(frame, photos, tmp_path):
    accepted = accept(frame)
    assert accepted.source == Files(path="data")
    index = index_of(frame, tmp_path / "run")
    assert (index.root, index.items[0]) == (str(photos), "cats/000.jpg")
    assert index.classes == ("cats", "dogs")
    assert (len(index.train), len(index.val)) == (10, 2)
    assert open_images(accepted.source, index, tmp_path / "run").image(0).size == (40, 30)


def test_rows_keep_their_part_and_a_test_part_is_left_out_beside_a_val_part(frame, tmp_path):
    parts = ["train", "valid", "training", "Validation ", "test", "train"] * 2
    index = index_of(frame.assign(split=parts), tmp_path / "a")
    assert [item[5:8] for item in index.items] == ["000", "002", "005"] * 2 + ["001", "003"] * 2
    assert index.split.tolist() == [TRAIN] * 6 + [VAL] * 4
    only_test = frame.assign(Split=["train", "test"] * 6)
    assert (index_of(only_test, tmp_path / "b").split == VAL).sum() == 6


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_csv_file_counts_paths_from_its_own_folder(delimiter, frame, photos, tmp_path):
    rows = [path.relative_to(photos).as_posix() for path in frame["path"]]
    table = pd.DataFrame({"image": rows, "class": [10, 9] * 6, "note": "a b"})
    table.to_csv(photos / "list.CSV", index=False, sep=delimiter, encoding="utf-8-sig")
    index = index_of(str(photos / "list.CSV"), tmp_path / "run")
    assert index.classes == ("9", "10")
    assert index.labels.tolist() == [1, 0] * 6


def test_relative_paths_start_here_or_at_root(frame, photos, tmp_path, monkeypatch):
    pairs = [(path.relative_to(photos).as_posix(), path.parent.name) for path in frame["path"]]
    assert index_of(pairs, tmp_path / "a", root=photos).root == str(photos)
    monkeypatch.chdir(photos)
    assert index_of(pairs, tmp_path / "b").items[0] == "cats/000.jpg"


def test_all_missing_files_are_counted_and_named(frame, photos):
    shutil.rmtree(photos / "dogs")
    (photos / "cats" / "000.jpg").unlink()
    more = pd.DataFrame({"path": [f"{photos}/x{i}.jpg" for i in range(5)], "label": "cats"})
    with pytest.raises(
        MissingFiles, match=r"12 of 17 image files are missing.* and 2 more"
    ) as told:
        accept(pd.concat([frame, more]))
    assert str(photos / "cats" / "000.jpg") in str(told.value)
    assert len(told.value.paths) == 12


def test_groups_of_a_column_stay_on_one_side(frame, tmp_path):
    frame["patient"] = [f"p{i // 2}" for i in range(12)]
    index = index_of(frame, tmp_path / "run", groups="patient")
    sides = frame.assign(part=index.split).groupby("patient")["part"].nunique()
    assert sides.max() == 1
    assert set(index.labels[index.val]) == {0, 1}


def test_groups_validate_in_one_fold_each(frame, tmp_path):
    frame["patient"] = [f"p{i // 2}" for i in range(12)]
    folds = [
        index_of(frame, tmp_path / str(k), {"folds": 3, "fold": k}, groups="patient").split
        for k in range(3)
    ]
    assert (np.sum([fold == VAL for fold in folds], axis=0) == 1).all()
    assert all((fold[::2] == fold[1::2]).all() for fold in folds)


def test_a_column_of_any_name_may_be_the_label(frame, tmp_path):
    frame["breed"] = ["tabby", "manx"] * 6
    assert index_of(frame, tmp_path / "run", labels="breed").classes == ("manx", "tabby")


def test_a_frame_of_paths_alone_takes_a_rule(frame, tmp_path):
    index = index_of(frame[["path"]], tmp_path / "run", labels=r"/(\w+)/\d+\.jpg$")
    assert index.classes == ("cats", "dogs")


@pytest.mark.parametrize("labels", [[True, False] * 6, [np.int8(2), np.int8(1)] * 6])
def test_booleans_and_numbers_of_numpy_are_labels(labels, frame, tmp_path):
    index = index_of(frame.assign(label=pd.Series(labels, dtype=object)), tmp_path / "run")
    assert index.classes == tuple(sorted({str(label) for label in labels}))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"label": ["a", 1] * 6}, r"labels are int, str, such as 1 \(row 1\) and 'a' \(row 0\)"),
        ({"label": [1.5, 2.0] * 6}, "labels are float"),
        ({"label": ["a", "b", None] * 4}, "row 2 has no label"),
        ({"label": [0, 1, np.nan] * 4}, "row 2 has no label"),
        ({"label": pd.array([0, pd.NA] * 6, dtype="Int64")}, "row 1 has no label"),
        ({"label": ["a"] * 12}, "all images are 'a'"),
        ({"path": [None] * 12}, "row 0 has no path"),
        ({"path": list(range(12))}, "row 0 has 0 for a path"),
        ({"split": ["train", "dev"] * 6}, "row 1 has split 'dev'"),
        ({"split": ["train", None] * 6}, "row 1 has no split: 'train'"),
        ({"split": ["val"] * 12}, "nothing to train on"),
        ({"split": ["train"] * 6 + ["val"] * 6}, "no row for training is of class 'dogs'"),
    ],
)
def test_a_row_that_is_wrong_is_named(change, words, frame):
    with pytest.raises(DataError, match=words):
        accept(frame.assign(**change))


def test_a_line_that_is_wrong_is_named(frame, tmp_path):
    (tmp_path / "a.csv").write_text("path,label\nphotos/cats/000.jpg,a\n\nphotos/dogs/000.jpg\n")
    with pytest.raises(DataError, match=r"line 4 of a\.csv has no label"):
        accept(tmp_path / "a.csv")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("path;label", "no rows"),
        ("", "the columns nothing at all: one called path or file"),
        ("foto,label\na,b", "the columns 'foto', 'label': one called path or file"),
        ("path,tag\na,b", "one called label or class or target"),
        ("path,label\n\xff,\xff".encode("latin-1"), "can't be read as CSV in UTF-8"),
    ],
)
def test_a_file_that_is_no_table_is_refused(data, words, tmp_path):
    (tmp_path / "a.csv").write_bytes(data if isinstance(data, bytes) else data.encode())
    with pytest.raises(DataError, match=words):
        accept(tmp_path / "a.csv")


def test_two_columns_of_one_name_are_refused(frame):
    with pytest.raises(DataError, match="two columns of the table have one name"):
        accept(pd.concat([frame, frame["path"]], axis=1))


def test_one_photo_with_two_labels_is_refused(frame):
    again = frame.iloc[:1].assign(label="dogs")
    with pytest.raises(DataError, match=r"000\.jpg is 'cats' in row 0 but 'dogs' in row 12"):
        accept(pd.concat([frame, again]))


@pytest.mark.parametrize(
    ("data", "rules", "words"),
    [
        ([("a.jpg", "a"), ("b.jpg",)], {}, r"row 1 is \('b.jpg',\)"),
        ([], {}, "data is a list"),
        ({}, {}, "data is a dict"),
        ((np.zeros((2, 4, 4), np.uint8), [0, 1]), {"labels": "x"}, "give their labels"),
        ((np.zeros((2, 4, 4), np.uint8), [0, 1]), {"groups": "x"}, "does not go with arrays"),
        ("digits", {"groups": "x"}, "does not go with the data set 'digits'"),
    ],
)
def test_what_makes_no_list_is_refused(data, rules, words):
    with pytest.raises(NbFinetuneError, match=words):
        accept(data, **rules)


def test_a_mistyped_column_is_not_taken_for_a_pattern(frame):
    with pytest.raises(ConfigError, match=r"labels='lable' is no column .*'path', 'label'"):
        accept(frame, labels="lable")


def test_names_with_quotes_markup_and_foreign_letters_survive(write_photo, tmp_path):
    names = ["a'b\".jpg", "<img src=x onerror=alert(1)>.jpg", "кошка 猫.jpg", "a\nb.jpg"]
    pairs = [(str(write_photo(tmp_path / name, seed=i)), f"<b>{i % 2}") for i, name in
             enumerate(names)]  # fmt: skip
    index = index_of(pairs, tmp_path / "run")
    assert list(index.items) == names
    assert index.classes == ("<b>0", "<b>1")


@pytest.mark.parametrize("damage", [b"", b"{}", b'{"items": ["a"], "labels": [0, 1]}'])
def test_a_damaged_list_is_named(damage, frame, tmp_path):
    accept(frame).place(tmp_path)
    (tmp_path / "data" / "files.json").write_bytes(damage)
    with pytest.raises(DataError, match=r"data/files\.json can't be read"):
        load_files(tmp_path / "data")


def test_the_key_tells_data_apart_and_knows_them_again(frame, photos, tmp_path):
    pixels = np.zeros((4, 5, 6), np.uint8)
    lit = pixels.copy()
    lit[3, 4, 5] = 1
    sources = [photos, "digits", frame, frame[::-1], frame.assign(label=["a", "b"] * 6)]
    sources += [(pixels, [0, 1] * 2), (lit, [0, 1] * 2), (pixels, [1, 0] * 2)]
    keys = [data_key(accept(source)) for source in sources]
    assert len(set(keys)) == len(keys)
    assert keys == [data_key(accept(source)) for source in sources]
    assert all(len(key) == 16 and int(key, 16) >= 0 for key in keys)


def test_files_that_vanish_during_a_run_are_named_and_counted(frame, photos, tmp_path):
    index = index_of(frame, tmp_path / "run")
    images = open_images(Files(path="data"), index, tmp_path / "run")
    told = {}
    loader = Loader(images, np.arange(12), 8, "bilinear", 1.0, None, 0, 4, 1, told.__setitem__)
    (photos / "dogs" / "003.jpg").unlink()
    seen = [batch.ids for batch in loader.epoch(0, shuffle=True, drop_last=False)]
    assert sorted(np.concatenate(seen)) == [number for number in range(12) if number != 9]
    assert told == {str(photos / "dogs" / "003.jpg"): "No such file or directory"}
    shutil.rmtree(photos / "dogs")
    with pytest.raises(DataError, match=r"of 12 images can't be read .*dogs"):
        list(loader.epoch(1, shuffle=True, drop_last=False))

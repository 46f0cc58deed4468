"""Edits of single images: laid over the split, kept in a file, refused where they make no sense."""

from __future__ import annotations

import numpy as np
import pytest

from nbfinetune.data import accept
from nbfinetune.data.edits import apply_edits, load_edits, merged, require_known, save_edits
from nbfinetune.data.index import build_index, preview_index
from nbfinetune.data.splits import LEFT_OUT, TRAIN, VAL
from nbfinetune.errors import ConfigError, DataError
from nbfinetune.records import DataConfig, Exclude, Folder, MoveTo, Relabel


def never(path, reason):
    pytest.fail(f"{path} was skipped: {reason}")


@pytest.fixture
def photos(write_photos, tmp_path):
    return Folder(path=str(write_photos(tmp_path / "photos", {"cats": 10, "dogs": 10})))


def build(source, run, *edits, on_skip=never, **config):
    run.mkdir(exist_ok=True)
    return build_index(DataConfig(source=source, edits=edits, **config), 0, run, on_skip)


def test_each_kind_of_edit_does_what_it_says_and_nothing_else(photos, tmp_path):
    plain = build(photos, tmp_path / "a")
    edits = (
        Exclude(item="cats/003.jpg"),
        Relabel(item="cats/004.jpg", label="dogs"),
        MoveTo(item=plain.items[plain.val[0]], part="train"),
        MoveTo(item=plain.items[plain.train[-1]], part="val"),
    )
    index = build(photos, tmp_path / "b", *edits)
    split, labels = plain.split.copy(), plain.labels.copy()
    split[3], split[plain.val[0]], split[plain.train[-1]] = LEFT_OUT, TRAIN, VAL
    labels[4] = 1
    assert index.items == plain.items
    assert index.split.tolist() == split.tolist()
    assert index.labels.tolist() == labels.tolist()
    assert 3 not in index.train
    assert 3 not in index.val


@pytest.mark.parametrize("config", [{}, {"folds": 4, "fold": 1}])
def test_neither_edits_nor_bad_files_change_where_the_others_are(config, photos, tmp_path):
    plain = build(photos, tmp_path / "a", **config)
    (tmp_path / "photos" / "cats" / "000.jpg").write_bytes(b"")
    edits = [Exclude(item=item) for item in plain.items[5:12:3]]
    index = build(photos, tmp_path / "b", *edits, on_skip=lambda *_: None, **config)
    assert index.items == plain.items[1:]
    kept = index.split != LEFT_OUT
    assert kept.sum() == 16
    assert index.split[kept].tolist() == plain.split[1:][kept].tolist()


def test_the_preview_is_what_the_run_gets(photos, tmp_path):
    edits = (Exclude(item="cats/000.jpg"), MoveTo(item="dogs/000.jpg", part="val"))
    before = preview_index(DataConfig(source=photos), 0, tmp_path)
    assert apply_edits(before, edits).split[0] == LEFT_OUT != before.split[0]
    config = DataConfig(source=photos, edits=edits)
    preview = preview_index(config, 0, tmp_path)
    index = build(photos, tmp_path / "run", *edits)
    assert preview.items == index.items
    assert preview.split.tolist() == index.split.tolist()


def test_an_excluded_file_is_not_looked_at(photos, tmp_path):
    for number in range(3):  # more than a tenth: the run would refuse to start
        (tmp_path / "photos" / "cats" / f"00{number}.jpg").write_bytes(b"")
    build(photos, tmp_path / "run", *(Exclude(item=f"cats/00{n}.jpg") for n in range(3)))


def test_an_excluded_image_stays_out_whatever_follows(photos, tmp_path):
    index = build(
        photos,
        tmp_path / "run",
        Exclude(item="cats/003.jpg"),
        MoveTo(item="cats/003.jpg", part="train"),
    )
    assert index.split[3] == LEFT_OUT


def test_arrays_are_edited_by_their_row(tmp_path):
    accepted = accept((np.zeros((10, 4, 4), np.uint8), ["a", "b"] * 5))
    accepted.place(tmp_path)
    edits = (Exclude(item="0"), Relabel(item="2", label="b"))
    config = DataConfig(source=accepted.source, edits=edits)
    index = build_index(config, 0, tmp_path, never)
    assert len(index) == 10
    assert (index.split[0], index.labels[2]) == (LEFT_OUT, 1)


def test_an_edit_of_an_image_that_is_gone_is_told_and_passed_over(photos, tmp_path):
    told = {}
    edits = (Exclude(item="cats/gone.jpg"), MoveTo(item="dogs/gone.jpg", part="val"))
    index = build(photos, tmp_path / "run", *edits, on_skip=told.__setitem__)
    assert len(index.train) == 16
    assert told == {
        "cats/gone.jpg": "excluded, but there is no such image any more",
        "dogs/gone.jpg": "moved to 'val', but there is no such image any more",
    }


def test_a_class_that_the_data_lack_is_refused_with_those_that_there_are(photos, tmp_path):
    with pytest.raises(DataError, match=r"'cats/000.jpg' is relabelled as 'hens'.*'cats', 'dogs'"):
        build(photos, tmp_path / "run", Relabel(item="cats/000.jpg", label="hens"))


@pytest.mark.parametrize(
    ("edits", "words"),
    [
        ([Exclude(item=f"cats/00{n}.jpg") for n in range(10)], "no readable training image of 'ca"),
        ([MoveTo(item=f"cats/00{n}.jpg", part="val") for n in range(10)], "training image of 'cat"),
        (
            [MoveTo(item=f"{c}/00{n}.jpg", part="train") for c in ("cats", "dogs")
             for n in range(10)],
            "no readable image is left to validate on",
        ),
    ],
)  # fmt: skip
def test_edits_that_leave_nothing_to_train_or_validate_on_are_refused(
    edits, words, photos, tmp_path
):
    with pytest.raises(DataError, match=words):
        build(photos, tmp_path / "run", *edits)


def test_edits_typed_by_hand_must_name_images(photos, tmp_path):
    index = preview_index(DataConfig(source=photos), 0, tmp_path)
    require_known(index, [Exclude(item="cats/000.jpg")])
    with pytest.raises(
        ConfigError, match=r"no image '000\.jpg' \(and 1 more\); closest: 'cats/000"
    ):
        require_known(index, [Exclude(item="000.jpg"), Exclude(item="x")])
    with pytest.raises(ConfigError, match=r"no image 'cat/00\.jpg'; closest: 'cats/00"):
        require_known(index, [Exclude(item="cat/00.jpg")])


def test_the_newest_edit_of_a_kind_holds_and_comes_last():
    first = (Exclude(item="a"), MoveTo(item="b", part="val"), Relabel(item="b", label="x"))
    new = (MoveTo(item="b", part="train"), Exclude(item="a"))
    assert merged(first, new) == (Relabel(item="b", label="x"), *new)
    assert merged(first, ()) == first


def test_a_file_of_edits_comes_back_as_it_was(tmp_path):
    edits = (
        Exclude(item="кот '<b>'.jpg"),
        Relabel(item="a", label="猫"),
        MoveTo(item="b", part="val"),
    )
    path = tmp_path / "deep" / "edits.json"
    save_edits(path, edits[:1])
    save_edits(path, edits)
    assert load_edits(str(path)) == edits
    assert [one.name for one in path.parent.iterdir()] == ["edits.json"]


@pytest.mark.parametrize("data", [b"", b"[]", b'{"edits": [{"kind": "delete", "item": "a"}]}'])
def test_a_file_that_holds_no_edits_is_named(data, tmp_path):
    (tmp_path / "edits.json").write_bytes(data)
    with pytest.raises(DataError, match=r"the edits in .*edits\.json can't be read"):
        load_edits(tmp_path / "edits.json")
    with pytest.raises(DataError, match=r"the edits in .*gone\.json can't be read"):
        load_edits(tmp_path / "gone.json")


def test_a_photo_listed_twice_is_edited_in_both_rows(write_photos, tmp_path):
    photos = write_photos(tmp_path / "photos", {"a": 4, "b": 4})
    pairs = [(str(path), path.parent.name) for path in sorted(photos.rglob("*.jpg"))]
    accepted = accept([*pairs, pairs[0]])
    accepted.place(tmp_path)
    index = preview_index(DataConfig(source=accepted.source), 0, tmp_path)
    edited = apply_edits(index, [Exclude(item="a/000.jpg")])
    assert (edited.split == LEFT_OUT).sum() == 2

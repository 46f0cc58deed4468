"""Labels and groups that are read off paths."""

from __future__ import annotations

import re

import pytest

from nbfinetune.data import accept
from nbfinetune.data.index import preview_index
from nbfinetune.errors import ConfigError, DataError, NbFinetuneError
from nbfinetune.records import DataConfig, Folder


@pytest.fixture
def pets(write_photo, tmp_path):
    """Photos side by side, named like those of the Oxford pets: ``beagle_0_1.jpg``."""
    for number in range(24):
        breed = ("Bengal", "beagle")[number % 2]
        write_photo(tmp_path / "pets" / "deep" / f"{breed}_{number // 4}_{number}.jpg", seed=number)
    return tmp_path / "pets"


def index_of(data, run, **rules):
    accepted = accept(data, **rules)
    accepted.place(run)
    return preview_index(DataConfig(source=accepted.source), 0, run)


def by_name(path):
    return path.name.split("_")[0]


@pytest.mark.parametrize("rule", [by_name, r"([^/]+)_\d+_\d+\.jpg$", r"(?<=/)[A-Za-z]+(?=_\d)"])
def test_a_rule_labels_photos_that_lie_side_by_side(rule, pets, tmp_path):
    index = index_of(pets, tmp_path / "run", labels=rule)
    assert index.classes == ("Bengal", "beagle")
    assert [index.items[i].startswith("Bengal") for i in range(24)] == (index.labels == 0).tolist()
    assert len(index.val) == 4


def test_a_list_of_paths_takes_a_rule(pets, tmp_path):
    paths = sorted(pets.rglob("*.jpg"))
    assert len(index_of(paths, tmp_path / "a", labels=by_name)) == 24
    two = [paths[0], str(paths[-1])]
    assert len(accept(two, labels=by_name).source.path) > 0


def test_groups_by_rule_stay_on_one_side(pets, tmp_path):
    groups = r"_(\d+)_"
    index = index_of(pets, tmp_path / "run", labels=by_name, groups=groups)
    side = {
        re.search(groups, item)[1]: part
        for item, part in zip(index.items, index.split, strict=True)
    }
    assert [side[re.search(groups, item)[1]] for item in index.items] == index.split.tolist()
    assert len(set(side.values())) == 2


@pytest.mark.parametrize("as_record", [False, True])
def test_groups_go_with_folders_of_classes(as_record, write_photos, tmp_path):
    photos = write_photos(tmp_path / "photos", {"cats": 12, "dogs": 12})
    data = Folder(path=str(photos)) if as_record else photos
    index = index_of(data, tmp_path / "run", groups=lambda path: int(path.stem) // 3)
    bursts = {(int(index.items[i][5:8]) // 3, int(index.split[i])) for i in range(24)}
    assert len(bursts) == 4
    assert len(index.val)


def test_groups_leave_parts_that_folders_give(write_photos, tmp_path):
    write_photos(tmp_path / "p" / "train", {"a": 3, "b": 3})
    write_photos(tmp_path / "p" / "val", {"a": 2, "b": 2})
    index = index_of(tmp_path / "p", tmp_path / "run", groups=lambda path: path.stem)
    assert [index.items[i][:3] for i in index.val] == ["val"] * 4


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        (
            {"labels": r"/(beagle)_"},
            r"does not fit 12 of 24 paths: .*Bengal_0_0\.jpg.*, and 2 more",
        ),
        ({"labels": "("}, "labels='\\(' is no regular expression"),
        ({"labels": 3}, "labels is 3: pass a function"),
        ({"labels": lambda path: path.nome}, r"labels= failed for .*Bengal_0_0\.jpg \(Attribute"),
        ({"labels": lambda path: None}, r"Bengal_0_0\.jpg has no label"),
        ({"labels": lambda path: [1]}, "labels are list, such as"),
        ({"labels": lambda path: 1 if "beagle" in path.name else "x"}, "labels are int, str"),
        ({"labels": lambda path: "pet"}, "all images are 'pet'"),
        ({"labels": by_name, "groups": lambda path: ""}, "has no group"),
        ({"labels": by_name, "groups": r"_(\d)_(?=x)"}, "groups=.* does not fit 24 of 24"),
    ],
)
def test_a_rule_that_fails_is_named_with_a_path(rules, words, pets):
    with pytest.raises(NbFinetuneError, match=words) as refusal:
        accept(pets, **rules)
    assert isinstance(refusal.value, (DataError, ConfigError))


def test_one_group_alone_is_refused(pets, tmp_path):
    with pytest.raises(DataError, match="all 24 images are of group 'x': at least two groups"):
        index_of(pets, tmp_path / "run", labels=by_name, groups=lambda path: "x")

"""Filters of the catalogue, what no other beats, and the table that a notebook shows."""

from __future__ import annotations

import pytest

import nbfinetune as nf
from nbfinetune.errors import ConfigError
from nbfinetune.models.catalogue import catalogue, facts
from nbfinetune.models.selection import Filters, pareto, select, takes, why_none


def test_a_pattern_with_wildcards_is_of_the_whole_name():
    names = {row.architecture for row in select(catalogue(), "resnet1*")}
    assert {"resnet18", "resnet101"} <= names
    assert not {name for name in names if not name.startswith("resnet1")}


def test_a_plain_name_means_that_architecture_and_no_longer_one():
    assert {row.architecture for row in select(catalogue(), "resnet18")} == {"resnet18"}


def test_a_part_of_a_name_is_found_however_it_is_spaced():
    found = select(catalogue(), "Efficient Net B0")
    assert {"efficientnet_b0", "tf_efficientnet_b0"} <= {row.architecture for row in found}


@pytest.mark.parametrize(
    "filters",
    [
        {"kind": "transformer"},
        {"family": "convnext"},
        {"license": "permissive"},
        {"license": ["mit", "unknown"]},
        {"max_params_m": 5},
        {"max_gmacs": 0.5},
        {"min_top1": 85},
        {"pretrained": False},
        {"image_size": 384},
    ],
)
def test_what_passes_a_filter_and_what_does_not_are_the_whole(filters):
    rows = catalogue()
    passed = select(rows, **filters)
    assert 0 < len(passed) < len(rows)
    row = passed[0]
    expected = {
        "kind": row.kind == "transformer",
        "family": row.family == "ConvNeXt",
        "license": row.license in ("mit", "unknown") or row.license_kind == "permissive",
        "max_params_m": row.parameters <= 5e6,
        "max_gmacs": 0 < row.macs <= 0.5e9,
        "min_top1": (row.top1 or 0) >= 85,
        "pretrained": not row.pretrained,
        "image_size": takes(row, 384),
    }
    assert all(expected[name] for name in filters)


def test_cached_splits_the_rows_by_the_names_that_are_in_the_cache():
    rows = catalogue()
    here = {"resnet18.a1_in1k"}
    assert [row.name for row in select(rows, cached=True, names=here)] == [*here]
    assert len(select(rows, cached=False, names=here)) == len(rows) - 1


@pytest.mark.parametrize(
    ("filters", "offered"),
    [
        ({"license": "permisive"}, "permissive"),
        ({"family": "resnets"}, "ResNet"),
        ({"kind": "convnet"}, "cnn"),
    ],
)
def test_a_word_that_no_row_has_is_refused_with_those_that_are_close(filters, offered):
    with pytest.raises(ConfigError, match=offered):
        select(catalogue(), **filters)


def test_a_keyword_that_is_no_filter_is_an_error():
    with pytest.raises(TypeError, match="max_params"):
        select(catalogue(), max_params=5)


def test_filters_that_leave_nothing_say_which_one_to_drop():
    wanted = Filters("resnet*", license="gemma", max_params_m=30)
    assert wanted.of(catalogue()) == []
    sentence = why_none(catalogue(), wanted)
    assert "license='gemma'" in sentence
    assert "without license there are" in sentence
    assert "without max_params_m" not in sentence


def test_where_no_single_filter_is_to_blame_it_is_said():
    wanted = Filters(kind="mlp", license="gemma", max_params_m=0.001)
    typo = why_none(catalogue(), Filters(pattern="reznet18*"))
    assert "closest names: " in typo
    assert "resnet18" in typo
    assert "loosen several" in why_none(catalogue(), wanted)


def test_no_row_beats_one_of_the_pareto_front():
    rows = select(catalogue(), min_top1=1)
    front = pareto(rows, "macs", "top1")
    assert [row.macs for row in front] == sorted({row.macs for row in front})
    for kept in front:
        assert not [r for r in rows if r.macs <= kept.macs and (r.top1 or 0) > (kept.top1 or 0)]


def test_a_row_without_the_figure_is_on_no_front():
    rows = [facts("resnet18"), facts("tv_resnet18")]
    speed = {"resnet18.a1_in1k": 100.0}.get
    front = pareto(rows, lambda row: -speed(row.name, 0.0) or None, "top1")
    assert [row.name for row in front] == ["resnet18.a1_in1k"]


def test_the_package_is_called_for_a_table_best_first():
    table = nf.models("resnet*", max_params_m=30, license="permissive")
    assert table["params_m"].max() <= 30
    assert set(table["license_kind"]) == {"permissive"}
    assert table["top1"].dropna().is_monotonic_decreasing
    assert list(table.columns[:4]) == ["name", "family", "kind", "top1"]


def test_a_table_sorted_by_what_it_costs_has_the_least_first():
    assert nf.models("resnet*", sort="gmacs")["gmacs"].dropna().is_monotonic_increasing


def test_a_table_with_nothing_in_it_says_why_and_keeps_its_columns():
    with pytest.warns(UserWarning, match="without license"):
        table = nf.models("resnet*", license="gemma")
    assert len(table) == 0
    assert list(table.columns) == list(nf.models("resnet18").columns)

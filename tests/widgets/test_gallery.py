"""What a preview shows: filters, order, edits laid over, spans of a selection."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbfinetune.data.image_index import ImageIndex
from nbfinetune.errors import ConfigError
from nbfinetune.records import Exclude, MoveTo, Relabel
from nbfinetune.widgets.gallery import (
    EXCLUDED,
    MOVED,
    RELABELLED,
    Query,
    class_counts,
    find,
    overlay,
    rows,
    spans,
)

ITEMS = ("cats/b.jpg", "cats/a.jpg", "cats/Tom.jpg", "dogs/a.jpg", "dogs/c.jpg")


@pytest.fixture
def index() -> ImageIndex:
    labels = np.array([0, 0, 0, 1, 1])
    return ImageIndex(("cats", "dogs"), labels, np.array([0, 0, 1, 0, 1], np.uint8), ITEMS, "/x")


def found(index: ImageIndex, *edits, among=None, **query) -> list[int]:
    return find(overlay(index, edits), Query(**query), among).tolist()


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ({}, [0, 1, 2, 3, 4]),
        ({"label": "dogs"}, [3, 4]),
        ({"part": "val"}, [2, 4]),
        ({"part": "val", "label": "cats"}, [2]),
        ({"search": "TOM"}, [2]),
        ({"search": "dogs a"}, [3]),
        ({"search": "nothing like it"}, []),
        ({"sort": "name"}, [1, 3, 0, 4, 2]),
    ],
)
def test_a_query_finds_images_in_its_order(index, query, ids) -> None:
    assert found(index, **query) == ids


def test_shuffling_shows_every_image_once_and_the_same_way_each_time(index) -> None:
    once = found(index, sort="shuffled")
    assert once == found(index, sort="shuffled")
    assert sorted(once) == [0, 1, 2, 3, 4]


def test_a_class_that_is_not_there_is_refused_by_name(index) -> None:
    with pytest.raises(ConfigError, match="no class 'cows'; there are 'cats', 'dogs'"):
        found(index, label="cows")


def test_members_of_a_finding_stay_side_by_side(index) -> None:
    assert found(index, among=(4, 0, 3)) == [4, 0, 3]
    assert found(index, among=(4, 0, 3), label="dogs") == [4, 3]


def test_edits_are_laid_over_and_marked_and_keep_the_ids(index) -> None:
    edits = (
        Exclude(item="cats/a.jpg"),
        Relabel(item="dogs/a.jpg", label="cats"),
        MoveTo(item="dogs/c.jpg", part="train"),
        Relabel(item="cats/b.jpg", label="no such class"),
        Exclude(item="gone.jpg"),
    )
    album = overlay(index, edits)
    assert album.marks.tolist() == [0, EXCLUDED, 0, RELABELLED, MOVED]
    assert album.index.labels.tolist() == [0, 0, 0, 0, 1]
    assert album.index.split.tolist() == [0, 2, 1, 0, 0]
    assert class_counts(album) == [["cats", 2, 1, 1], ["dogs", 1, 0, 0]]
    assert found(index, *edits, part="edited") == [1, 3, 4]
    assert found(index, *edits, part="left_out") == [1]


def test_what_a_fold_leaves_out_is_not_called_excluded(index) -> None:
    index.split[:] = [2, 2, 0, 1, 0]
    album = overlay(index, (Exclude(item="cats/a.jpg"),))
    assert album.marks.tolist() == [0, EXCLUDED, 0, 0, 0]


def test_images_of_an_array_are_known_by_their_row(index) -> None:
    arrays = ImageIndex(index.classes, index.labels, index.split)
    album = overlay(arrays, (Exclude(item="3"), Exclude(item="99")))
    assert rows(album, [3]) == [[3, "image 3", 1, 2, EXCLUDED]]
    assert find(album, Query(search="image 4")).tolist() == [4]


@given(st.sets(st.integers(0, 60)))
def test_spans_hold_the_places_and_nothing_else(places) -> None:
    held = [place for first, last in spans(sorted(places)) for place in range(first, last + 1)]
    assert held == sorted(places)

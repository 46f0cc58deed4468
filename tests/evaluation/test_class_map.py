"""Classes of other data are matched with the run's by name, and never guessed."""

from __future__ import annotations

import pytest

from nbfinetune.errors import DataError
from nbfinetune.evaluation.class_map import class_places

KNOWN = ("daisy", "rose", "sea holly")


def test_classes_are_found_by_name_in_any_order():
    assert class_places(("sea holly", "daisy"), KNOWN).tolist() == [2, 0]


def test_a_refusal_shows_the_map_that_was_found():
    with pytest.raises(DataError) as refused:
        class_places(("daisy", "orchid", "rose"), KNOWN)
    assert str(refused.value) == (
        "the data have a class that the run does not know: orchid. Matched by name: daisy, rose "
        "(2 of 3). The run was trained on daisy, rose, sea holly; leave other classes out of the "
        "data"
    )


def test_capitals_and_spaces_are_not_guessed_but_pointed_out():
    with pytest.raises(
        DataError, match=r"know: Daisy, sea_holly\. Matched by name: none \(0 of 2\)"
    ) as refused:
        class_places(("Daisy", "sea_holly"), KNOWN)
    assert "Rename if they are the same: 'Daisy' → 'daisy', 'sea_holly' → 'sea holly'." in str(
        refused.value
    )


def test_of_many_classes_the_first_are_listed():
    with pytest.raises(DataError, match=r"class 19 and 80 more\. Matched by name: none"):
        class_places([f"class {number}" for number in range(100)], KNOWN)

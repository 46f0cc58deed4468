"""Facts are kept in one small file, and found again by the name of the image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nbfinetune.data.scan import ImageFacts, State, Trait
from nbfinetune.data.scan_facts import ScanFacts, as_row, blank_facts, load_facts, save_facts


def facts_of(items: tuple[str, ...]) -> ScanFacts:
    facts = blank_facts(items, len(items))
    for place in range(len(items)):
        size = 100 + place
        found = ImageFacts(State.FINE, "", Trait.ALPHA, 30, 40, size, 7, b"d" * 16, b"p" * 32)
        facts.rows[place] = as_row(found)
    return facts


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    # Disks hold names that are no text, and text of all the world.
    facts = facts_of(("a/1.jpg", "猫/\udcff.jpg", "b'\"/<b>.jpg"))
    facts.rows[1] = as_row(ImageFacts(State.TRUNCATED, "cut"))
    facts.reasons[1] = "cut — ganz ab"
    facts.twins[2] = 0
    save_facts(facts, tmp_path / "new" / "scan.npz")
    again = load_facts(tmp_path / "new" / "scan.npz")
    assert again is not None
    assert (again.items, again.reasons, again.complete) == (facts.items, facts.reasons, False)
    assert (again.rows == facts.rows).all()
    assert again.twins.tolist() == [0, 1, 0]
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["scan.npz"]


def test_arrays_have_no_names(tmp_path: Path) -> None:
    save_facts(blank_facts((), 3), tmp_path / "scan.npz")
    again = load_facts(tmp_path / "scan.npz")
    assert again is not None
    assert (again.items, len(again)) == ((), 3)


@pytest.mark.parametrize("content", [None, b"", b"a letter", b"PK\x03\x04 not a zip"])
def test_a_file_that_is_no_facts_is_as_good_as_none(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "scan.npz").write_bytes(content)
    assert load_facts(tmp_path / "scan.npz") is None


def test_a_file_cut_short_or_of_another_kind_is_as_good_as_none(tmp_path: Path) -> None:
    path = tmp_path / "scan.npz"
    save_facts(facts_of(("a", "b")), path)
    path.write_bytes(path.read_bytes()[:-100])
    assert load_facts(path) is None
    np.savez(path, format=1, rows=np.zeros(3))
    assert load_facts(path) is None


def test_facts_follow_their_images_into_another_order() -> None:
    facts = facts_of(("a", "b", "c"))
    facts.reasons[2] = "of c"
    facts.twins[2] = 1
    moved = facts.aligned(("c", "new", "b", "c"), 4)
    assert moved.rows["size"].tolist() == [102, 0, 101, 102]
    assert moved.rows["state"].tolist() == [State.FINE, State.UNSEEN, State.FINE, State.FINE]
    assert moved.reasons == {0: "of c", 3: "of c"}
    assert moved.twins[0] == moved.twins[2] == moved.twins[3]
    assert moved.twins[1] not in moved.twins[[0, 2, 3]]
    assert facts.aligned(("a", "b", "c"), 3) is facts


def test_facts_of_files_say_nothing_of_arrays_and_a_longer_array_is_partly_known() -> None:
    assert (facts_of(("a", "b")).aligned((), 2).rows["state"] == State.UNSEEN).all()
    rows = facts_of(("a", "b")).rows
    arrays = ScanFacts(rows, (), {}, np.arange(2))
    assert arrays.aligned((), 3).rows["size"].tolist() == [100, 101, 0]
    assert (arrays.aligned(("a",), 1).rows["state"] == State.UNSEEN).all()
    assert len(blank_facts((), 0).aligned(("a",), 1)) == 1

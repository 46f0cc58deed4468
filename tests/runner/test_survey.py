"""Each image is opened once, and again only after it has changed."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from photos import photo

from nbfinetune.data.listing import ArrayData, FileList
from nbfinetune.data.scan import State
from nbfinetune.data.scan import look_at as really_look_at
from nbfinetune.runner import survey as survey_module
from nbfinetune.runner.survey import Survey


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Whatever is looked at."""
    seen: list[object] = []

    def noted(image: object) -> object:
        seen.append(image if isinstance(image, np.ndarray) else Path(image).name)
        return really_look_at(image)

    monkeypatch.setattr(survey_module, "look_at", noted)
    return seen


@pytest.fixture
def files(tmp_path: Path) -> Callable[[], FileList]:
    """List of four files, one of which is none."""
    for number in range(3):
        photo(number).save(tmp_path / f"{number}.jpg")
    (tmp_path / "bad.jpg").write_bytes(b"?")

    def listed() -> FileList:
        items = tuple(sorted(path.name for path in tmp_path.iterdir()))
        return FileList(items, np.zeros(len(items), np.int64), ("a",), str(tmp_path))

    return listed


def to_the_end(survey: Survey, threads: int = 2) -> Survey:
    assert survey.run(threads, lambda: True, 0.01)
    assert survey.done == len(survey.facts)
    return survey


def test_all_images_are_looked_at_once(files: Callable[[], FileList], opened: list[object]) -> None:
    survey = to_the_end(Survey(files(), None))
    assert sorted(opened) == ["0.jpg", "1.jpg", "2.jpg", "bad.jpg"]
    states = dict(zip(survey.facts.items, survey.facts.rows["state"].tolist(), strict=True))
    assert states == {
        "0.jpg": State.FINE,
        "1.jpg": State.FINE,
        "2.jpg": State.FINE,
        "bad.jpg": State.CORRUPT,
    }
    assert list(survey.facts.reasons) == [3]


def test_only_what_is_new_or_has_changed_is_opened_again(
    files: Callable[[], FileList], opened: list[object], tmp_path: Path
) -> None:
    first = to_the_end(Survey(files(), None)).facts
    opened.clear()
    again = to_the_end(Survey(files(), first))
    assert opened == []
    assert (again.facts.rows == first.rows).all()
    assert again.facts.reasons == first.reasons
    photo(9).save(tmp_path / "new.jpg")
    photo(8).save(tmp_path / "bad.jpg")
    (tmp_path / "0.jpg").unlink()
    os.utime(tmp_path / "1.jpg", ns=(5, 5))
    third = to_the_end(Survey(files(), first))
    assert sorted(opened) == ["1.jpg", "bad.jpg", "new.jpg"]
    assert third.facts.reasons == {}
    assert (third.facts.rows["state"] == State.FINE).all()


def test_nothing_is_new_only_after_a_complete_survey_of_the_same_images(
    files: Callable[[], FileList], tmp_path: Path
) -> None:
    first = to_the_end(Survey(files(), None))
    assert not first.nothing_new
    assert not to_the_end(Survey(files(), first.facts)).nothing_new
    complete = replace(first.facts, complete=True)
    assert to_the_end(Survey(files(), complete)).nothing_new
    (tmp_path / "0.jpg").unlink()
    assert not to_the_end(Survey(files(), complete)).nothing_new


def test_a_survey_that_is_broken_off_keeps_what_it_and_an_earlier_one_saw(
    files: Callable[[], FileList],
) -> None:
    complete = to_the_end(Survey(files(), None)).facts
    survey = Survey(files(), complete)
    assert not survey.run(0, lambda: False, 0.01)
    assert (survey.facts.rows == complete.rows).all()
    assert not survey.facts.complete


def test_pixels_are_decoded_again_only_after_they_have_changed(opened: list[object]) -> None:
    images = np.stack([np.asarray(photo(number)) for number in range(5)])
    listing = ArrayData(images, np.zeros(5, np.int64), ("a",))
    first = to_the_end(Survey(listing, None)).facts
    opened.clear()
    images[3] = images[2]
    second = to_the_end(Survey(listing, first)).facts
    assert len(opened) == 1
    assert (second.rows["digest"][3] == second.rows["digest"][2]).all()


def test_a_fault_in_a_thread_is_heard(
    files: Callable[[], FileList], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_: object) -> None:
        raise ZeroDivisionError("a fault of ours")

    monkeypatch.setattr(survey_module, "look_at", fails)
    with pytest.raises(ZeroDivisionError, match="of ours"):
        Survey(files(), None).run(2, lambda: True, 0.01)


def test_an_empty_listing_is_through_at_once() -> None:
    listing = FileList((), np.zeros(0, np.int64), (), "")
    assert to_the_end(Survey(listing, None)).facts.items == ()

"""Files that are there whole or not at all, in folders that are made for them."""

from __future__ import annotations

import pytest

from nbfinetune.errors import StoreError
from nbfinetune.export.storing import stored, write_text


def test_folders_that_are_missing_are_made(tmp_path):
    place = tmp_path / "models" / "today" / "card.md"
    write_text("# rose\n", place)
    assert place.read_text() == "# rose\n"
    assert list(place.parent.iterdir()) == [place]


@pytest.mark.parametrize("error", [OSError, RuntimeError])
def test_what_can_not_be_written_is_a_sentence_and_the_file_before_stays(tmp_path, error):
    place = tmp_path / "model.pt2"
    place.write_text("before")
    sentence = r"model\.pt2 could not be written \(no room\); make room, or choose another folder"

    def write_half():
        with stored(place, RuntimeError) as unfinished:
            unfinished.write_text("half")
            raise error("no room")

    with pytest.raises(StoreError, match=sentence):
        write_half()
    assert place.read_text() == "before"
    assert list(tmp_path.iterdir()) == [place]


def test_an_error_that_nobody_expects_is_not_taken_for_a_full_disk(tmp_path):
    with pytest.raises(RuntimeError, match="a mistake"), stored(tmp_path / "model.onnx"):
        raise RuntimeError("a mistake")

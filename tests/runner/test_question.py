"""A question ends once, and whoever waits for it hears how."""

from __future__ import annotations

import pytest

from nbfinetune.errors import StoreError
from nbfinetune.runner.question import Question


def test_it_tells_how_far_it_is_and_ends_with_what_is_made_of_the_answer():
    question, seen = Question(lambda answer: answer * 2), []
    question.on_change(lambda: seen.append((question.status, question.progress, question.done)))
    question.hear({"progress": "64 of 128 images", "done": 64, "of": 128})
    question.hear({"answer": 21, "note": "1 image is missing"})
    assert seen == [("running", "64 of 128 images", 64), ("done", "", 64)]
    assert (question.result, question.note, question.of) == (42, "1 image is missing", 128)
    assert question.wait(0)


def test_nothing_changes_after_its_end():
    question, withdrawn = Question(lambda answer: answer, withdraw=lambda _: None), []
    question = Question(lambda answer: answer, withdraw=withdrawn.append)
    assert not question.wait(0)
    question.cancel()
    question.cancel()
    question.hear({"answer": 1})
    question.hear({"error": "too late"})
    question.fail("too late")
    assert (question.status, question.result, question.error) == ("cancelled", None, "")
    assert withdrawn == [question]


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (StoreError("the disk is full; make room"), "the disk is full; make room"),
        (ValueError("odd"), "the answer could not be taken in: ValueError: odd"),
    ],
)
def test_an_answer_that_cannot_be_taken_in_ends_it_and_is_withdrawn(error, sentence):
    def refuse(_):
        raise error

    withdrawn = []
    question = Question(refuse, on_part=refuse, withdraw=withdrawn.append)
    question.hear({"part": [1]})
    assert (question.status, question.error) == ("failed", sentence)
    assert withdrawn == [question]
    at_its_end = Question(refuse)
    at_its_end.hear({"answer": 1})
    assert (at_its_end.status, at_its_end.error) == ("failed", sentence)


def test_who_listens_after_the_end_is_told_at_once():
    heard = []
    question = Question.answered("here")
    question.on_change(lambda: heard.append(question.result))
    assert heard == ["here"]

"""A folder into a CSV file: what stands in it, its name, and what is kept when it fails."""

from __future__ import annotations

import resource
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from PIL import Image

import nbfinetune as nf
from nbfinetune.errors import DataError, RunError, StoreError
from nbfinetune.runner.asked_model import AskedModel, Predicted
from nbfinetune.runner.predicting import FolderPrediction
from nbfinetune.runner.prediction_csv import PredictionCsv
from nbfinetune.runner.question import Question

CLASSES = ("cat", "=dog")
SURE, UNSURE = (0.9, 0.1), (0.25, 0.75)
DEADLINE_S = 180


class Asked:
    """A model that is asked, and answers when a test has it answer."""

    def __init__(self) -> None:
        self.images: list[Path] = []
        self.question: Question | None = None
        self.on_answer: Callable[[Any], None] | None = None

    def predict(self, images: Sequence[Path], on_answer: Callable[[Any], None]) -> Question:
        self.images, self.on_answer = list(images), on_answer
        self.question = Question(lambda answer: answer, on_answer)
        return self.question

    def say(self, *said: tuple[float, ...]) -> None:
        """Probabilities of the next images; nothing for one that can't be read."""
        rows = [Predicted("", "", one, "" if one else "cut off") for one in said]
        self.question.hear({"part": rows})

    def end(self) -> None:
        self.question.hear({"answer": None})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "inbox"
    (folder / "deep").mkdir(parents=True)
    for name in ("+sum.png", "b.png", "deep/c.png"):
        (folder / name).write_bytes(b"")
    return folder


@pytest.fixture
def asked() -> Asked:
    return Asked()


@pytest.fixture
def begun(asked: Asked, folder: Path, until) -> Callable[..., FolderPrediction]:
    """A prediction whose images are asked about."""

    def begin(csv: Any = None) -> FolderPrediction:
        work = FolderPrediction(asked, CLASSES, folder, csv)
        work.start()
        until(lambda: asked.question is not None or work.status == "failed")
        return work

    return begin


def ended(work: FolderPrediction, status: str) -> FolderPrediction:
    assert work.wait(DEADLINE_S)
    assert work.status == status
    return work


def test_a_row_an_image_with_its_path_below_the_folder(asked, begun, folder) -> None:
    work = begun()
    assert asked.images == [folder / "+sum.png", folder / "b.png", folder / "deep" / "c.png"]
    asked.say(SURE, UNSURE)
    assert (work.done, work.of, work.progress) == (2, 3, "2 of 3 images")
    asked.say(())
    asked.end()
    ended(work, "done")
    assert work.csv == folder.with_name("inbox.predictions.csv")
    assert work.unreadable == 1
    assert work.csv.read_text() == (
        "path,label,probability,cat,'=dog\n"
        "'+sum.png,cat,0.9,0.9,0.1\n"
        "b.png,'=dog,0.75,0.25,0.75\n"
        "deep/c.png,,,,\n"
    )
    assert pd.read_csv(work.csv)["probability"].isna().tolist() == [False, False, True]


@pytest.mark.parametrize("name", ["=1+1", "+a", "-a", "@a", "\ta"])
def test_what_a_spreadsheet_would_run_is_text(tmp_path: Path, name: str) -> None:
    file = PredictionCsv(tmp_path / "out.csv", ["a"])
    file.add([(name, [1.0])])
    assert pd.read_csv(file.finish())["path"].tolist() == [f"'{name}"]


def test_rows_are_in_the_file_as_they_come_and_its_name_says_that_more_will(
    asked, begun, folder
) -> None:
    work = begun()
    asked.say(SURE)
    unfinished = folder.with_name("inbox.predictions.unfinished.csv")
    assert len(unfinished.read_text().splitlines()) == 2
    assert not folder.with_name("inbox.predictions.csv").exists()
    asked.say(SURE, SURE)
    asked.end()
    ended(work, "done")
    assert not unfinished.exists()


def test_a_file_that_is_there_stays_and_the_next_free_name_is_taken(asked, begun, folder) -> None:
    there = folder.with_name("mine.csv")
    there.write_text("mine")
    folder.with_name("mine-2.csv").write_text("mine too")
    work = begun(there)
    asked.end()
    assert ended(work, "done").csv == folder.with_name("mine-3.csv")
    assert there.read_text() == "mine"


def test_a_folder_for_the_file_gets_one_of_the_usual_name(asked, begun, folder) -> None:
    work = begun(folder.parent)
    asked.end()
    assert ended(work, "done").csv == folder.parent / "inbox.predictions.csv"


def test_where_nothing_can_be_written_nothing_is_asked(asked, begun, folder) -> None:
    work = ended(begun(folder.parent / "nowhere" / "out.csv"), "failed")
    assert isinstance(work.failure, StoreError)
    assert "nothing was predicted yet; name a CSV file in a folder that exists" in str(work.failure)
    assert asked.question is None


def test_a_full_disk_keeps_the_rows_that_it_took(asked, begun, folder) -> None:
    work = begun()
    asked.say(SURE)
    unfinished = folder.with_name("inbox.predictions.unfinished.csv")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (unfinished.stat().st_size, hard))
    try:
        asked.say(SURE)
        ended(work, "failed")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert isinstance(work.failure, StoreError)
    assert "its first 1 rows are there: make room" in str(work.failure)
    assert work.csv == unfinished
    assert pd.read_csv(unfinished)["label"].tolist() == ["cat"]


def test_cancelling_keeps_what_there_is(asked, begun, folder) -> None:
    work = begun()
    asked.say(SURE)
    work.cancel()
    ended(work, "cancelled")
    assert asked.question.status == "cancelled"
    assert work.csv == folder.with_name("inbox.predictions.unfinished.csv")
    # An answer that was on its way: the file is closed.
    asked.on_answer([Predicted("", "cat", SURE)])
    assert len(work.csv.read_text().splitlines()) == 2
    assert work.done == 1


def test_cancelling_before_the_first_row_leaves_no_file(asked, begun, folder) -> None:
    work = begun()
    work.cancel()
    assert ended(work, "cancelled").csv is None
    assert list(folder.parent.glob("*.csv")) == []


def test_a_model_that_fails_is_told_and_the_rows_stay(asked, begun) -> None:
    work = begun()
    asked.say(SURE)
    asked.question.fail("the model's process ended early")
    ended(work, "failed")
    assert isinstance(work.failure, RunError)
    assert str(work.failure) == "the model's process ended early"
    assert len(work.csv.read_text().splitlines()) == 2


@pytest.mark.parametrize(("name", "words"), [("nowhere", "no folder"), ("empty", "no images")])
def test_a_folder_without_images_is_refused(asked, tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / "empty").mkdir()
    work = FolderPrediction(asked, CLASSES, tmp_path / name)
    work.start()
    ended(work, "failed")
    assert isinstance(work.failure, DataError)
    assert words in str(work.failure)
    assert list(tmp_path.glob("*.csv")) == []


@pytest.mark.slow
def test_a_real_model_says_of_a_folder_what_the_run_says(tmp_path: Path) -> None:
    run = nf.fine_tune(
        "digits", model="factories:small_cnn", pretrained=False, epochs=1, image_size=32,
        device="cpu", threads=1, loader_threads=1,
    )  # fmt: skip
    run.wait(progress=False, timeout_s=DEADLINE_S)
    folder = tmp_path / "inbox"
    folder.mkdir()
    for shade in range(70):
        Image.new("L", (8, 8), 3 * shade).save(folder / f"{shade:02}.png")
    (folder / "broken.png").write_bytes((folder / "00.png").read_bytes()[:40])
    model = AskedModel(run)
    work = FolderPrediction(model, [str(digit) for digit in range(10)], folder)
    seen: list[int] = []
    work.on_change(lambda: seen.append(work.done))
    work.start()
    ended(work, "done")
    model.close()
    table = pd.read_csv(work.csv, dtype={"path": str, "label": str})
    assert table["path"].tolist() == [*(f"{n:02}.png" for n in range(70)), "broken.png"]
    expected = run.predict([folder / f"{n:02}.png" for n in range(70)])
    assert table["label"][:70].tolist() == expected["label"].tolist()
    assert table["3"][:70].tolist() == pytest.approx(expected["3"].tolist(), abs=1e-5)
    assert work.unreadable == 1
    assert len(set(seen)) > 2

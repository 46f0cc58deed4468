"""A predictor's folders and what Python code asks: files, tables, and sentences where it can't."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from predictor_parts import Page
from scripted_model import CLASSES, ScriptedModel, png
from slider_parts import Shelf, until

from nbfinetune.errors import CommandRefused, DataError, StoreError


@pytest.fixture
def page(open_predictor, shelf: Shelf, model_processes: list[ScriptedModel]) -> Page:
    return open_predictor(shelf.run("trained"))


# ---- a folder ----


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "inbox"
    (folder / "deep").mkdir(parents=True)
    for name in ("a.png", "b.png", "deep/c.png"):
        (folder / name).write_bytes(png())
    (folder / "broken.png").write_bytes(png((400, 400))[:-300])
    (folder / "notes.txt").write_text("no image")
    return folder


def folder_is(page: Page, state: str) -> dict[str, Any]:
    until(lambda: page.predictor.folder["state"] == state)
    return page.predictor.folder


def test_a_folder_becomes_a_csv_file_that_the_page_can_fetch(page: Page, inbox: Path) -> None:
    assert page.ask("predict folder", {"folder": str(inbox)}) == ""
    told = folder_is(page, "done")
    assert told["words"] == "4 images, 1 unreadable → inbox.predictions.csv"
    assert (told["done"], told["of"], told["csv"]) == (4, 4, "inbox.predictions.csv")
    table = pd.read_csv(inbox.with_name("inbox.predictions.csv"))
    assert list(table.columns) == ["path", "label", "probability", *CLASSES]
    assert page.ask("download") == ""
    [[part, [data]]] = page.sent("csv")
    assert (part["first"], part["last"]) == (True, True)
    assert pd.read_csv(io.BytesIO(data)).equals(table)


def test_a_folder_in_the_making_shows_how_far_it_is_and_can_be_cancelled(
    page: Page, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    until(lambda: page.predictor.engine["phase"] == "ready")
    monkeypatch.setattr(ScriptedModel, "held", True)
    assert page.ask("predict folder", {"folder": str(inbox)}) == ""
    until(lambda: page.predictor.folder["of"] == 4)
    told = page.predictor.folder
    assert (told["state"], told["words"], told["done"]) == ("running", "0 of 4 images", 0)
    assert "is being predicted" in page.ask("predict folder", {"folder": str(inbox)})
    with pytest.raises(CommandRefused, match="is being predicted"):
        page.predictor.predict_folder(inbox)
    assert page.ask("cancel folder") == ""
    assert folder_is(page, "cancelled")["words"] == "cancelled after 0 of 4 images"
    assert list(inbox.parent.glob("*.csv")) == []


@pytest.mark.parametrize("folder", ["nowhere", "empty", "inbox/notes.txt"])
def test_a_folder_without_images_is_told_in_a_sentence(
    page: Page, inbox: Path, folder: str
) -> None:
    (inbox.parent / "empty").mkdir()
    assert page.ask("predict folder", {"folder": str(inbox.parent / folder)}) == ""
    assert str(inbox.parent / folder) in folder_is(page, "failed")["words"]
    with pytest.raises(DataError):
        page.predictor.predict_folder(inbox.parent / folder)


def test_python_code_gets_the_file_and_its_page_shows_it(page: Page, inbox: Path) -> None:
    wanted = inbox.parent / "answers.csv"
    assert page.predictor.predict_folder(inbox, wanted) == wanted
    until(lambda: page.predictor.folder["csv"] == "answers.csv")
    with pytest.raises(StoreError, match="name a CSV file"):
        page.predictor.predict_folder(inbox, inbox.parent / "nowhere" / "answers.csv")


def test_under_voila_the_page_names_no_folders_unless_it_is_told_so(
    open_predictor, shelf: Shelf, model_processes, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SERVER_SOFTWARE", "voila/0.5.13")
    page = open_predictor(shelf.run("trained"))
    assert page.predictor.about["folders"] is False
    assert "may not name folders" in page.ask("predict folder", {"folder": str(inbox)})
    assert open_predictor("trained", folders=True).predictor.about["folders"] is True


# ---- Python ----


def test_python_code_asks_about_paths_arrays_and_images(page: Page, inbox: Path) -> None:
    grey = np.zeros((9, 8), np.uint8)
    images = [inbox / "a.png", grey, Image.new("CMYK", (9, 9)), str(inbox / "broken.png")]
    with pytest.warns(UserWarning, match="1 image can't be read.*broken.png"):
        table = page.predictor.predict(images)
    names = [str(inbox / "a.png"), "image 1", "image 2", str(inbox / "broken.png")]
    assert list(table.columns) == ["name", "label", *CLASSES]
    assert table["name"].tolist() == names
    assert table["label"].tolist()[:3] == ["dog"] * 3
    assert table["label"].isna().tolist() == [False, False, False, True]
    assert table["dog"].isna().tolist() == [False, False, False, True]
    with pytest.raises(DataError, match="broken"):
        page.predictor.predict(inbox / "broken.png")
    for nothing in ([], {"a": 1}, 3.5):
        with pytest.raises(DataError):
            page.predictor.predict(nothing)

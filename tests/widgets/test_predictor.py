"""The predictor without a browser: what its page sends by hand, and what comes of it."""

from __future__ import annotations

import io
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from predictor_parts import Page
from scripted_model import CLASSES, METHOD, SAID, ScriptedModel, png
from slider_parts import Shelf, save_best, until

import nbfinetune as nf
from nbfinetune.data.decode import MAX_PIXELS
from nbfinetune.errors import NoSuchRun, RunError
from nbfinetune.records import RunStopped
from nbfinetune.widgets.predictor import Predictor
from nbfinetune.widgets.uploads import MOST, MOST_BYTES

DEADLINE_S = 180


@pytest.fixture
def page(open_predictor, shelf: Shelf, model_processes: list[ScriptedModel]) -> Page:
    return open_predictor(shelf.run("trained"))


# ---- a picture ----


def test_the_first_thing_shown_is_what_the_model_knows(page: Page) -> None:
    about = page.predictor.about
    assert about["classes"] == list(CLASSES)
    assert (about["run"], about["trouble"], about["folders"]) == ("trained", "", True)
    assert page.predictor.pictures == []


def test_a_picture_is_answered_with_its_classes_the_likeliest_first(page: Page) -> None:
    assert page.add(png()) == ""
    shown = page.answered()
    assert shown == {
        "id": 1, "name": "photo.png", "width": 40, "height": 30, "note": "", "state": "answered",
        "reason": "", "top": [[1, 0.75], [0, 0.25]],
    }  # fmt: skip
    assert page.ask("scores", 1) == ""
    [[told, [data]]] = page.sent("scores")
    assert told["id"] == 1
    assert np.frombuffer(data, np.float32).tolist() == list(SAID)


def test_a_picture_comes_small_and_large(page: Page) -> None:
    page.add(png((2000, 1000)))
    assert page.ask("look", {"kind": "photo", "ids": [1]}) == ""
    assert page.ask("look", {"kind": "whole", "ids": [1]}) == ""
    sizes = {}
    for told, buffers in page.sent("pictures", 2):
        for key, data in zip(told["keys"], buffers, strict=True):
            with Image.open(io.BytesIO(data)) as image:
                sizes[key] = image.size
    assert sizes == {"photo 1": (240, 120), "whole 1": (1280, 640)}


def test_torch_is_started_before_the_first_picture_and_the_page_says_so(
    open_predictor,
    shelf: Shelf,
    model_processes: list[ScriptedModel],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ScriptedModel, "held", True)
    page = open_predictor(shelf.run("trained"))
    assert page.predictor.engine == {"phase": "starting", "words": "starting torch"}
    [process] = model_processes
    process.say(progress="loading the model")
    until(lambda: page.predictor.engine["words"] == "loading the model")
    page.add(png())
    assert page.predictor.pictures[0]["state"] == "waiting"
    process.answer()
    page.answered()
    until(lambda: page.predictor.engine == {"phase": "ready", "words": ""})


def test_the_last_twenty_pictures_stay_and_no_file_of_the_others(page: Page) -> None:
    for number in range(MOST + 3):
        assert page.add(png(), f"{number}.png") == ""
    names = [shown["name"] for shown in page.predictor.pictures]
    assert names == [f"{number}.png" for number in range(MOST + 2, 2, -1)]
    folder = Path(page.predictor._uploads._folder.name)
    until(lambda: len(list(folder.iterdir())) == MOST + 1)  # and the blank one
    assert "not there any more" in page.ask("scores", 1)
    assert page.ask("clear") == ""
    assert page.predictor.pictures == []


@pytest.mark.parametrize("name", ["../../etc/passwd", "<img src=x>.png", "a\x00b", "", "n" * 999])
def test_a_name_is_text_and_never_a_path(page: Page, name: str) -> None:
    assert page.add(png(), name) == ""
    [shown] = page.predictor.pictures
    assert "/" not in shown["name"]
    assert 0 < len(shown["name"]) <= 200
    folder = Path(page.predictor._uploads._folder.name)
    assert sorted(one.name for one in folder.iterdir()) == ["1", "blank.png"]
    assert folder.stat().st_mode & 0o777 == 0o700


def _bomb() -> bytes:
    target = io.BytesIO()
    side = int(MAX_PIXELS**0.5) + 1
    Image.new("1", (side, side)).save(target, "PNG")
    return target.getvalue()


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"hello", "photo.png: not an image"),
        (b"", "zero bytes"),
        (b"\xff\xd8" + bytes(MOST_BYTES), "10.0 MB; at most 10 MB"),
        (_bomb(), "possibly a decompression bomb"),
    ],
)
def test_what_is_no_picture_is_refused_with_a_sentence(
    page: Page, data: bytes, sentence: str
) -> None:
    assert sentence in page.add(data)
    assert page.predictor.pictures == []


def test_a_picture_that_is_cut_off_says_so_in_its_place_and_leaves_the_others(page: Page) -> None:
    page.add(png((400, 400))[:-300], "broken.png")
    assert page.answered("failed")["reason"] == "the file is cut off"
    page.add(png(), "whole.png")
    assert page.answered()["name"] == "whole.png"
    page.ask("look", {"kind": "whole", "ids": [1]})
    [[told, _]] = page.sent("pictures")
    assert told["reasons"] != [""]


def test_a_model_whose_process_dies_is_asked_again(
    page: Page, model_processes: list[ScriptedModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    until(lambda: page.predictor.engine["phase"] == "ready")
    monkeypatch.setattr(ScriptedModel, "held", True)
    page.add(png())
    model_processes[0].die()
    assert "ended early" in page.answered("failed")["reason"]
    monkeypatch.setattr(ScriptedModel, "held", False)
    assert page.ask("again", 1) == ""
    assert page.answered()["top"][0] == [1, 0.75]
    assert len(model_processes) == 2


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("add", {"name": 3}),
        ("add", {"name": "photo.png"}),
        ("look", {"kind": "huge", "ids": [1]}),
        ("look", {"kind": "photo", "ids": ["1"]}),
        ("scores", "1"),
        ("scores", 7),
        ("explain", {"id": 7}),
        ("again", None),
        ("predict folder", {"folder": ["a"]}),
        ("predict folder", {"folder": "  "}),
        ("download", None),
        ("dance", None),
    ],
)
def test_bad_input_is_answered_with_a_sentence(page: Page, name: str, value: Any) -> None:
    assert page.ask(name, value) != ""
    assert page.predictor.pictures == []


# ---- where the model looked ----


def test_a_map_of_the_predicted_class_and_of_any_other_is_drawn_when_asked_for(page: Page) -> None:
    page.add(png())
    page.answered()
    assert page.ask("explain", {"id": 1}) == ""
    assert page.ask("explain", {"id": 1, "target": "cat"}) == ""
    (first, [picture]), (second, _) = page.sent("explained", 2)
    assert (first["target"], first["class_name"], first["probability"]) == ("", "dog", 0.75)
    assert (first["method"], first["words"], picture) == (METHOD, "", png())
    assert (second["target"], second["class_name"]) == ("cat", "cat")
    assert "knows no class 'cow'" in page.ask("explain", {"id": 1, "target": "cow"})


def test_a_map_that_can_not_be_drawn_says_why(page: Page) -> None:
    page.add(png((400, 400))[:-300])
    page.answered("failed")
    assert page.ask("explain", {"id": 1}) == ""
    [[told, buffers]] = page.sent("explained")
    assert (told["words"], buffers) == ("photo.png can't be read", [])


# ---- the run ----


def test_an_id_or_a_path_names_the_run(open_predictor, shelf: Shelf, model_processes) -> None:
    run = shelf.run("trained")
    for named in ("trained", run.path, str(run.path)):
        assert open_predictor(named).predictor.run.path == run.path
    assert len(model_processes) == 1
    with pytest.raises(NoSuchRun):
        Predictor("nobody")


def test_a_run_without_a_model_says_so_until_it_has_one(
    open_predictor, shelf: Shelf, model_processes: list[ScriptedModel]
) -> None:
    run = shelf.run("young", best=False, over=False)
    page = open_predictor(run)
    assert "no 'best' checkpoint yet" in page.predictor.about["trouble"]
    assert page.predictor.about["trouble"] == page.add(png())
    with pytest.raises(RunError, match="no 'best' checkpoint"):
        page.predictor.predict(np.zeros((8, 8, 3), np.uint8))
    assert model_processes == []
    save_best(run.path)
    shelf.store(run).append([RunStopped(step=300, best_epoch=3)])
    until(lambda: not page.predictor.about["trouble"])
    assert page.predictor.classes == CLASSES
    assert page.add(png()) == ""


def test_closing_leaves_no_file_and_no_process(
    shelf: Shelf, model_processes: list[ScriptedModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    predictor = Predictor(shelf.run("trained"))
    page = Page(predictor, monkeypatch)
    page.add(png())
    page.answered()
    folder = Path(predictor._uploads._folder.name)
    predictor.close()
    assert model_processes[0].dismissed
    assert not folder.exists()
    names = {thread.name for thread in threading.enumerate()}
    assert not {"predict folder", "send csv"} & names


# ---- a real model ----


@pytest.mark.slow
def test_a_real_model_answers_a_picture_as_the_run_would(open_predictor, tmp_path: Path) -> None:
    run = nf.fine_tune(
        "digits", model="factories:small_cnn", pretrained=False, epochs=2, image_size=32,
        batch_size=32, lr=1e-2, device="cpu", threads=1, loader_threads=1,
    )  # fmt: skip
    run.wait(progress=False, timeout_s=DEADLINE_S)
    page = open_predictor(run)
    (tmp_path / "picture.png").write_bytes(png())
    assert page.add(png()) == ""
    end = time.monotonic() + DEADLINE_S
    while page.predictor.pictures[0]["state"] == "waiting":
        assert time.monotonic() < end
        threading.Event().wait(0.02)
    expected = run.predict(tmp_path / "picture.png")
    place, probability = page.answered()["top"][0]
    assert page.predictor.classes[place] == expected["label"][0]
    assert probability == pytest.approx(expected[expected["label"][0]][0], abs=1e-5)
    assert page.ask("explain", {"id": 1, "target": "7"}) == ""
    while not any(told.get("kind") == "explained" for told, _ in page.heard):
        assert time.monotonic() < end
        threading.Event().wait(0.02)
    [[told, [picture]]] = page.sent("explained")
    assert (told["class_name"], told["words"]) == ("7", "")
    with Image.open(io.BytesIO(picture)) as image:
        assert image.width > image.height
    process = page.predictor._model._child
    page.predictor.close()
    while process.status() is None:
        assert time.monotonic() < end
        threading.Event().wait(0.02)

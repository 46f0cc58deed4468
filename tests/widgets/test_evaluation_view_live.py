"""`EvaluationView` of a run that was trained: heat maps, label errors, other data, once more."""

from __future__ import annotations

import io
import threading
from pathlib import Path

import numpy as np
import pytest
from photo_sets import photo
from PIL import Image
from slider_parts import until

import nbfinetune as nf
from nbfinetune.data.index import load_index
from nbfinetune.data.splits import LEFT_OUT
from nbfinetune.records import LIVE, Relabel
from nbfinetune.runner.run import Run

pytestmark = pytest.mark.slow

COLOURS = {"blue": (40, 60, 200), "green": (40, 190, 60), "red": (200, 50, 40)}
SETTINGS = {
    "model": "factories:small_cnn", "pretrained": False, "image_size": 32, "batch_size": 16,
    "epochs": 3, "lr": 1e-2, "device": "cpu", "threads": 1, "loader_threads": 1,
}  # fmt: skip
PER_CLASS = 24
SWAPPED = ("red/000.png", "red/001.png", "blue/000.png")
"""Pictures that show another class than their folder says."""


def coloured(folder: Path, per_class: int = PER_CLASS, size: tuple[int, int] = (40, 32)) -> Path:
    """Noisy pictures of a colour each; three of them in a folder that is not theirs."""
    rng = np.random.default_rng(0)
    for name in COLOURS:
        for number in range(per_class):
            shown = "green" if f"{name}/{number:03}.png" in SWAPPED else name
            pixels = np.array(COLOURS[shown]) + rng.integers(-35, 36, (*size[::-1], 3))
            (folder / name).mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels.astype(np.uint8)).save(folder / name / f"{number:03}.png")
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return coloured(tmp_path_factory.mktemp("data") / "colours")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, data: Path) -> Run:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NBFINETUNE_HOME", str(tmp_path_factory.mktemp("runs")))
        patch.setenv("NBFINETUNE_CACHE", str(tmp_path_factory.mktemp("cache")))
        return nf.fine_tune(data, wait=False, **SETTINGS).wait(progress=False, timeout_s=120)


def test_a_heat_map_comes_for_the_predicted_class_and_for_another(open_page, trained) -> None:
    page = open_page(trained)
    image = page.rows(0, 1)[0][0]
    for target in ("", "blue"):
        assert page.ask("explain", {"image": image, "target": target}) == ""
        data, reason = page.picture(f"heat {image} {target} auto")
        assert reason == ""
        with Image.open(io.BytesIO(data)) as picture:
            assert max(picture.size) <= 640
    until(lambda: sum(c.get("kind") == "explained" for c, _ in page.heard) == 2)
    first, second = (c for c, _ in page.heard if c.get("kind") == "explained")
    assert second["class_name"] == second["target"] == "blue"
    assert 0 <= first["probability"] <= 1
    assert first["layer"]


def test_what_can_not_be_explained_says_why_in_its_place(open_page, trained) -> None:
    page = open_page(trained)
    image = page.rows(0, 1)[0][0]
    assert page.ask("explain", {"image": image, "method": "attention_rollout"}) == ""
    data, reason = page.picture(f"heat {image}  attention_rollout")
    assert data == b""
    assert len(reason) > 15


def test_label_errors_are_found_with_progress_and_kept_for_the_next_view(
    open_page, trained
) -> None:
    page = open_page(trained)
    assert page.ask("find errors") == ""
    assert page.view.errors["state"] == "running"
    until(lambda: page.view.errors["state"] == "done")
    page.view.show("label_errors")
    found = {row[1] for row in page.rows()}
    assert set(SWAPPED) <= found
    suggested = {row[1]: row[7] for row in page.rows()}
    green = page.view.about["classes"].index(
        next(row for row in page.view.about["classes"] if row[0] == "green")
    )
    assert {suggested[item] for item in SWAPPED} == {green}
    again = open_page(trained)
    until(lambda: again.view.errors["state"] == "done")
    assert again.view.errors["listed"] == page.view.errors["listed"]


def test_other_data_are_measured_and_shown(open_page, trained, tmp_path) -> None:
    fresh = coloured(tmp_path / "fresh", 5, (90, 60))
    page = open_page(trained, fresh)
    assert page.view.state["phase"] == "measuring"
    page.view._await_images()
    assert page.view.about["total"] == 15
    assert page.view.evaluation.accuracy == pytest.approx(
        trained.evaluate(fresh).accuracy, abs=1e-9
    )
    image = page.rows(0, 1)[0][0]
    assert page.picture(f"photo {image}")[1] == ""
    assert page.ask("explain", {"image": image}) == ""
    assert page.picture(f"heat {image}  auto")[1] == ""
    page.view.find_label_errors()
    until(lambda: page.view.errors["state"] == "done")
    page.view.relabel(page.rows(0, 1)[0][1], "green")
    assert page.view.edits_path.parent.name.startswith("fresh-")
    assert "not the run's own" in page.ask("train again")


def test_arrays_are_measured_shown_and_explained(open_page, trained) -> None:
    rng = np.random.default_rng(1)
    names = list(COLOURS) * 4
    images = np.stack(
        [np.array(COLOURS[name]) + rng.integers(-30, 31, (24, 24, 3)) for name in names]
    ).astype(np.uint8)
    page = open_page(trained, (images, names))
    page.view._await_images()
    assert page.view.about["total"] == 12
    page.view.show("all")
    image = page.rows(3, 4)[0][0]
    assert page.picture(f"photo {image}")[0]
    assert page.ask("explain", {"image": image}) == ""
    assert page.picture(f"heat {image}  auto")[1] == ""


def test_data_of_other_classes_are_refused_where_they_would_be_shown(
    open_page, trained, tmp_path
) -> None:
    other = coloured(tmp_path / "other", 3)
    photo(other / "Red" / "0.jpg", 1)
    page = open_page(trained, other)
    until(lambda: page.view.state["phase"] == "failed")
    words = page.view.state["words"]
    assert "does not know: Red" in words
    assert "'Red' → 'red'" in words
    assert page.view.figures == []


def test_a_relabelled_image_counts_in_the_run_that_is_trained_again(
    open_page, trained, data
) -> None:
    shown: list[Run] = []
    page = open_page(trained, show=shown.append)
    for item in SWAPPED:
        page.view.relabel(item, "green")
    page.view.exclude("blue/003.png")
    assert page.view.again["words"] == "Train again with 4 edits"
    assert page.ask("train again") == ""
    (again,) = shown
    assert "trains already" in page.ask("train again") or again.status not in LIVE
    until(lambda: page.view.again["state"] == "done" and page.view.differs["words"])
    assert again.config.data.edits == page.view.edits
    assert again.config.model == trained.config.model
    index = load_index(again.path / "index.json")
    assert index.classes[index.labels[index.items.index(SWAPPED[0])]] == "green"
    assert index.split[index.items.index("blue/003.png")] == LEFT_OUT
    assert page.view.again["run"] == again.id
    assert page.view.differs["words"].startswith("On the ")
    assert "interval of the difference" in page.view.differs["words"]
    page.view.undo()
    assert page.view.again["words"] == "Train again with 1 edit"
    assert Relabel(item=SWAPPED[0], label="green") in page.view.edits


def test_a_run_that_can_not_train_on_the_edits_says_why(open_page, trained) -> None:
    page = open_page(trained)
    page.view.exclude([f"red/{number:03}.png" for number in range(PER_CLASS)])
    again = page.view.train_again()
    until(lambda: page.view.again["state"] == "failed")
    assert "no readable training image of 'red'" in page.view.again["words"]
    assert page.view.again["run"] == again.id
    assert page.view.differs["words"] == ""


def test_a_view_that_is_closed_while_it_measures_leaves_nothing_behind(
    open_page, trained, tmp_path
) -> None:
    before = set(threading.enumerate())
    page = open_page(trained, coloured(tmp_path / "fresh", 40))
    until(lambda: page.view.state["words"])
    place = page.view._subject._place
    assert place.is_dir()
    page.view.close()
    until(lambda: set(threading.enumerate()) <= before)
    assert not place.exists()

"""The data on the surface: shown as soon as they are named, and trained as they were edited."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nbfinetune.records import Exclude, Relabel
from nbfinetune.runner.run import runs
from nbfinetune.widgets import fine_tune_widget, looker
from nbfinetune.widgets.dataset_preview import DatasetPreview
from nbfinetune.widgets.fine_tune_widget import FineTuneWidget

VIEW = {"image_size": 40, "interpolation": "bicubic", "crop_pct": 0.9}


class KnowsTheView:
    """A standby that knows how the model wants its images, without torch."""

    def describe(self, *_: Any) -> dict[str, Any]:
        return dict(VIEW)


@pytest.fixture(autouse=True)
def standby(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (fine_tune_widget, looker):
        monkeypatch.setattr(module.standby, "prepare", KnowsTheView)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for name in ("cats", "dogs"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(5):
            pixels = rng.integers(0, 255, (48, 64, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "photos" / name / f"{number}.png")
    return tmp_path / "photos"


@pytest.fixture
def widget(photos: Path) -> Iterator[FineTuneWidget]:
    widget = FineTuneWidget(photos, pretrained=False)
    yield widget
    widget.close()


def until(condition: Callable[[], Any], patience_s: float = 120.0) -> Any:
    deadline = time.monotonic() + patience_s
    while not (found := condition()):
        assert time.monotonic() < deadline, "this never came true"
        time.sleep(0.01)
    return found


def preview_of(widget: FineTuneWidget) -> DatasetPreview:
    found = until(lambda: widget._slots.get("preview"))
    assert isinstance(found, DatasetPreview)
    return found


def test_the_data_are_shown_as_the_model_will_see_them(widget: FineTuneWidget):
    preview = preview_of(widget)
    until(lambda: "assuming" not in preview.lens["words"])
    assert "40 px" in preview.lens["words"]


def test_an_excluded_image_is_excluded_in_the_next_runs_config(widget: FineTuneWidget):
    preview = preview_of(widget)
    preview.exclude("cats/3.png")
    preview.relabel("dogs/1.png", "cats")
    until(lambda: len(widget.config.data.edits) == 2)
    assert set(widget.config.data.edits) == {
        Exclude(item="cats/3.png"),
        Relabel(item="dogs/1.png", label="cats"),
    }
    preview.undo()
    until(lambda: widget.config.data.edits == (Exclude(item="cats/3.png"),))
    assert runs() == []


def test_edits_of_an_earlier_kernel_are_in_the_config_again(widget: FineTuneWidget, photos: Path):
    preview_of(widget).exclude(["cats/0.png", "dogs/0.png"])
    again = FineTuneWidget(photos, pretrained=False)
    until(lambda: len(again.config.data.edits) == 2)
    again.close()


def test_edits_that_came_as_a_keyword_stay_beside_those_of_the_preview(photos: Path):
    given = (Relabel(item="dogs/2.png", label="cats"),)
    widget = FineTuneWidget(photos, pretrained=False, edits=given)
    preview_of(widget).exclude("cats/0.png")
    until(lambda: widget.config.data.edits == (*given, Exclude(item="cats/0.png")))
    widget.close()


def test_other_data_bring_another_preview_and_leave_the_edits_behind(
    widget: FineTuneWidget, photos: Path, tmp_path: Path
):
    first = preview_of(widget)
    first.exclude("cats/0.png")
    until(lambda: widget.config.data.edits)
    photos.rename(tmp_path / "others")
    error = widget._turn("data", str(tmp_path / "others"))
    assert error == ""
    until(lambda: preview_of(widget) is not first)
    until(lambda: widget.config.data.edits == ())
    assert first.comm is None  # closed

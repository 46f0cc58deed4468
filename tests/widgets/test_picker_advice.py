"""The picker measures models, estimates by that, and recommends three for the data in hand."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from nbfinetune.models.catalogue import facts
from nbfinetune.models.speed import Speed
from nbfinetune.runner.recommend import REFERENCES
from nbfinetune.runner.speed_book import SpeedBook, this_place
from nbfinetune.widgets import looker
from nbfinetune.widgets.model_picker import ModelPicker

VIEW = {"image_size": 32, "interpolation": "bilinear", "crop_pct": 1.0}
TOLD = {"device": "the CPU", "images": 1000, "classes": 10, **VIEW}


class Standby:
    """Has looked at the data already."""

    def describe(self, *_: Any) -> dict[str, Any]:
        return TOLD


@pytest.fixture
def picker(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelPicker]:
    monkeypatch.setattr(looker.standby, "prepare", Standby)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    picker = ModelPicker("digits", batch_size=8, device="cpu", val_split=0.2)
    yield picker
    picker.close()


@pytest.fixture
def until(picker: ModelPicker) -> Callable[..., None]:
    def drawn(condition: Callable[[], object]) -> bool:
        with picker._guard:  # or it is drawn in part
            return bool(condition())

    came = threading.Event()
    picker.observe(lambda _: came.set(), ["card", "outlook"])

    def wait(condition: Callable[[], object]) -> None:
        while not drawn(condition):
            assert came.wait(120), "this never came true"
            came.clear()

    return wait


def ask(picker: ModelPicker, name: str, value: Any = None) -> str:
    return picker._do({"id": 1, "do": "act", "name": name, "value": value})


def remember(name: str, train_ms: float, batch_size: int = 8) -> None:
    place = this_place("cpu")
    speed = Speed(
        device=place.device, device_type=place.device_type, threads=place.threads,
        torch=place.torch, timm=place.timm, name=name, image_size=32, batch_size=batch_size,
        trained="all", images=batch_size, forward_ms=train_ms / 3, train_ms=train_ms,
    )  # fmt: skip
    SpeedBook().add([speed])


def epoch(picker: ModelPicker) -> str:
    return next((text for label, text, _ in picker.card["rows"] if label == "An epoch"), "")


def test_what_was_measured_before_tells_an_epochs_time(
    picker: ModelPicker, until: Callable[..., None]
) -> None:
    until(lambda: picker.outlook["device"])
    assert epoch(picker) == ""
    remember("resnet18", train_ms=80)
    ask(picker, "catalogue")
    until(lambda: epoch(picker))
    # 800 images at 10 ms, and 200 at a third of that.
    assert epoch(picker) == "about 9 s on the CPU (measured here)"
    speeds = picker.outlook["speeds"]
    assert speeds[facts("resnet18").name] == 100.0
    assert {name.partition(".")[0] for name in speeds} == {"resnet18"}
    ask(picker, "choose", "resnet50")
    until(lambda: "estimated from 1 measured model" in epoch(picker))


@pytest.mark.slow
def test_models_are_measured_on_the_device_and_the_card_uses_it(
    picker: ModelPicker, until: Callable[..., None]
) -> None:
    until(lambda: picker.outlook["device"])
    ask(picker, "catalogue")
    ask(picker, "choose", "test_vit")
    assert ask(picker, "measure", ["test_vit.r160_in1k", "no_such_model"]) == ""
    assert picker.outlook["measuring"]["names"] == ["test_vit.r160_in1k", "no_such_model"]
    assert "cancel that first" in ask(picker, "measure", ["resnet18"])
    until(lambda: picker.outlook["measuring"]["error"])
    assert "no_such_model" in picker.outlook["measuring"]["error"]
    assert picker.outlook["measuring"]["done"] == 2
    assert picker.outlook["speeds"]["test_vit.r160_in1k"] > 0
    until(lambda: "measured here" in epoch(picker))


def test_a_measurement_is_cancelled(picker: ModelPicker) -> None:
    assert ask(picker, "measure", ["resnet18"]) == ""
    assert ask(picker, "cancel_measure") == ""
    assert picker.outlook["measuring"] == {}


def test_a_recommendation_is_taken_with_all_its_settings(
    picker: ModelPicker, until: Callable[..., None]
) -> None:
    until(lambda: picker.outlook["device"])
    for name in REFERENCES:
        remember(name, train_ms=80)
    ask(picker, "pretrained", value=False)
    assert ask(picker, "recommend", 600) == ""
    until(lambda: not picker.outlook["recommending"])
    found = picker.outlook["recommended"]
    assert [one["role"] for one in found] == ["fast", "balanced", "best"], picker.outlook["said"]
    assert all(one["why"].endswith(".") for one in found)
    assert ask(picker, "take", "balanced") == ""
    assert picker.model == found[1]["name"]
    assert picker.config.pretrained
    assert picker.settings["image_size"] == 32

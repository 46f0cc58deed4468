"""What the worker's side finds out stands in its place for as long as it holds."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from slider_parts import until

from nbfinetune.models.speed import Speed
from nbfinetune.records import FineTuneConfig
from nbfinetune.runner.speed_book import SpeedBook, this_place
from nbfinetune.widgets import looker
from nbfinetune.widgets.draft import Draft
from nbfinetune.widgets.fine_tune_widget import FineTuneWidget
from nbfinetune.widgets.foresight import Foresight, against
from nbfinetune.widgets.looker import Outlook

GB = 1_000_000_000


class Worker:
    """Finds that batches of more than 24 images don't fit, and no model but resnets."""

    def describe(self, config: FineTuneConfig, *_: Any) -> dict[str, Any]:
        batch = config.training.batch_size
        memory = {"needed": batch * GB // 24, "available": GB, "largest_batch": 24}
        facts: dict[str, Any] = {"device": "the CPU", "images": 100, "classes": 2}
        if not config.model.name.startswith("resnet"):
            facts["model_error"] = "only resnets are built here"
        return {**facts, "memory": memory}


@pytest.fixture(autouse=True)
def worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looker.standby, "prepare", Worker)


@pytest.fixture
def foreseen() -> Callable[..., None]:
    """Wait until a draft was looked at."""

    def look(draft: Draft) -> None:
        told = threading.Event()

        def hear(outlook: Outlook) -> None:
            if outlook.facts:
                told.set()

        foresight = Foresight(draft, hear)
        foresight.look(without_data=True)
        assert told.wait(120)

    return look


def test_a_batch_that_can_not_fit_is_refused_with_the_largest_that_does(
    foreseen: Callable[..., None],
) -> None:
    draft = Draft("digits", {"batch_size": 64})
    foreseen(draft)
    said = "64 images don’t fit into memory with this model; 24 do"
    assert draft.errors == {"batch_size": said}
    assert draft.missing() == f"Batch size: {said}"
    assert draft.set("batch_size", "16") == ""
    assert draft.errors == {}
    foreseen(draft)
    assert draft.missing() == ""


def test_what_was_found_does_not_outlive_the_settings_that_it_was_found_for(
    foreseen: Callable[..., None],
) -> None:
    draft = Draft("digits", {"batch_size": 8, "model": "vit_tiny_patch16_224"})
    foreseen(draft)
    assert draft.errors == {"model": "only resnets are built here"}
    # The curve is nothing that the worker looks at.
    draft.set("lr", "0.1")
    assert draft.errors == {"model": "only resnets are built here"}
    draft.set("epochs", "zero")
    assert set(draft.errors) == {"model", "epochs"}
    draft.set("model", "resnet18")
    assert set(draft.errors) == {"epochs"}


def test_an_accelerators_batch_is_not_refused_since_a_run_halves_it() -> None:
    config = Draft("digits", {"batch_size": 64}).config
    facts = {**Worker().describe(config), "device": "cuda"}
    assert against(config, facts, named=True) == {}
    nothing = {"needed": 9 * GB, "available": GB, "largest_batch": 0}
    assert against(config, {"device": "the CPU", "memory": nothing}, named=True) == {
        "batch_size": "not even one image fits into memory with this model; choose a smaller one"
    }


def test_a_precision_that_the_cpu_lacks_is_refused_at_its_control() -> None:
    config = Draft("digits", {"precision": "fp16"}).config
    said = {"precision": "fp16 trains on no CPU; take auto or bf16"}
    assert against(config, {"device": "the CPU"}, named=False) == said
    assert against(config, {"device": "cuda"}, named=False) == {}


@pytest.mark.parametrize(
    ("told", "place"),
    [
        ({"model_error": "image_size is 64, but tv_inception_v3 needs at least 75"}, "image_size"),
        ({"model_error": "train_stages is 9, but resnet18 has 5"}, "train_stages"),
        ({"data_error": "the images have 1 channel, but in_chans is 7"}, "in_chans"),
        ({"data_error": "photos holds no images"}, "data"),
        ({"model_error": "there is no model 'resnot'"}, "model"),
    ],
)
def test_a_sentence_stands_at_the_setting_that_it_speaks_of(
    told: dict[str, str], place: str
) -> None:
    [sentence] = told.values()
    assert against(Draft("digits", {}).config, told, named=True) == {place: sentence}


def test_without_data_nothing_is_said_of_them() -> None:
    config = Draft(None, {}).config
    assert against(config, {"data_error": "there is no folder"}, named=False) == {}
    assert against(config, {"data_error": "it is empty"}, named=True) == {"data": "it is empty"}


def test_the_surface_refuses_to_start_a_batch_that_can_not_fit() -> None:
    widget = FineTuneWidget("digits", batch_size=64)
    widget._turn("batch_size", "48")
    memory = ["Memory", "about 2 GB for 48 images of 224 px; 1 GB are free", "bad"]
    until(lambda: memory in widget.slot("model").card.get("rows", ()))
    until(lambda: "batch_size" in widget.slot("training").state["errors"])
    assert "24 do" in widget._press("start", None)
    widget.close()


def test_the_plan_and_the_card_tell_the_time_by_measured_speeds() -> None:
    where = msgspec.structs.asdict(this_place())
    measured = Speed(
        **where, name="resnet18", image_size=224, batch_size=16, trained="head", images=16,
        forward_ms=2400.0, train_ms=2800.0,
    )  # fmt: skip
    SpeedBook().add([measured])
    widget = FineTuneWidget("digits", batch_size=16, freeze="backbone", epochs=10)
    said = "10 epochs: the first 4 of about 17 s, the others on kept features, a fraction of that"
    until(lambda: said in widget.slot("bar").state["plan"])
    epoch = "about 17 s on the CPU (measured here); after 4 a fraction"
    card = widget.slot("model")
    until(lambda: [row for row in card.card.get("rows", ()) if row[1].startswith(epoch)])
    widget.close()

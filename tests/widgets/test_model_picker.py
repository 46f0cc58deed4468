"""The picker as Python sees it: what it chooses, refuses, shows and tells its page."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nbfinetune.errors import ConfigError, UnknownModel
from nbfinetune.models import catalogue
from nbfinetune.widgets import looker, picker_stock
from nbfinetune.widgets.model_picker import ModelPicker

GB = 1_000_000_000
FACTS = {
    "device": "the CPU",
    "images": 1000,
    "classes": 10,
    "image_size": 32,
    "interpolation": "bilinear",
    "crop_pct": 1.0,
    "memory": {"needed": 6 * GB, "available": 4 * GB, "largest_batch": 24},
    "choices": [
        {"name": "all", "label": "everything", "trained": 11_181_642, "memory": 6 * GB},
        {"name": "head", "label": "the head only", "trained": 5_130, "memory": GB},
    ],
}


class Standby:
    """Knows the same of every run."""

    facts: dict[str, Any] = {}  # noqa: RUF012 - set by a test, for all that are made

    def describe(self, *_: Any) -> dict[str, Any]:
        return self.facts


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """No torch, no network."""
    monkeypatch.setattr(looker.standby, "prepare", Standby)
    monkeypatch.setattr(Standby, "facts", {})
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.fixture
def picker() -> Iterator[ModelPicker]:
    picker = ModelPicker()
    yield picker
    picker.close()


@pytest.fixture
def sent(picker: ModelPicker, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    sent: list[Any] = []
    monkeypatch.setattr(picker, "send", lambda content, _=None: sent.append(content))
    return sent


@pytest.fixture
def until(picker: ModelPicker) -> Callable[..., None]:
    """Wait until a condition holds that is looked at whenever the picker is drawn anew."""

    def drawn(condition: Callable[[], object]) -> bool:
        with picker._guard:  # or it is drawn in part
            return bool(condition())

    def wait(condition: Callable[[], object]) -> None:
        came = threading.Event()
        picker.observe(lambda _: came.set(), ["card", "choices", "outlook", "state"])
        while not drawn(condition):
            assert came.wait(120), "this never came true"
            came.clear()

    return wait


def ask(picker: ModelPicker, name: str, value: Any = None) -> str:
    return picker._do({"id": 1, "do": "act", "name": name, "value": value})


def test_what_is_chosen_is_what_fine_tune_takes(picker: ModelPicker) -> None:
    assert (picker.model, picker.settings) == ("resnet18", {"model": "resnet18"})
    heard = []
    picker.observe(lambda change: heard.append(json.loads(change["new"])["name"]), "model_json")
    assert ask(picker, "choose", "efficientnet_b0.ra_in1k") == ""
    assert ask(picker, "train", "head") == ""
    assert ask(picker, "dropout", "0.2") == ""
    assert picker.settings == {
        "model": "efficientnet_b0.ra_in1k", "freeze": "backbone", "dropout": 0.2,
    }  # fmt: skip
    assert picker.config.name == heard[-1] == "efficientnet_b0.ra_in1k"
    picker.model = "resnet50"
    assert picker.state["values"]["model"] == "resnet50"


def test_a_name_with_a_typo_is_refused_at_once_everywhere(picker: ModelPicker) -> None:
    said = ask(picker, "model", "resnet81")
    assert said.startswith("there is no model 'resnet81'; closest: resnet")
    assert picker.state["errors"] == {"model": said}
    assert picker.model == "resnet18"
    with pytest.raises(UnknownModel, match="closest: resnet"):
        picker.model = "resnet81"
    with pytest.raises(UnknownModel, match="closest: resnet"):
        ModelPicker(model="resnet81")
    with pytest.raises(ConfigError, match="closest: batch_size"):
        ModelPicker(batch_sise=3)


def test_the_catalogue_is_not_read_before_the_page_has_asked() -> None:
    script = (
        "import nbfinetune as nf\n"
        "from nbfinetune.models import catalogue\n"
        "w = nf.FineTuneWidget()\n"
        "print(catalogue.catalogue.cache_info().currsize, *w.slot('model').card.keys())\n"
        "w.slot('model')._do({'name': 'catalogue'})\n"
        "print(catalogue.catalogue.cache_info().currsize)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["0", "name", "heading", "1"]


def test_the_whole_catalogue_is_one_message_of_bounded_size(
    picker: ModelPicker, sent: list[Any], until: Callable[..., None]
) -> None:
    assert ask(picker, "catalogue") == ""
    [message] = [one for one in sent if "catalogue" in one]
    columns = message["catalogue"]["columns"]
    rows = catalogue.catalogue()
    assert columns["name"] == [row.name for row in rows]
    family = columns["family"]
    assert [family["words"][at] for at in family["at"]] == [row.family for row in rows]
    assert len(json.dumps(message, separators=(",", ":"), allow_nan=False)) < 320_000
    assert picker.card["rows"][0][0] == "Accuracy"
    until(lambda: picker.outlook["network"] == "offline")
    until(lambda: ["Weights", "bad"] in [[label, tone] for label, _, tone in picker.card["rows"]])


@pytest.fixture
def cached(monkeypatch: pytest.MonkeyPatch) -> str:
    """A model whose weights lie on this machine, before anybody has looked."""
    name = catalogue.facts("resnet18").name
    monkeypatch.setattr(picker_stock, "cached_names", lambda _: frozenset({name}))
    return name


def test_what_is_cached_is_marked(
    cached: str, picker: ModelPicker, sent: list[Any], until: Callable[..., None]
) -> None:
    ask(picker, "catalogue")
    columns = sent[0]["catalogue"]["columns"]
    assert sum(columns["cached"]) == columns["cached"][columns["name"].index(cached)] == 1
    # The card is drawn again by whoever looked at the hub meanwhile.
    until(lambda: ["Weights", "on this machine already", "good"] in picker.card["rows"])


def test_what_the_worker_finds_out_stands_on_the_card_and_beside_the_choices(
    picker: ModelPicker, until: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Standby, "facts", FACTS)
    ask(picker, "batch_size", "32")
    row = ["Memory", "about 6 GB for 32 images of 32 px; 4 GB are free", "bad"]
    until(lambda: row in picker.card.get("rows", ()))
    assert picker.choices["chosen"] == "all"
    assert [option["detail"] for option in picker.choices["options"]] == [
        "11.2 M · 6 GB",
        "5.13 k · 1 GB",
    ]


def test_one_way_to_freeze_takes_the_place_of_the_other(picker: ModelPicker) -> None:
    ask(picker, "train", "stages:2")
    assert picker.settings == {"model": "resnet18", "train_stages": 2}
    assert picker.choices["chosen"] == "stages:2"
    ask(picker, "freeze", "2")
    assert picker.settings == {"model": "resnet18", "freeze": 2}
    assert picker.choices["chosen"] == ""
    ask(picker, "train_stages", "1")
    assert picker.settings == {"model": "resnet18", "train_stages": 1}
    ask(picker, "train", "gentle")
    assert "layer_decay" in picker.settings
    ask(picker, "train", "all")
    assert picker.settings == {"model": "resnet18"}


def test_a_file_that_is_no_checkpoint_is_refused_in_its_place(
    picker: ModelPicker, sent: list[Any], tmp_path: Path
) -> None:
    photo = tmp_path / "photo.pth"
    photo.write_bytes(b"\xff\xd8 no checkpoint")
    assert ask(picker, "browse", str(tmp_path)) == ""
    assert [file["name"] for file in sent[0]["folder"]["files"]] == ["photo.pth"]
    said = ask(picker, "checkpoint", str(photo))
    assert said == picker.state["errors"]["checkpoint"]
    assert "photo.pth is no weights file" in said


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("train", "everything"), ("train", 3), ("train", "stages:x"), ("measure", "resnet18"),
        ("measure", []), ("measure", [3]), ("measure", ["resnet18"] * 21), ("browse", 5),
        ("browse", "/no/such/folder"), ("take", "fast"), ("take", []), ("colour", "red"),
        ("recommend", None), ("recommend", -5), ("recommend", "soon"),
    ],
)  # fmt: skip
def test_nonsense_is_answered_with_a_sentence_and_changes_nothing(
    picker: ModelPicker, name: str, value: Any
) -> None:
    said = ask(picker, name, value)
    assert said
    assert "Error" not in said
    assert picker.settings == {"model": "resnet18"}

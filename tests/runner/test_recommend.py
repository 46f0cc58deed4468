"""Three models for some data: their reasons, their settings, and what stands in the way."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest

import nbfinetune as nf
from nbfinetune.errors import ConfigError, DataError, ModelError, RunError
from nbfinetune.models.catalogue import facts
from nbfinetune.models.speed import Speed
from nbfinetune.records import Named
from nbfinetune.runner import recommend as module
from nbfinetune.runner import standby
from nbfinetune.runner.durations import seconds_of, span
from nbfinetune.runner.recommend import Search, recommended_for
from nbfinetune.runner.settings import configure
from nbfinetune.runner.speed_book import SpeedBook, this_place
from nbfinetune.runner.speed_measure import SpeedMeasure

CONFIG = configure(Named(name="digits"), {"device": "cpu", "threads": 1})
TINY = ("test_vit", "test_efficientnet")
TOLD = {
    "device": "the CPU",
    "images": 2500,
    "classes": 5,
    "image_size": 224,
    "memory": {"available": 8e9},
}


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))


@pytest.fixture(scope="module", autouse=True)
def no_standby_left() -> Iterator[None]:
    yield
    if standby._waiting is not None:
        standby._waiting.dismiss()


@pytest.fixture
def measured() -> None:
    """Speeds of this machine, made up: about a fast core's."""
    place = msgspec.structs.asdict(this_place("cpu", 1))
    task = {"image_size": 224, "batch_size": 32, "trained": "all", "images": 32}
    for name, forward_ms in (("resnet18", 800.0), ("mobilenetv3_large_100", 300.0)):
        times = {"forward_ms": forward_ms, "train_ms": 3 * forward_ms}
        SpeedBook().add([Speed(name=name, **place, **task, **times)])


def search(**changed: object) -> Search:
    usual = {"references": ("resnet18", "mobilenetv3_large_100"), "budget_s": 600.0}
    return Search(**(usual | changed))


@pytest.mark.slow
def test_arrays_of_a_notebook_get_three_models_after_the_references_were_measured(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def tiny(**given: object) -> Search:
        return Search(references=TINY, reference_s=0.05, **given)

    monkeypatch.setattr(module, "Search", tiny)
    images, labels = np.zeros((60, 16, 16), np.uint8), np.arange(60) % 3
    found = nf.recommend((images, labels), "cpu", "2 h", epochs=1, threads=1, image_size=32)
    assert "measuring" in capfd.readouterr().err
    assert {one.name for one in SpeedBook().speeds()} == set(TINY)
    assert [one.role for one in found] == ["fast", "balanced", "best"]
    assert found.said.startswith("For 60 images of 3 classes on the CPU, 1 epoch in 2 h.")
    assert {one.settings["freeze"] for one in found} == {"backbone"}
    assert all("estimated from 2 measured models" in one.why for one in found)


@pytest.mark.usefixtures("measured")
def test_each_says_its_figures_and_brings_settings_that_a_run_takes() -> None:
    found = recommended_for(CONFIG, TOLD, search())
    assert [one.role for one in found] == ["fast", "balanced", "best"]
    assert [one.seconds for one in found] == sorted(one.seconds for one in found)
    assert found[2].seconds < 600
    for one in found:
        known = facts(one.name)
        assert known.license_kind == "permissive"
        assert f"{known.top1:.1f} % on ImageNet" in one.why
        assert f"about {span(one.seconds)} for 5 epochs" in one.why
        config = configure(CONFIG.data.source, one.settings)
        assert config.model.name == one.name
    assert any("as 2,000 images of 5 classes are few" in one.why for one in found)
    assert "Its weights are not on this machine." in found[0].why


@pytest.mark.usefixtures("measured")
def test_they_are_shown_as_a_table_a_page_and_a_text() -> None:
    found = recommended_for(CONFIG, TOLD, search())
    frame, page = found.to_frame(), found._repr_html_()
    assert list(frame.index) == ["fast", "balanced", "best"]
    assert list(frame["name"]) == [one.name for one in found]
    assert all(one.name in page and one.why in repr(found) for one in found)
    assert (len(found), found[:2], list(found)[2]) == (3, (found[0], found[1]), found[-1])


@pytest.mark.usefixtures("measured")
def test_more_time_and_larger_memory_are_used() -> None:
    longer = search(budget_s=1e6)
    some, all_day = recommended_for(CONFIG, TOLD, search()), recommended_for(CONFIG, TOLD, longer)
    narrow = recommended_for(CONFIG, TOLD | {"memory": {"available": 1e9}}, longer)
    assert some[2].seconds < 600 < all_day[2].seconds
    assert facts(narrow[2].name).parameters < facts(all_day[2].name).parameters


@pytest.mark.usefixtures("measured")
def test_a_budget_that_nothing_meets_is_said() -> None:
    found = recommended_for(CONFIG, TOLD, search(budget_s=1.0))
    assert all("That is more than 1 s: nothing better is quicker." in one.why for one in found)


@pytest.mark.usefixtures("measured")
def test_small_images_stay_small() -> None:
    found = recommended_for(CONFIG, TOLD | {"image_size": 64}, search())
    assert min(one.settings["image_size"] for one in found) == 64


@pytest.mark.usefixtures("measured")
def test_what_was_measured_is_not_measured_again() -> None:
    asked: list[SpeedMeasure] = []
    recommended_for(CONFIG, TOLD, search(watch=asked.append))
    recommended_for(CONFIG, TOLD, search(watch=asked.append, references=("resnet18", *TINY)))
    assert [measure.names for measure in asked] == [TINY]


def test_a_measurement_that_is_cancelled_is_said() -> None:
    with pytest.raises(RunError, match="no model could be measured on the CPU: waiting"):
        recommended_for(CONFIG, TOLD, search(watch=lambda _: None))


def test_data_that_cannot_be_read_or_are_not_here_are_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no folder"):
        recommended_for(CONFIG, TOLD | {"data_error": "there is no folder x"}, search())
    with pytest.raises(DataError, match="how many images"):
        recommended_for(CONFIG, {"device": "the CPU"}, search())
    with pytest.raises(DataError, match="nowhere"):
        nf.recommend(str(tmp_path / "nowhere"))


@pytest.mark.usefixtures("measured")
def test_where_nothing_fits_the_sentence_says_what_else_there_is() -> None:
    with pytest.raises(ModelError, match="license=None"):
        recommended_for(CONFIG, TOLD | {"memory": {"available": 1000}}, search())


@pytest.mark.parametrize("budget", ["soon", "10 parsecs", 0, -5, "0 min", True, []])
def test_a_budget_that_is_no_time_is_refused(budget: object) -> None:
    with pytest.raises(ConfigError, match="no time to spend"):
        nf.recommend("digits", budget=budget)


def test_a_licence_that_cannot_be_asked_for_is_refused() -> None:
    with pytest.raises(ConfigError, match="license is 'mit'"):
        nf.recommend("digits", license="mit")


@pytest.mark.parametrize(
    ("typed", "seconds"),
    [("10 min", 600), ("1.5h", 5400), ("90 s", 90), ("2 hours", 7200), (45, 45), (None, None)],
)
def test_time_is_typed_as_people_say_it(typed: object, seconds: float | None) -> None:
    assert seconds_of(typed) == seconds


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.42, "0.4 s"), (40.2, "40 s"), (90, "90 s"), (600, "10 min"), (9000, "2.5 h")],
)
def test_time_is_told_as_people_say_it(seconds: float, words: str) -> None:
    assert span(seconds) == words

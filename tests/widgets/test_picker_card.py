"""The card says what a model is and what it costs, and how sure that is."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from nbfinetune.models.catalogue import facts
from nbfinetune.models.estimate import facts_need
from nbfinetune.records import Named
from nbfinetune.runner.epoch_times import EpochTimes
from nbfinetune.runner.quantities import bytes_in_words, millions
from nbfinetune.runner.settings import configure
from nbfinetune.widgets.picker_card import Subject, card

RESNET = facts("resnet18")


def subject(told: dict[str, Any] | None = None, **settings: Any) -> Subject:
    settings = {"model": "resnet18", **settings}
    return Subject(configure(Named(name="digits"), settings), RESNET, told or {})


def row(about: Subject, label: str) -> tuple[str, str]:
    found = {name: (text, tone) for name, text, tone in card(about)["rows"]}
    return found[label]


def test_what_a_model_is_comes_from_the_catalogue() -> None:
    shown = card(subject())
    assert (shown["heading"], shown["name"]) == ("resnet18", RESNET.name)
    assert "ResNet, a convolutional network" in shown["sentence"]
    assert f"top-1 {RESNET.top1:.1f} %" in row(subject(), "Accuracy")[0]
    assert "11.7 M parameters" in row(subject(), "Size")[0]
    told = {"parameters": 2_780_000, "macs": 30_000_000, "image_size": 32}
    cut = "2.78 M parameters · 0.03 GMACs at 32 px"
    assert row(subject(told, drop_stages=1), "Size")[0] == cut
    assert ["Model card", f"https://huggingface.co/{RESNET.hub_id}"] in shown["links"]


@pytest.mark.parametrize(
    ("kind", "tone"),
    [
        ("permissive", "good"),
        ("restricted", "warn"),
        ("non-commercial", "bad"),
        ("unknown", "warn"),
    ],
)
def test_a_licence_is_flagged(kind: Any, tone: str) -> None:
    about = Subject(subject().config, replace(RESNET, license_kind=kind))
    assert row(about, "Licence")[1] == tone


def test_where_the_weights_come_from_is_said_before_they_are_wanted() -> None:
    about = subject()
    assert row(about, "Weights") == ("46.8 MB to download from the Hugging Face hub", "")
    offline = Subject(about.config, RESNET, network="offline")
    assert row(offline, "Weights")[1] == "bad"
    assert row(Subject(about.config, RESNET, cached=True, network="offline"), "Weights") == (
        "on this machine already",
        "good",
    )
    assert row(subject(pretrained=False), "Weights")[1] == "warn"
    unpublished = Subject(about.config, replace(RESNET, pretrained=False))
    assert "none are published" in row(unpublished, "Weights")[0]


@pytest.mark.parametrize(
    ("needed", "tone"), [(1_000_000_000, "good"), (3_700_000_000, "warn"), (5e9, "bad")]
)
def test_memory_is_compared_with_what_is_free(needed: float, tone: str) -> None:
    memory = {"needed": needed, "available": 4_000_000_000, "largest_batch": 24}
    about = subject({"memory": memory, "image_size": 224}, batch_size=32)
    text, shown = row(about, "Memory")
    assert text == f"about {bytes_in_words(needed)} for 32 images of 224 px; 4 GB are free"
    assert shown == tone
    told = card(about)["warnings"]
    assert told == (["That is more than is free; 24 images a batch will fit."] * (tone == "bad"))


def test_memory_is_estimated_until_the_worker_has_looked() -> None:
    known = replace(RESNET, saved_bytes=30_000_000)
    config = subject(batch_size=128).config
    whole, tone = row(Subject(config, known), "Memory")
    need = facts_need(known, 224, on_cpu=True).at(128)
    assert 128 * 30e6 < need < 1.5 * 128 * 30e6
    assert whole.startswith(f"about {bytes_in_words(need)}")
    assert whole.endswith("GB for 128 images of 224 px")
    assert tone == ""
    pieces = Subject(subject(batch_size=128, accumulate=8).config, known)
    assert "MB" in row(pieces, "Memory")[0]


def test_sizes_that_the_model_does_not_take_are_warned_of() -> None:
    fixed = replace(RESNET, other_sizes=False)
    config = subject(image_size=160).config
    [said] = card(Subject(config, fixed))["warnings"]
    assert said == "It takes images of 224 px only; 160 px are asked for."
    [said] = card(Subject(config, replace(RESNET, min_size=192)))["warnings"]
    assert said == "It needs images of 192 px at least; 160 px are asked for."


def test_an_epochs_time_says_where_it_is_known_from() -> None:
    times, told = EpochTimes(81.0, words="measured here"), {"device": "the CPU"}
    about = Subject(subject().config, RESNET, told, times=times)
    assert row(about, "An epoch") == ("about 81 s on the CPU (measured here)", "")


@pytest.mark.parametrize(
    ("augment", "times", "said"),
    [
        ("none", EpochTimes(14.0, 0.21), "after the first about 0.2 s, on kept features"),
        ("light", EpochTimes(14.0), "after 4 a fraction of that, on kept features"),
    ],
)
def test_epochs_on_kept_features_have_a_time_of_their_own(
    augment: str, times: EpochTimes, said: str
) -> None:
    config = subject(freeze="backbone", augment=augment, epochs=10).config
    text, _ = row(Subject(config, RESNET, times=times), "An epoch")
    assert text == f"about 14 s (as in an earlier run); {said}"


def test_a_function_of_ones_own_has_a_card_too() -> None:
    config = configure(Named(name="digits"), {"model": "mine:small_cnn"})
    shown = card(Subject(config))
    assert shown["sentence"] == "Your own code; the worker builds it."
    assert [label for label, *_ in shown["rows"]] == ["Weights"]


def test_quantities_are_written_as_people_say_them() -> None:
    assert [bytes_in_words(n) for n in (12, 999_000, 46_807_446, 2.5e9, 3e14)] == [
        "12 bytes", "999 kB", "46.8 MB", "2.5 GB", "300 TB",
    ]  # fmt: skip
    assert [millions(n) for n in (420_000, 11_689_512, 304_000_000)] == ["420 k", "11.7 M", "304 M"]

"""Estimates know what the self-tests of earlier runs have found, where they are of the same."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from msgspec.structs import replace

from nbfinetune.engine import tuning_book
from nbfinetune.engine.device import place
from nbfinetune.engine.tuning import key_of
from nbfinetune.models.catalogue import facts
from nbfinetune.models.speed import Gain, Task
from nbfinetune.records import Named, RunnerConfig, StepTuned, TrainingConfig
from nbfinetune.runner.settings import configure
from nbfinetune.runner.speed_book import SpeedBook, paces, this_place
from nbfinetune.runner.tuned_gains import chosen_ms, gain_in

WAYS = {"fp32, channels last": 200.0, "fp32, channels first": 240.0, "bf16, channels last": 100.0}
FOUND = StepTuned(precision="bf16", channels_last=True, ms_per_image=WAYS)
RESNET, TASK = facts("resnet18"), Task(224, 32)


def remember(found: StepTuned = FOUND, *, frozen: bool = False, **settings: Any) -> None:
    """Keep a finding as a run of these settings does."""
    config = configure(Named(name="digits"), {"model": "resnet18", "device": "cpu", **settings})
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 2))
    model[0].requires_grad_(not frozen)
    tuning_book.keep(key_of(config, model, 224, place(config)), found)


@pytest.fixture(autouse=True)
def measured() -> None:
    """ResNet-18 at 224 px was measured once, in the usual way."""
    from nbfinetune.models.speed import Speed

    where = this_place("cpu", torch.get_num_threads())
    SpeedBook().add(
        [
            Speed(
                device=where.device, device_type="cpu", threads=where.threads, torch=where.torch,
                timm=where.timm, name="resnet18", image_size=224, batch_size=32, trained="all",
                images=32, forward_ms=320.0, train_ms=960.0,
            )
        ]
    )  # fmt: skip


def pace(task: Task = TASK, training: TrainingConfig | None = None, **runner: Any) -> Any:
    usual = {"device": "cpu"}
    # The suite may be told how many threads to take, in a way that only torch sees.
    return paces(RunnerConfig(**(usual | runner)), training).of(RESNET, task)


@pytest.fixture(autouse=True)
def as_many_threads_as_torch_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", str(torch.get_num_threads()))


def test_a_step_is_as_fast_as_the_self_test_has_made_it() -> None:
    assert pace().train_ms == 30
    remember()
    assert (pace().train_ms, pace().forward_ms) == (15, 5)
    assert pace().words == "measured here; in bf16, channels last"


@pytest.mark.parametrize(
    "settings",
    [{"model": "resnet34"}, {"batch_size": 8}, {"precision": "bf16"}, {"channels_last": True}],
)
def test_a_finding_of_something_else_says_nothing(settings: dict[str, Any]) -> None:
    remember(**settings)
    assert pace().train_ms == 30


def test_whole_models_and_parts_of_them_are_told_apart() -> None:
    remember(frozen=True)
    assert pace().train_ms == 30
    assert pace(Task(224, 32, "head")).words.endswith("; in bf16, channels last")
    assert pace(Task(128, 32, "head")).words.endswith("batch")


def test_a_number_of_threads_that_was_asked_for_has_findings_of_its_own() -> None:
    remember(threads=torch.get_num_threads())
    assert pace().train_ms == 30
    assert pace(threads=torch.get_num_threads()).train_ms == 15


def test_a_key_of_another_version_is_passed_over() -> None:
    remember()
    tuning_book.keep("resnet18|11|11|224|32|a CPU|2.0|auto|None", FOUND)
    assert pace().train_ms == 15


@pytest.mark.parametrize(
    ("asked", "gain"),
    [
        ({}, Gain(0.5, "bf16, channels last")),
        ({"precision": "bf16"}, Gain(0.5, "bf16, channels last")),
        ({"channels_last": False}, Gain(1.2, "fp32, channels first")),
        ({"precision": "fp32"}, None),
        ({"precision": "fp16"}, None),
    ],
)
def test_what_the_settings_leave_open_counts(asked: dict[str, Any], gain: Gain | None) -> None:
    assert gain_in(FOUND, TrainingConfig(**asked)) == gain


def test_the_chosen_threads_are_those_that_were_measured() -> None:
    fewer = replace(FOUND, threads=1, ms_per_image={**WAYS, "bf16, channels last, 1 thread": 80.0})
    assert chosen_ms(fewer) == (80, 200)
    assert chosen_ms(replace(fewer, threads=2)) == (100, 200)
    assert chosen_ms(replace(FOUND, ms_per_image={})) is None

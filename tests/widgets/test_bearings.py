"""Where a run stands is read from its newest rows."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from nbfinetune.records import (
    DataConfig,
    EpochDone,
    FineTuneConfig,
    Named,
    PhaseStarted,
    RunFailed,
    RunFinished,
    RunPaused,
    RunResumed,
    RunStarted,
    StepDone,
    StepTuned,
)
from nbfinetune.store import RunStore
from nbfinetune.store.layout import new_run_folder
from nbfinetune.widgets.bearings import bearings

NOW = 0.0


@pytest.fixture(autouse=True)
def _now(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time of the test, however long the suite has been running."""
    monkeypatch.setitem(globals(), "NOW", time.time())


@pytest.fixture
def store(home: Path):
    config = FineTuneConfig(data=DataConfig(source=Named(name="digits")))
    with RunStore.create(new_run_folder(home, "x"), config) as store:
        store.claim(os.getpid())
        yield store


def started(at: float | None = None) -> RunStarted:
    return RunStarted(
        time=NOW - 100 if at is None else at,
        device="cpu", device_name="x86 CPU", precision="fp32", channels_last=True,
        image_size=32, batch_size=32, steps_per_epoch=10, epochs=5, train_images=320,
        val_images=80, classes=("a", "b"), parameters=10, trainable_parameters=10,
        weights_from="random", versions={},
    )  # fmt: skip


def step(number: int, at: float) -> StepDone:
    return StepDone(
        time=at, step=number, epoch=number // 10 + 1, loss=0.5, lr=1e-3, images_per_s=64.0,
        data_wait_s=0.0, memory_mb=512.0,
    )  # fmt: skip


def epoch(number: int, accuracy: float, *, best: bool) -> EpochDone:
    return EpochDone(
        step=10 * number, epoch=number, train_loss=0.5, val_loss=0.4, accuracy=accuracy, top5=1.0,
        precision=0.9, recall=0.9, macro_f1=0.9, roc_auc=None, seconds=1.0, images_per_s=64.0,
        best=best,
    )  # fmt: skip


def test_before_the_first_step_it_says_what_the_worker_is_busy_with(store: RunStore) -> None:
    assert bearings(store).phase == "waiting for the worker"
    store.append([PhaseStarted(phase="reading the images")])
    at = bearings(store)
    assert (at.status, at.phase, at.steps) == ("starting", "reading the images", 0)


def test_the_time_left_is_the_steps_left_at_the_pace_so_far(store: RunStore) -> None:
    store.append([started(), *(step(i, NOW - 100 + 2.0 * i) for i in range(1, 31))])
    at = bearings(store)
    assert (at.status, at.step, at.steps, at.epoch, at.epochs) == ("running", 30, 50, 4, 5)
    assert at.eta_s == pytest.approx(20 * 2.0 - (time.time() - (NOW - 40)), abs=3.0)
    assert at.device == "x86 CPU · fp32"


def test_a_pause_does_not_count_as_training(store: RunStore) -> None:
    store.append([started(NOW - 4000), *(step(i, NOW - 4000 + i) for i in range(1, 11))])
    store.append([RunPaused(step=10, time=NOW - 3990)])
    assert bearings(store).eta_s is None
    store.append([RunResumed(step=10, time=NOW - 20)])
    store.append([step(10 + i, NOW - 20 + i) for i in range(1, 21)])
    assert bearings(store).eta_s == pytest.approx(20.0, abs=3.0)


def test_the_best_epoch_is_the_one_marked_last(store: RunStore) -> None:
    store.append([started(), epoch(1, 0.7, best=True), epoch(2, 0.8, best=True)])
    store.append([epoch(3, 0.75, best=False)])
    at = bearings(store)
    assert (at.best_epoch, at.accuracy) == (2, 0.8)


def test_an_ending_says_why(store: RunStore) -> None:
    store.append([started(), RunFinished(step=20, reason="early_stopping", best_epoch=1)])
    at = bearings(store)
    assert (at.status, at.ending, at.eta_s) == ("finished", "stopped early", None)


def test_what_was_chosen_for_speed_stands_beside_the_figures(store: RunStore) -> None:
    assert bearings(store).notes == ()
    store.append([StepTuned(precision="bf16", channels_last=True, ms_per_image={"bf16": 2.0})])
    assert [note.text for note in bearings(store).notes] == ["bf16, channels last; self-test"]


def test_a_failure_brings_its_sentence_and_details(store: RunStore) -> None:
    store.append([RunFailed(error="ValueError", message="it broke", details="Traceback …")])
    at = bearings(store)
    assert (at.status, at.error, at.details) == ("failed", "it broke", "Traceback …")

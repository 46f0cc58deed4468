"""Epochs on kept features, and those after the thaw, are reckoned at a pace of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from nbfinetune.records import (
    EpochDone,
    Event,
    FeaturesKept,
    FeaturesUnused,
    LayersUnfrozen,
    Named,
    RunRestored,
    RunStarted,
    StepDone,
)
from nbfinetune.runner.settings import configure
from nbfinetune.store import RunStore
from nbfinetune.store.layout import new_run_folder
from nbfinetune.widgets.time_left import GUESSED_SHARE, time_left

BEGUN = RunStarted(
    device="cpu", device_name="CPU", precision="fp32", channels_last=True, image_size=32,
    batch_size=32, steps_per_epoch=10, epochs=5, train_images=320, val_images=80,
    classes=("a", "b"), parameters=10, trainable_parameters=10, weights_from="random", versions={},
)  # fmt: skip
KEPT = FeaturesKept(views=2, megabytes=1.0)
THAWED = LayersUnfrozen(step=40, trainable_parameters=10)


def seconds_at(step: int) -> float:
    """2 s a step on images, 0.25 s on features from step 20 on, 3 s once thawed at step 40."""
    return 2.0 * min(step, 20) + 0.25 * max(0, min(step, 40) - 20) + 3.0 * max(0, step - 40)


def step_done(step: int) -> StepDone:
    return StepDone(
        step=step, epoch=(step - 1) // 10 + 1, loss=0.5, lr=1e-3, images_per_s=64.0,
        data_wait_s=0.0, memory_mb=512.0,
    )  # fmt: skip


def epoch_done(epoch: int, seconds: float) -> EpochDone:
    return EpochDone(
        step=10 * epoch, epoch=epoch, train_loss=0.5, val_loss=0.4, accuracy=0.5, top5=1.0,
        precision=0.9, recall=0.9, macro_f1=0.9, roc_auc=None, seconds=seconds, images_per_s=64.0,
    )  # fmt: skip


Reckon = Callable[..., "float | None"]


@pytest.fixture
def left(home: Path) -> Iterator[Reckon]:
    """Seconds that are left of 50 steps, after so many and other events."""
    made: list[RunStore] = []

    def reckon(steps: int, *told: Event, late_s: float = 0.0, **settings: Any) -> float | None:
        config = configure(Named(name="a"), {"freeze": "backbone", **settings})
        store = RunStore.create(new_run_folder(home, "x"), config)
        made.append(store)
        log = sorted([BEGUN, *told, *map(step_done, range(1, steps + 1))], key=lambda e: e.step)
        store.append([replace(event, time=seconds_at(event.step)) for event in log])
        done = store.last(StepDone)
        assert done is not None
        return time_left(store, BEGUN, done, 50, now=done.time + late_s)

    yield reckon
    for store in made:
        store.close()


def test_one_step_says_too_little(left: Reckon) -> None:
    assert left(1, KEPT) is None


def test_epochs_that_are_still_to_be_on_features_take_a_share_that_is_guessed(left: Reckon) -> None:
    share = GUESSED_SHARE
    assert left(10, KEPT) == pytest.approx(10 * 2.0 + 30 * 2.0 * share)
    assert left(10) == pytest.approx(40 * 2.0)


def test_on_features_their_own_pace_counts(left: Reckon) -> None:
    share = GUESSED_SHARE
    pace = seconds_at(25) / (20 + 5 * share)
    assert left(25, KEPT) == pytest.approx(25 * pace * share)
    assert left(30, KEPT, epoch_done(3, 2.5)) == pytest.approx(20 * 0.25)


def test_after_them_images_take_as_long_as_before_until_the_pace_is_known(left: Reckon) -> None:
    told = (KEPT, epoch_done(3, 2.5))
    expected = 10 * 0.25 + 10 * 2.0
    assert left(30, *told, freeze_epochs=4) == pytest.approx(expected)
    assert left(45, *told, THAWED, freeze_epochs=4) == pytest.approx(5 * 3.0)


def test_a_thaw_on_request_ends_them_too(left: Reckon) -> None:
    assert left(45, KEPT, epoch_done(3, 2.5), THAWED) == pytest.approx(5 * 3.0)


def test_features_that_are_no_longer_kept_do_not_count(left: Reckon) -> None:
    unused = FeaturesUnused(step=10, reason="weights were pruned")
    assert left(15, KEPT, unused) == pytest.approx(35 * 2.0)


def test_a_worker_that_went_on_among_features_knows_no_pace_of_images(left: Reckon) -> None:
    told = (KEPT, epoch_done(3, 2.5), RunRestored(step=25))
    assert left(30, *told) == pytest.approx(20 * 0.25)
    assert left(30, *told, freeze_epochs=4) is None


def test_the_step_in_hand_has_begun_already(left: Reckon) -> None:
    assert left(10, late_s=1.5) == pytest.approx(40 * 2.0 - 1.5)
    assert left(49, late_s=99.0) == 0

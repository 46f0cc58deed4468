"""How long epochs will take is told from an earlier run like it, epochs on features apart."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nbfinetune.models.speed import Pace
from nbfinetune.records import EpochDone, FeaturesKept, LayersUnfrozen, Named
from nbfinetune.runner.epoch_times import EpochTimes, alike, by_pace, by_run
from nbfinetune.runner.settings import configure
from nbfinetune.store import RunStore
from nbfinetune.store.layout import new_run_folder


@pytest.fixture
def store(home: Path) -> Iterator[RunStore]:
    config = configure(Named(name="digits"), {})
    with RunStore.create(new_run_folder(home, "x"), config) as store:
        yield store


def epoch(number: int, seconds: float) -> EpochDone:
    return EpochDone(
        step=10 * number, epoch=number, train_loss=1.0, val_loss=1.0, accuracy=0.5, top5=0.9,
        precision=0.5, recall=0.5, macro_f1=0.5, roc_auc=None, seconds=seconds, images_per_s=1.0,
    )  # fmt: skip


def test_a_run_without_an_epoch_tells_nothing(store: RunStore) -> None:
    assert by_run(store) is None


def test_the_newest_epoch_tells_of_a_run_that_kept_no_features(store: RunStore) -> None:
    store.append([epoch(1, 20.0), epoch(2, 14.0)])
    assert by_run(store) == EpochTimes(14.0)


def test_epochs_on_kept_features_are_told_apart(store: RunStore) -> None:
    store.append([FeaturesKept(views=2, megabytes=1.0), epoch(1, 16.0), epoch(2, 14.0)])
    assert by_run(store) == EpochTimes(15.0)
    # The fourth made the features anew, in a worker that took the run up again.
    store.append([epoch(3, 0.2), epoch(4, 30.0), epoch(5, 0.2)])
    assert by_run(store) == EpochTimes(15.0, 0.2)
    store.append([LayersUnfrozen(step=50, trainable_parameters=9), epoch(6, 60.0)])
    assert by_run(store) == EpochTimes(15.0, 0.2)


def test_measured_speeds_tell_where_no_run_does() -> None:
    pace = Pace(forward_ms=10.0, train_ms=30.0, source="measured", words="measured here")
    assert by_pace(pace, 100, 0.2) == EpochTimes(2.6, None, "measured here")


@pytest.mark.parametrize(
    ("changed", "same"),
    [
        ({"epochs": 9, "lr": 0.1}, True),
        ({"model": "resnet50"}, False),
        ({"image_size": 64}, False),
        ({"freeze": "backbone"}, False),
        ({"freeze_epochs": 2}, False),
    ],
)
def test_runs_are_alike_where_an_epoch_takes_as_long(changed: dict[str, Any], same: bool) -> None:
    source = Named(name="digits")
    assert alike(configure(source, {}), configure(source, changed)) is same

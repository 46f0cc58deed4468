"""A run store on a real disk, and events to put into it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nbfinetune.records import DataConfig, EpochDone, FineTuneConfig, Named, StepDone
from nbfinetune.store import RunStore
from nbfinetune.store.layout import new_run_folder


@pytest.fixture
def config() -> FineTuneConfig:
    return FineTuneConfig(data=DataConfig(source=Named(name="digits")))


@pytest.fixture
def folder(home: Path) -> Path:
    return new_run_folder(home, "resnet18")


@pytest.fixture
def store(folder: Path, config: FineTuneConfig) -> Iterator[RunStore]:
    with RunStore.create(folder, config) as made:
        yield made


@pytest.fixture
def step_done() -> Callable[..., StepDone]:
    def make(step: int, loss: float = 0.5) -> StepDone:
        return StepDone(
            time=1.0e9 + step,
            step=step,
            epoch=step // 10,
            loss=loss,
            lr=1e-3,
            images_per_s=123.4,
            data_wait_s=0.001,
            memory_mb=512.0,
        )

    return make


@pytest.fixture
def epoch_done() -> Callable[..., EpochDone]:
    def make(
        epoch: int, step: int, accuracy: float = 0.9, roc_auc: float | None = 0.99
    ) -> EpochDone:
        return EpochDone(
            time=1.0e9 + step,
            step=step,
            epoch=epoch,
            train_loss=0.4,
            val_loss=0.3,
            accuracy=accuracy,
            top5=1.0,
            precision=0.9,
            recall=0.9,
            macro_f1=0.9,
            roc_auc=roc_auc,
            seconds=2.0,
            images_per_s=100.0,
            best=True,
        )

    return make

"""Runs on record for the tests of the charts, as a worker would have written them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

from nbfinetune.records import (
    DataConfig,
    EpochDone,
    Event,
    FineTuneConfig,
    ModelConfig,
    Named,
    RunStarted,
    StepDone,
    TrainingConfig,
)
from nbfinetune.store import RunStore

STEPS_PER_EPOCH = 100
EPOCHS = 10


def loss_at(step: int) -> float:
    """A loss that falls, wobbles, and has one spike at step 37."""
    return 2.0 * math.exp(-step / 400) + 0.1 * math.sin(step * 1.7) + (5.0 if step == 37 else 0.2)


def step_done(step: int) -> StepDone:
    return StepDone(
        step=step,
        epoch=1 + (step - 1) // STEPS_PER_EPOCH,
        loss=loss_at(step),
        lr=1e-3 / step,
        images_per_s=300.0 + step % 7,
        data_wait_s=0.004,
        memory_mb=512.0,
    )


def epoch_done(epoch: int, *, best: bool = False) -> EpochDone:
    accuracy = 1.0 - 0.8 * math.exp(-epoch / 3)
    return EpochDone(
        step=epoch * STEPS_PER_EPOCH,
        epoch=epoch,
        train_loss=loss_at(epoch * STEPS_PER_EPOCH),
        val_loss=loss_at(epoch * STEPS_PER_EPOCH) + 0.1,
        accuracy=accuracy,
        top5=1.0,
        precision=accuracy,
        recall=accuracy,
        macro_f1=accuracy,
        roc_auc=None,
        seconds=10.0,
        images_per_s=300.0,
        best=best,
    )


def progress(first: int, last: int) -> Iterable[Event]:
    """Steps from `first` to `last`, with the epochs that end among them."""
    for step in range(first, last + 1):
        yield step_done(step)
        if step % STEPS_PER_EPOCH == 0:
            yield epoch_done(step // STEPS_PER_EPOCH, best=True)


def started() -> RunStarted:
    return RunStarted(
        device="cpu",
        device_name="CPU",
        precision="fp32",
        channels_last=True,
        image_size=64,
        batch_size=32,
        steps_per_epoch=STEPS_PER_EPOCH,
        epochs=EPOCHS,
        train_images=3200,
        val_images=300,
        classes=("cat", "dog"),
        parameters=10,
        trainable_parameters=10,
        weights_from="random",
        versions={},
    )


def filled(folder: Path, steps: int, model: str = "resnet18") -> RunStore:
    """The open store of a run with so many steps."""
    folder.mkdir(parents=True)
    config = FineTuneConfig(
        data=DataConfig(source=Named(name="digits")),
        model=ModelConfig(name=model),
        training=TrainingConfig(epochs=EPOCHS),
    )
    store = RunStore.create(folder, config)
    store.append([started(), *progress(1, steps)])
    return store

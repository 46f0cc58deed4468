"""Runs of any length on record, written as their worker would have written them."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from msgspec.structs import replace

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from chart_runs import epoch_done, started  # noqa: E402

from nbfinetune.records import (  # noqa: E402
    CheckpointSaved,
    DataConfig,
    Event,
    FineTuneConfig,
    ModelConfig,
    Named,
    StepDone,
    TrainingConfig,
)
from nbfinetune.store import RunStore  # noqa: E402

EPOCHS_A_CHECKPOINT = 20


def long_run(folder: Path, steps: int, per_epoch: int = 100) -> RunStore:
    """A live run with so many steps; its worker is this process.

    Parameters
    ----------
    folder : Path
        Made here.
    per_epoch : int
        Steps of an epoch; few of them make many epochs, which cost more to show than steps.
    """
    folder.mkdir(parents=True)
    config = FineTuneConfig(
        data=DataConfig(source=Named(name="digits")),
        model=ModelConfig(name="resnet18"),
        training=TrainingConfig(epochs=2 * steps // per_epoch),
    )
    store = RunStore.create(folder, config)
    store.claim(os.getpid())
    plan = {"steps_per_epoch": per_epoch, "epochs": config.training.epochs}
    store.append([replace(started(), **plan)])
    for epoch in range(1, steps // per_epoch + 1):
        store.append([*steps_of(epoch, per_epoch, steps), *ending(epoch, per_epoch)])
    return store


def steps_of(epoch: int, per_epoch: int, planned: int) -> Iterator[Event]:
    """Steps of one epoch, with numbers that do not compress."""
    for step in range((epoch - 1) * per_epoch + 1, epoch * per_epoch + 1):
        yield StepDone(
            time=1.8e9 + step,
            step=step,
            epoch=epoch,
            loss=math.exp(-step / planned) + math.sin(step),
            lr=1e-3 / step,
            images_per_s=1e4 / (step % 7 + 3),
            data_wait_s=1 / (step + 3),
            memory_mb=512.25,
        )


def ending(epoch: int, per_epoch: int) -> Iterator[Event]:
    """What an epoch ends with."""
    step = epoch * per_epoch
    yield replace(epoch_done(epoch, best=epoch % 7 == 0), step=step)
    if epoch % EPOCHS_A_CHECKPOINT == 0:
        yield CheckpointSaved(step=step, which="last", epoch=epoch)

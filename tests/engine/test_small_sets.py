"""Sets smaller than a batch: every epoch is one step on all there is."""

from __future__ import annotations

import numpy as np
import pytest

from nbfinetune.errors import TrainingError
from nbfinetune.records import EpochDone, RunFinished, RunStarted, StepDone


def some(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Images of 16 px in two classes that differ by brightness."""
    labels = np.arange(count) % 2
    rng = np.random.default_rng(0)
    return (rng.integers(0, 100, (count, 16, 16, 3)) + 100 * labels[:, None, None, None]).astype(
        np.uint8
    ), labels


@pytest.mark.parametrize(("count", "batch_size"), [(4, 16), (6, 5), (40, 65_536), (4, 1)], ids=str)
def test_a_set_smaller_than_a_batch_trains_in_one_step_an_epoch(count, batch_size, engine):
    run = engine(data=some(count), batch_size=batch_size, epochs=3, val_split=0.5)
    started = run.log.of(RunStarted)[0]
    steps = 3 * max(1, count // 2 // batch_size)
    assert started.steps_per_epoch * 3 == steps
    assert [done.step for done in run.log.of(StepDone)] == list(range(1, steps + 1))
    assert len(run.log.of(EpochDone)) == 3
    assert np.isfinite(run.log.losses()).all()
    assert run.log.of(RunFinished)


def test_a_larger_batch_than_the_set_is_the_whole_set(engine):
    one, other = (engine(data=some(12), batch_size=size, lr=1e-3) for size in (10, 512))
    assert one.log.of(RunStarted)[0].train_images == 10
    for name, values in one.weights().items():
        assert np.array_equal(values, other.weights()[name]), name


def test_a_batch_of_one_image_that_a_batch_norm_can_not_learn_from_is_refused_in_a_sentence(engine):
    with pytest.raises(TrainingError, match="give a batch_size of at least 2"):
        engine(model="resnet10t", data=some(8), batch_size=1, image_size=32)

"""A run that is killed anywhere and resumed ends like the run that was left alone."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

import nbfinetune as nf
from nbfinetune.records import EpochDone, LayersUnfrozen, RunRestored
from nbfinetune.schedules import Constant

TIMINGS = ["images_per_s", "data_wait_s", "memory_mb", "seconds"]


def weights(run: nf.Run, which: str = "last") -> dict[str, np.ndarray]:
    tensors = load_file(run.path / "checkpoints" / f"{which}.safetensors")
    return {name: values for name, values in tensors.items() if name.startswith("model.")}


def worker_of(run: nf.Run) -> int:
    from nbfinetune.store import RunStore

    with RunStore.open(run.path) as store:
        return store.worker().pid


def kill(run: nf.Run) -> None:
    os.kill(worker_of(run), signal.SIGKILL)


def assert_equal_runs(one: nf.Run, other: nf.Run) -> None:
    for which in ("last", "best"):
        left, right = weights(one, which), weights(other, which)
        assert left.keys() == right.keys()
        for name in left:
            assert np.array_equal(left[name], right[name]), (which, name)
    for split in ("step", "epoch"):
        left, right = (
            run.metrics(split).drop(columns=TIMINGS, errors="ignore") for run in (one, other)
        )
        assert left.equals(right), split
        assert left.index.is_unique
        assert list(left.index) == list(range(1, len(left) + 1))


SETTINGS: dict[str, Any] = {
    "model": "factories:unhurried_wide_cnn",
    "epochs": 16,
    "ema": 0.9,
    "mixup": 0.2,
    "checkpoint_every_s": 0.0,
    "seed": 7,
}


def half_written(checkpoints: Path) -> bool:
    return any(checkpoints.glob("*.tmp"))


@pytest.mark.slow
def test_a_run_killed_at_random_moments_and_resumed_ends_bit_for_bit_alike(small, until):
    kills = 10
    alone = small(**SETTINGS).wait(progress=False)
    run = small(**SETTINGS)
    moments = random.Random(kills)
    killed_while_writing = 0
    for number in range(kills):
        start = len(run.metrics("step"))
        goal = start + moments.randint(1, 12)
        until(lambda goal=goal: len(run.metrics("step")) >= goal)
        if number % 2:
            until(lambda: half_written(run.path / "checkpoints"))
        else:
            time.sleep(moments.random() * 0.05)
        kill(run)
        until(lambda: run.status == "interrupted")
        killed_while_writing += half_written(run.path / "checkpoints")
        run.resume()
    run.wait(progress=False)
    assert killed_while_writing
    assert len([e for e in run.events() if isinstance(e, RunRestored)]) == kills
    assert_equal_runs(alone, run)
    print(
        f"{kills} kills, {killed_while_writing} while a checkpoint was written: equal bit for bit"
    )


EDITED: dict[str, Any] = {
    "model": "test_resnet",
    "image_size": 32,
    "in_chans": 1,
    "drop_stages": 1,
    "pooling": "gem",
    "train_stages": 1,
    "freeze_epochs": 2,
    "epochs": 7,
    "checkpoint_every_s": 0.0,
}


@pytest.mark.slow
def test_a_cut_model_goes_on_bit_for_bit_and_is_used_like_any_other(small, photos, until, tmp_path):
    alone = small(**EDITED).wait(progress=False)
    run = small(**EDITED)
    # In the third epoch the layers before the last stage have just been thawed.
    until(lambda: len(run.metrics("step")) > 25)
    kill(run)
    until(lambda: run.status == "interrupted")
    run.resume()
    run.wait(progress=False)
    assert_equal_runs(alone, run)
    thawed = [e.trainable_parameters for e in run.events() if isinstance(e, LayersUnfrozen)]
    model = run.load_model()
    assert thawed == [sum(weight.numel() for weight in model.parameters())]
    assert weights(run)["model.global_pool.exponent"] != 3.0
    assert len(run.predict(photos[0][:3])) == 3
    code = json.loads(run.export(tmp_path / "cut.safetensors").with_suffix(".json").read_text())
    assert any("prune_intermediate_layers" in line for line in code["load"])


def test_edits_come_again_at_their_step_after_a_kill(small, until):
    run = small(epochs=50_000, checkpoint_every_s=3600.0)
    until(lambda: len(run.metrics("step")) > 20)
    edited = run.set_schedule(Constant(lr=1e-4)).step
    until(lambda: len(run.metrics("step")) > edited + 20)
    before = run.metrics("step")
    kill(run)
    until(lambda: run.status == "interrupted")
    run.resume()
    until(lambda: any(isinstance(event, RunRestored) for event in run.events()))
    until(lambda: len(run.metrics("step")) > edited + 10)
    run.stop()
    after = run.metrics("step")
    both = min(len(before), len(after))
    assert before["loss"][:both].equals(after["loss"][:both])
    assert set(after["lr"][edited:]) == {1e-4}
    assert 1e-4 not in set(after["lr"][:edited])


@pytest.mark.slow
def test_a_run_killed_before_its_first_checkpoint_begins_again(small, until):
    settings = {"model": "factories:unhurried", "epochs": 5}
    run = small(**settings, checkpoint_every_s=3600.0)
    until(lambda: len(run.metrics("step")) > 3)
    kill(run)
    until(lambda: run.status == "interrupted")
    run.resume()
    run.wait(progress=False)
    assert run.status == "finished"
    assert [e.epoch for e in run.events() if isinstance(e, EpochDone)] == [1, 2, 3, 4, 5]
    assert_equal_runs(small(**settings).wait(progress=False), run)

"""Real workers that train a head on kept features, killed and done again."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

import nbfinetune as nf
from nbfinetune.records import FeaturesKept, PhaseStarted, RunRestored

SETTINGS: dict[str, Any] = {
    "model": "factories:unhurried",
    "freeze": "backbone",
    "feature_views": 2,
    "augment": "strong",
    "epochs": 40,
    "ema": 0.9,
    "checkpoint_every_s": 0.0,
}
TIMINGS = ["images_per_s", "data_wait_s", "memory_mb", "seconds"]


def weights(run: nf.Run) -> dict[str, np.ndarray]:
    return load_file(run.path / "checkpoints" / "last.safetensors")


def assert_equal_runs(one: nf.Run, other: nf.Run) -> None:
    theirs = weights(other)
    for name, values in weights(one).items():
        if name.startswith("model."):
            assert np.array_equal(values, theirs[name]), name
    for split in ("step", "epoch"):
        left, right = (
            run.metrics(split).drop(columns=TIMINGS, errors="ignore") for run in (one, other)
        )
        assert left.equals(right), split


def kill(run: nf.Run) -> None:
    from nbfinetune.store import RunStore

    with RunStore.open(run.path) as store:
        os.kill(store.worker().pid, signal.SIGKILL)


@pytest.mark.slow
def test_a_run_killed_before_while_and_after_features_are_made_again_ends_alike(small, until):
    alone = small(**SETTINGS).wait(progress=False)
    run = small(**SETTINGS)
    until(lambda: len(run.metrics("step")) > 5)
    for seen in (15, 60, 200):
        kill(run)
        until(lambda: run.status == "interrupted")
        run.resume()
        until(lambda: any(isinstance(event, RunRestored) for event in run.events()))
        until(lambda seen=seen: len(run.metrics("step")) > seen)
    kill(run)
    until(lambda: run.status == "interrupted")
    moment = time.time()
    run.resume()
    until(lambda: any(_makes_features(event, moment) for event in run.events()))
    kill(run)
    until(lambda: run.status == "interrupted")
    run.resume()
    run.wait(progress=False)
    assert len([event for event in run.events() if isinstance(event, FeaturesKept)]) == 1
    assert_equal_runs(alone, run)


def _makes_features(event: Any, since: float) -> bool:
    phase = event.phase if isinstance(event, PhaseStarted) else ""
    return event.time > since and "features" in phase


@pytest.mark.slow
def test_a_run_on_kept_features_is_done_again_bit_for_bit(small, until):
    run = small(**SETTINGS | {"model": "factories:small_cnn", "epochs": 50_000})
    until(lambda: len(run.metrics("step")) > 300)
    run.set_optimizer(weight_decay=0.3)
    until(lambda: len(run.metrics("step")) > 500)
    run.pause()
    run.set_schedule(run.config.schedule, epochs=len(run.metrics()) + 3)
    run.resume()
    run.wait(progress=False)
    again = nf.fine_tune(replay=run)
    again.wait(progress=False)
    assert_equal_runs(run, again)

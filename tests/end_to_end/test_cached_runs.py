"""Runs in processes of their own that share a cache of decoded images."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

import nbfinetune as nf
from nbfinetune.data.cache_files import caches_home
from nbfinetune.records import CacheUnused, RunRestored
from nbfinetune.store import RunStore

SETTINGS = {
    "model": "factories:unhurried_wide_cnn",
    "epochs": 20,
    "checkpoint_every_s": 0.0,
    "seed": 5,
}

BYTES = 3 * 30 * 35
"""Of a photo at its stored size."""


@pytest.fixture
def folder(red_and_green) -> Path:
    """80 noisy photos of two classes."""
    return red_and_green(40, (60, 70))


def weights(run: nf.Run) -> dict[str, np.ndarray]:
    tensors = load_file(run.path / "checkpoints" / "last.safetensors")
    return {name: values for name, values in tensors.items() if name.startswith("model.")}


def assert_equal_runs(one: nf.Run, other: nf.Run) -> None:
    for name, values in weights(one).items():
        assert np.array_equal(values, weights(other)[name]), name
    assert one.metrics("step")["loss"].equals(other.metrics("step")["loss"])
    assert one.metrics()["val_loss"].equals(other.metrics()["val_loss"])


def entries() -> int:
    return sum(path.stat().st_size for path in caches_home().glob("*/entries.bin"))


@pytest.mark.slow
def test_runs_that_share_a_cache_end_alike_even_if_one_is_killed_while_it_fills_it(
    small, until, folder
):
    alone = small(folder, cache=False, **SETTINGS)
    killed = small(folder, **SETTINGS)
    until(lambda: entries() > 0)
    with RunStore.open(killed.path) as store:
        worker = store.worker().pid
    os.kill(worker, signal.SIGKILL)
    beside = small(folder, **SETTINGS)
    until(lambda: killed.status == "interrupted")
    killed.resume()
    for run in (alone, killed, beside):
        run.wait(progress=False)
    assert any(isinstance(event, RunRestored) for event in killed.events())
    for run in (killed, beside):
        assert not [event for event in run.events() if isinstance(event, CacheUnused)]
        assert_equal_runs(run, alone)
    (pixels,) = caches_home().glob("*/pixels.bin")
    assert 80 * BYTES <= pixels.stat().st_size < 81 * BYTES

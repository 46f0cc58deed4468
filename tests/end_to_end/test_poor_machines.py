"""A run on one core, under OpenMP settings that mean nothing, where nothing can be cached."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest

from nbfinetune.records import CacheUnused, FileSkipped, RunFinished, RunStarted


@pytest.fixture
def folder(red_and_green) -> Path:
    """24 photos of two classes."""
    return red_and_green(12, (40, 50))


@pytest.fixture
def on_one_core():
    """This process, and what it starts, may use one core only."""
    if sys.platform != "linux":
        pytest.skip("only Linux lets a process give up cores")
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    yield
    os.sched_setaffinity(0, cores)


def test_one_core_and_nonsense_for_openmp_and_no_cache_do_not_stop_a_run(
    small, folder, on_one_core, tmp_path, monkeypatch
):
    for name, value in {
        "OMP_NUM_THREADS": "many",
        "MKL_NUM_THREADS": "-1",
        "OMP_PROC_BIND": "perhaps",
        "GOMP_CPU_AFFINITY": "99-120",
    }.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NBFINETUNE_CACHE", str(tmp_path / "file"))
    run = small(folder, epochs=2, threads=None, loader_threads=None, batch_size=64)
    run.wait(progress=False)
    told = {type(event): event for event in run.events()}
    assert told[RunFinished].reason == "completed"
    assert "1 threads" in told[RunStarted].device_name
    assert "NBFINETUNE_CACHE" in told[CacheUnused].reason
    assert FileSkipped not in told
    assert len(run.metrics("step")) == 2
    assert np.isfinite(run.metrics("step")["loss"]).all()

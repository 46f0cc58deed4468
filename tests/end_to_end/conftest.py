"""Whole runs: a worker process, a store on the disk, the handle in the test."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from noisy_photos import noisy_photos

import nbfinetune as nf


@pytest.fixture
def until() -> Callable[[Callable[[], Any]], Any]:
    """``until(condition)`` gives the condition's first true value, or fails after two minutes."""

    def wait(condition: Callable[[], Any], timeout_s: float = 120.0) -> Any:
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if value := condition():
                return value
            time.sleep(0.005)
        raise AssertionError("the condition did not come true in time")

    return wait


@pytest.fixture
def photos() -> tuple[np.ndarray, np.ndarray]:
    """200 images of 24 px in four classes, as a notebook would hold them."""
    rng = np.random.default_rng(3)
    labels = np.repeat(np.arange(4), 50)
    pixels = rng.integers(0, 90, (200, 24, 24, 3))
    for row, label in enumerate(labels):
        pixels[row, :, 6 * label : 6 * label + 6, label % 3] += 140
    return pixels.astype(np.uint8), labels


@pytest.fixture
def red_and_green(tmp_path: Path) -> Callable[[int, tuple[int, int]], Path]:
    """``red_and_green(count, (height, width))`` writes so many noisy photos of each of both."""

    def write(count: int, shape: tuple[int, int]) -> Path:
        return noisy_photos(tmp_path / "photos", ("red", "green"), [shape] * count)

    return write


@pytest.fixture
def small(photos: tuple[np.ndarray, np.ndarray]) -> Any:
    """``small(**settings)`` starts a run of a small network; live runs are stopped at the end."""
    runs: list[nf.Run] = []

    def start(data: Any = None, **settings: Any) -> nf.Run:
        values = {
            "model": "factories:small_cnn",
            "pretrained": False,
            "batch_size": 16,
            "image_size": 24,
            "lr": 5e-3,
            "device": "cpu",
            "threads": 1,
            "loader_threads": 1,
        }
        run = nf.fine_tune(photos if data is None else data, **(values | settings))
        runs.append(run)
        return run

    yield start
    for run in runs:
        if run.status in ("starting", "running", "paused"):
            run.stop()

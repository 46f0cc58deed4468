"""How long a piece of work takes when little else runs."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch

from nbfinetune.engine.device import Placement

LAP_S = 0.05
BUSY_SHARE = 0.8
"""Of a lap, which this thread must have had on the CPU; else others took it."""


def lap(work: Callable[[], object], placement: Placement, seconds: float) -> tuple[float, bool]:
    """Seconds that `work` takes when little else runs, and whether much did.

    Parameters
    ----------
    seconds : float
        For laps of it, about; warming up comes on top.
    """
    ends = time.perf_counter() + seconds
    warm_up = timed(work, placement)
    repeats = max(1, round(LAP_S / warm_up[0]))
    laps = []
    while time.perf_counter() < ends:
        laps.append(timed(work, placement, repeats))
    times, shares = zip(*(laps or [warm_up]), strict=True)
    busy = placement.device.type == "cpu" and statistics.median(shares) < BUSY_SHARE
    return sorted(times)[len(times) // 4], busy


def timed(
    work: Callable[[], object], placement: Placement, repeats: int = 1
) -> tuple[float, float]:
    """Seconds that `work` takes, and the part of them in which this thread was on the CPU."""
    wall, own = time.perf_counter(), time.thread_time()
    for _ in range(repeats):
        work()
    if placement.device.type != "cpu":
        torch.accelerator.synchronize(placement.device)
    took = time.perf_counter() - wall
    return took / repeats, (time.thread_time() - own) / took

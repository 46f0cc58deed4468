"""How long things take beside each other on a machine that is busy now and then."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence

__all__ = ["by_turns"]

Way = Callable[[], object]

LAP_S = 0.02
"""One turn is at least so long: shorter ones measure the clock and the scheduler."""


def by_turns(ways: Sequence[Way], rounds: int = 15) -> list[float]:
    """Median seconds of each way, all of them measured by turns.

    Whatever else the machine does slows all of them alike, so that their ratios hold where a
    single time does not.

    Parameters
    ----------
    ways : sequence of callable
        Each does the thing once.
    rounds : int
        Turns of each.
    """
    laps = [_calls(way) for way in ways]
    turns = [
        [_turn(way, calls) for way, calls in zip(ways, laps, strict=True)] for _ in range(rounds)
    ]
    return [statistics.median(times) for times in zip(*turns, strict=True)]


def _calls(way: Way) -> int:
    """How often it is done in a turn; warms it up on the way."""
    way()
    start = time.perf_counter()
    way()
    took = time.perf_counter() - start
    return max(1, round(LAP_S / max(took, 1e-6)))


def _turn(way: Way, calls: int) -> float:
    # Once for nothing: the threads of whoever had the turn before still spin, the caches are cold.
    way()
    start = time.perf_counter()
    for _ in range(calls):
        way()
    return (time.perf_counter() - start) / calls

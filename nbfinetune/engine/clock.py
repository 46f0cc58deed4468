"""Seconds of training, pauses not counted."""

from __future__ import annotations

import time


class Clock:
    """Tells the time since the last look, and the time that counts as training."""

    def __init__(self, elapsed_s: float = 0.0) -> None:
        self._last = time.perf_counter()
        self.elapsed_s = elapsed_s

    def lap(self) -> float:
        """Seconds since the last look, counted as training."""
        passed = self._look()
        self.elapsed_s += passed
        return passed

    def skip(self) -> None:
        """Let the seconds since the last look count for nothing."""
        self._look()

    def _look(self) -> float:
        now = time.perf_counter()
        passed, self._last = now - self._last, now
        return passed

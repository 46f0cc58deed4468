"""Which updates of a run a panel passes on: all that tell of something, and few that only count."""

from __future__ import annotations

import time
from collections.abc import Callable

from nbfinetune.records import Status
from nbfinetune.widgets.history import Update


class Throttle:
    """Lets through what a person waits for at once, and mere steps now and then.

    A page that is drawn anew five times a second takes several percent of a processor, which on a
    small machine is the run's.

    Parameters
    ----------
    every_s : float
        Least seconds between two updates of steps alone.
    clock : callable () -> float
        Seconds.
    """

    def __init__(self, every_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._every_s, self._clock = every_s, clock
        self._status: Status | None = None
        self._passed_at = -every_s

    def passes(self, update: Update) -> bool:
        """Whether to act on this update."""
        now = self._clock()
        telling = bool(update.events or update.restarted or update.trouble)
        if not telling and update.status == self._status and now - self._passed_at < self._every_s:
            return False
        self._status, self._passed_at = update.status, now
        return True

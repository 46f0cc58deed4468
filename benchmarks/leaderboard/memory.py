"""The memory of a process and of all that it starts."""

from __future__ import annotations

import threading

import psutil

LOOK_S = 0.5
GONE_S = 10.0


class Watch:
    """Looks at a process and its children until it is stopped.

    Parameters
    ----------
    pid : int
    """

    def __init__(self, pid: int) -> None:
        self._first, self._most = psutil.Process(pid), 0.0
        self._family: set[psutil.Process] = set()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> float:
        """MiB at the peak; returns when nobody is left who would disturb the next one."""
        self._over.set()
        self._thread.join()
        _, left = psutil.wait_procs(self._family, GONE_S)
        for one in left:
            one.kill()
        return self._most

    def _watch(self) -> None:
        while not self._over.wait(LOOK_S):
            self._most = max(self._most, self._now())

    def _now(self) -> float:
        """MiB in use; what processes share is counted once (their proportional sets)."""
        total = 0
        try:
            family = [self._first, *self._first.children(recursive=True)]
        except psutil.Error:
            return 0.0
        self._family.update(family)
        for one in family:
            try:
                total += one.memory_full_info().pss
            except psutil.Error:
                continue
        return total / 2**20

"""Work that is done anew on a thread of its own, once for all who asked meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Renewal:
    """Does something when asked; asked while it is at it, once more afterwards.

    Parameters
    ----------
    do : callable ()
        Takes as long as it takes, and raises nothing.
    name : str
        Of its thread.
    """

    def __init__(self, do: Callable[[], None], name: str) -> None:
        self._do, self._name = do, name
        self._lock = threading.Lock()
        self._wanted = self._busy = False

    def ask(self) -> None:
        """Have it done; returns at once."""
        with self._lock:
            self._wanted = True
            if self._busy:
                return
            self._busy = True
        threading.Thread(target=self._work, name=self._name, daemon=True).start()

    def _work(self) -> None:
        while self._next():
            self._do()

    def _next(self) -> bool:
        with self._lock:
            self._busy, self._wanted = self._wanted, False
            return self._busy

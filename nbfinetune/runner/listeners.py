"""Who wants to know when something in the background has changed."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Listeners:
    """Callbacks that are told from whatever thread; one that fails does not keep it from others."""

    def __init__(self) -> None:
        self._callbacks: list[Callable[[], None]] = []

    def add(self, callback: Callable[[], None]) -> None:
        """Tell this one too, from now on."""
        self._callbacks.append(callback)

    def tell(self) -> None:
        """Call them all, in the order in which they came."""
        for callback in self._callbacks:
            try:
                callback()
            except Exception as error:  # noqa: BLE001 - the work does not end with one listener
                told = (type(error), error, error.__traceback__, threading.current_thread())
                threading.excepthook(threading.ExceptHookArgs(told))

"""Work that a process of its own does in the background: what all handles of such work have."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Literal, TypeAlias

from nbfinetune.runner.child import Child
from nbfinetune.runner.listeners import Listeners

WorkStatus: TypeAlias = Literal["waiting", "running", "done", "cancelled", "failed"]


class ChildWork:
    """Begun, waited for, cancelled, and listened to; what it is about is the subclass's.

    Attributes
    ----------
    status : {"waiting", "running", "done", "cancelled", "failed"}
    error : str
        Why it failed, in a sentence.
    """

    def __init__(self) -> None:
        self.status: WorkStatus = "waiting"
        self.error = ""
        self._child: Child | None = None
        self._guard, self._ended = threading.RLock(), threading.Event()
        self._listeners = Listeners()

    def on_change(self, callback: Callable[[], None]) -> None:
        """Have `callback` called after every change, from a thread."""
        self._listeners.add(callback)

    def cancel(self) -> None:
        """Do no more, and let the process go; what has been found is kept."""
        with self._guard:
            child, self._child = self._child, None
            if child is None:
                return
            self.status = "cancelled"
            self._idle()
        child.dismiss()
        self._ended.set()
        self._listeners.tell()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait for the end, however it ends; whether it has come."""
        return self._ended.wait(timeout_s)

    def _idle(self) -> None:
        """Forget what was being done; called with the guard held."""

    def _is_current(self, child: Child) -> bool:
        with self._guard:
            return self._child is child

    def _end(self, child: Child, say_how: Callable[[], None]) -> None:
        """Have `say_how` set what came of it, unless it was cancelled."""
        with self._guard:
            if self._child is not child:
                return
            self._child = None
            self._idle()
            say_how()
        self._ended.set()
        self._listeners.tell()

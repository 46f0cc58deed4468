"""Sends curves to a live run: one request at a time, and of those that wait only the newest."""

from __future__ import annotations

import threading
from collections.abc import Callable

from nbfinetune.errors import NbFinetuneError
from nbfinetune.runner.run import Run
from nbfinetune.widgets.curve_plan import Plan


class Applying:
    """What was asked of a run's curve, and what became of it.

    Parameters
    ----------
    tell : callable ()
        Called, from whatever thread, when `note` has changed.

    Attributes
    ----------
    note : str
        ``requested …``, then from which step on it is in force, or why it was refused.
    refused : bool
        The note says no.
    """

    def __init__(self, tell: Callable[[], None]) -> None:
        self.note, self.refused = "", False
        self._tell = tell
        self._lock = threading.Lock()
        self._waiting: tuple[Run, Plan, bool] | None = None
        self._busy = False

    def forget(self) -> None:
        """Begin anew, with another run."""
        with self._lock:
            self._waiting = None
            self.note, self.refused = "", False

    def ask(self, run: Run, plan: Plan, *, resized: bool) -> None:
        """Ask a run to follow a plan from its next step on.

        Parameters
        ----------
        resized : bool
            The run is to have another length.
        """
        with self._lock:
            self._waiting = (run, plan, resized)
            self.note, self.refused = "requested …", False
            begin, self._busy = not self._busy, True
        self._tell()
        if begin:
            threading.Thread(target=self._work, name="apply curve", daemon=True).start()

    def _work(self) -> None:
        while (asked := self._next()) is not None:
            note, refused = _carried_out(*asked)
            with self._lock:
                # What is asked meanwhile is the word that counts.
                newest = self._waiting is None and self.note == "requested …"
                if newest:
                    self.note, self.refused = note, refused
            if newest:
                self._tell()

    def _next(self) -> tuple[Run, Plan, bool] | None:
        with self._lock:
            asked, self._waiting = self._waiting, None
            self._busy = asked is not None
            return asked


def _carried_out(run: Run, plan: Plan, resized: bool) -> tuple[str, bool]:  # noqa: FBT001 - of a queue
    try:
        answer = run.set_schedule(plan.schedule, plan.epochs if resized else None)
    except NbFinetuneError as error:
        return f"refused: {error}", True
    except Exception as error:  # noqa: BLE001 - a thread has nobody else to tell
        return f"refused: {type(error).__name__}: {error}", True
    return f"in force from step {answer.step:,}", False

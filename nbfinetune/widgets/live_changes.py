"""Settings that a live run takes: what was asked stands beside them, then what became of it."""

from __future__ import annotations

import threading
from collections.abc import Callable

from nbfinetune.errors import NbFinetuneError
from nbfinetune.records import CommandApplied
from nbfinetune.runner.run import Run


class LiveChanges:
    """Asks a run for changes, each on a thread of its own.

    Parameters
    ----------
    run : callable () -> Run
        The run on the surface; raises where there is none.
    tell : callable ()
        Called, from whatever thread, when `notes` have changed.

    Attributes
    ----------
    notes : dict of str to str
        What became of the newest change, by setting.
    thawed : bool
        The run's frozen layers were thawed from here.
    """

    def __init__(self, run: Callable[[], Run], tell: Callable[[], None]) -> None:
        self._run = run
        self._tell = tell
        self.notes: dict[str, str] = {}
        self.thawed = False

    def forget(self) -> None:
        """Begin anew, with another run."""
        self.notes, self.thawed = {}, False

    def set_optimizer(self, name: str, value: float) -> None:
        """Ask for another value of the optimizer."""
        self._ask(name, lambda run: run.set_optimizer(**{name: value}))

    def unfreeze(self) -> None:
        """Ask for every layer to be trained."""

        def thaw(run: Run) -> CommandApplied:
            answer = run.unfreeze()
            self.thawed = True
            return answer

        self._ask("freeze", thaw)

    def _ask(self, name: str, do: Callable[[Run], CommandApplied]) -> None:
        run = self._run()
        self._note(name, "requested …")

        def carry_out() -> None:
            try:
                self._note(name, f"in force from step {do(run).step:,}")
            except NbFinetuneError as error:
                self._note(name, f"refused: {error}")

        threading.Thread(target=carry_out, name=f"change {name}", daemon=True).start()

    def _note(self, name: str, sentence: str) -> None:
        self.notes = {**self.notes, name: sentence}
        self._tell()

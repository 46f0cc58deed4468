"""Settings that a live run takes: what was asked stands beside them, then what became of it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from nbfinetune.errors import ConfigError, NbFinetuneError
from nbfinetune.records import CommandApplied
from nbfinetune.runner.run import Run
from nbfinetune.widgets.fields import PRUNING
from nbfinetune.widgets.typed import read


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
    amount : float in [0, 1)
        Part of the weights that pruning takes.
    """

    def __init__(self, run: Callable[[], Run], tell: Callable[[], None]) -> None:
        self._run = run
        self._tell = tell
        self.notes: dict[str, str] = {}
        self.thawed = False
        self.amount = 0.5

    def forget(self) -> None:
        """Begin anew, with another run."""
        self.notes, self.thawed = {}, False

    def set_optimizer(self, name: str, value: float) -> None:
        """Ask for another value of the optimizer."""
        self._ask(name, lambda run: run.set_optimizer(**{name: value}))

    def take_amount(self, raw: Any) -> str:
        """Take what part of the weights is to be pruned, as typed; gives what is wrong with it."""
        try:
            self.amount = read(PRUNING.fields[0], raw)
        except ConfigError as error:
            return str(error)
        self._tell()
        return ""

    def prune(self) -> None:
        """Ask for the smallest weights to be set to zero."""
        amount = self.amount
        self._ask("pruning_amount", lambda run: run.prune(amount))

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

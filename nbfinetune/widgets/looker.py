"""Finds out what a run would be, on a thread of its own: the newest question is answered last."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from nbfinetune.records import FineTuneConfig
from nbfinetune.runner import standby
from nbfinetune.runner.epoch_times import EpochTimes
from nbfinetune.runner.run import Run
from nbfinetune.widgets.plan import live_run_of, times_of_runs


@dataclass(frozen=True)
class Outlook:
    """What is known of a run that has not begun.

    Parameters
    ----------
    config : FineTuneConfig
        The run in question.
    facts : dict
        Of `nbfinetune.runner.standing_by.describe`.
    times : EpochTimes, optional
        How long epochs took in an earlier run like it.
    live : Run, optional
        A run of the same data that trains now.
    """

    config: FineTuneConfig
    facts: dict[str, Any] = field(default_factory=dict)
    times: EpochTimes | None = None
    live: Run | None = None


Tell: TypeAlias = Callable[[Outlook], None]


class Looker:
    """Asks the standby worker and the runs on record.

    Parameters
    ----------
    tell : bound method (Outlook)
        Called from another thread, first with what the disk knows, then with all; held weakly.
    """

    def __init__(self, tell: Tell) -> None:
        self._tell = weakref.WeakMethod(tell)
        self._wanted: FineTuneConfig | None = None
        self._folder: Path | None = None
        self._guard = threading.Lock()
        self._busy = False

    def look(self, config: FineTuneConfig, folder: Path | None = None) -> None:
        """Find out about `config`; whatever was asked before need not be answered any more.

        Parameters
        ----------
        folder : Path, optional
            Where arrays and lists of files lie that travel with the run.
        """
        with self._guard:
            self._wanted, self._folder = config, folder
            if self._busy:
                return
            self._busy = True
        threading.Thread(target=self._work, name="look ahead", daemon=True).start()

    def _work(self) -> None:
        while (config := self._next()) is not None:
            times, live = times_of_runs(config), live_run_of(config.data.source)
            self._say(Outlook(config, {}, times, live))
            # While a run trains, the second core is its own.
            if live is None:
                facts = standby.prepare().describe(config, self._folder)
                self._say(Outlook(config, facts, times, live))

    def _next(self) -> FineTuneConfig | None:
        with self._guard:
            config, self._wanted = self._wanted, None
            self._busy = config is not None
        return config

    def _say(self, outlook: Outlook) -> None:
        tell = self._tell()
        if tell is not None and (self._wanted is None or self._wanted == outlook.config):
            tell(outlook)

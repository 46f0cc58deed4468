"""What runs a cross-validation: one fold after the other, until one fails."""

from __future__ import annotations

import threading
from functools import partial
from pathlib import Path

from msgspec.structs import replace

from nbfinetune.data.sources import Accepted
from nbfinetune.errors import NbFinetuneError
from nbfinetune.records import LIVE, RESUMABLE
from nbfinetune.runner import answers, standby
from nbfinetune.runner.endings import raise_bad_ending
from nbfinetune.runner.fine_tune import begin
from nbfinetune.runner.fold_store import Plan, Standing, read_standing, write_standing
from nbfinetune.runner.replay import share_data
from nbfinetune.runner.run import Run
from nbfinetune.runner.series import Driver, stop_run
from nbfinetune.store import RunStore

LOOK_S = 0.1


class FoldDriver:
    """Takes a cross-validation from wherever it stands to its end, or to where it is to stop.

    Parameters
    ----------
    folder : Path
        Of the cross-validation.
    plan : Plan
    driver : Driver
        Taken.
    """

    def __init__(self, folder: Path, plan: Plan, driver: Driver) -> None:
        self._folder, self._plan, self._driver = folder, plan, driver
        self._standing = read_standing(folder)

    def take_up(self, *, look_up_edits: bool = False) -> None:
        """Begin the next fold, or go on with the one that was left; none where all are through.

        Raises
        ------
        NbFinetuneError
            As `begin` and `Run.resume` raise it.
        """
        fold = self._standing.done
        self._note(replace(self._standing, trouble=""))
        if fold == self._plan.folds:
            return
        if fold < len(self._standing.runs):
            _go_on(Path(self._standing.runs[fold]))
        else:
            run = self._begin(fold, look_up_edits=look_up_edits)
            self._note(replace(self._standing, runs=(*self._standing.runs, str(run.path))))
        if fold + 1 < self._plan.folds:
            standby.prepare()

    def work(self, *, begun: bool = False) -> None:
        """See the folds through; `begun` where `take_up` was called already."""
        try:
            if not begun:
                self.take_up()
            while self._standing.done < self._plan.folds:
                run = Run(Path(self._standing.runs[self._standing.done]))
                if not self._follow(run):
                    stop_run(run)
                    return
                self._note(replace(self._standing, done=self._standing.done + 1))
                if self._driver.is_asked_to_stop():
                    return
                self.take_up()
        except Exception as error:  # noqa: BLE001 - nobody hears what a thread raises
            told = str(error) if isinstance(error, NbFinetuneError) else repr(error)
            self._note(replace(self._standing, trouble=told))
        finally:
            self._driver.leave()

    def _begin(self, fold: int, *, look_up_edits: bool) -> Run:
        config = self._plan.config
        config = replace(config, data=replace(config.data, fold=fold))
        accepted = Accepted(
            config.data.source, partial(share_data, self._folder), self._folder.name
        )
        trackers = self._plan.trackers
        return begin(accepted, config, look_up_edits=look_up_edits, trackers=trackers)

    def _follow(self, run: Run) -> bool:
        """Whether the fold came to its end before anybody asked to stop."""
        pause = threading.Event()
        with RunStore.open(run.path) as store:
            while store.status() in LIVE:
                if self._driver.is_asked_to_stop():
                    return False
                pause.wait(LOOK_S)
            raise_bad_ending(store)
        return True

    def _note(self, standing: Standing) -> None:
        if standing != self._standing:
            write_standing(self._folder, standing)
            self._standing = standing


def _go_on(folder: Path) -> None:
    with RunStore.open(folder) as store:
        if store.status() in RESUMABLE:
            answers.restart(store)

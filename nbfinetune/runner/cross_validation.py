"""`cross_validate`: the same run once per fold, and what the folds say together."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from nbfinetune.errors import (
    ConfigError,
    FoldFailed,
    RunError,
    RunFailedError,
    RunInterrupted,
    RunTimeout,
)
from nbfinetune.records import LIVE, Status
from nbfinetune.runner.endings import raise_bad_ending
from nbfinetune.runner.fine_tune import tracked
from nbfinetune.runner.fold_driver import FoldDriver
from nbfinetune.runner.fold_face import FoldFace, FoldsStatus
from nbfinetune.runner.fold_results import fold_name
from nbfinetune.runner.fold_store import CROSS_VALIDATION, Plan, read_plan, read_standing, runs_of
from nbfinetune.runner.progress import watch
from nbfinetune.runner.run import Run
from nbfinetune.runner.series import Driver, find_folder, new_folder
from nbfinetune.runner.settings import accept_data, configure
from nbfinetune.store import RunStore

LOOK_S = 0.1

ENDED: tuple[Status, ...] = ("finished", "stopped")
"""What a run is that counts as a fold, where nobody will go on with it."""


class CrossValidation(FoldFace):
    """Runs of one split, one per fold.

    Parameters
    ----------
    runs : iterable of Run
        Put together by hand: each with the same `folds` and seed, and a `fold` of its own.
    folds : int
        Parts that the images were split into.
    path : Path, optional
        Folder of one that `cross_validate` has begun, whose runs are found there; what it knows
        outlives the kernel. `CrossValidation.open` also takes an id.
    """

    def __init__(self, runs: Iterable[Run], folds: int, path: Path | None = None) -> None:
        self.folds, self.path = folds, path
        self._given = tuple(runs)

    @classmethod
    def open(cls, id_or_path: str | os.PathLike[str]) -> CrossValidation:
        """Handle of one that exists; `resume` takes it up where a kernel has left it.

        Raises
        ------
        NoSuchRun
            If there is none; the message offers the closest ids.
        """
        folder = find_folder(CROSS_VALIDATION, id_or_path)
        return cls((), read_plan(folder).folds, folder)

    @property
    def id(self) -> str:
        """Name of its folder, for `open`; empty of runs that were put together by hand."""
        return "" if self.path is None else self.path.name

    @property
    def runs(self) -> tuple[Run, ...]:
        """Those that have begun, in the order of their folds, as `LiveCharts` takes them."""
        if self.path is None:
            return self._given
        return runs_of(read_standing(self.path).runs)

    @property
    def over(self) -> tuple[Run, ...]:
        """Those that have come to their end, or were stopped one by one: what counts."""
        if self.path is None:
            return tuple(run for run in self._given if run.status in ENDED)
        standing = read_standing(self.path)
        return runs_of(standing.runs[: standing.done])

    @property
    def status(self) -> FoldsStatus:
        """Whether some kernel is at it, all folds are through, one failed, or it was stopped."""
        if self.path is None:
            return self._by_hand()
        if Driver(self.path).present():
            return "running"
        standing = read_standing(self.path)
        if standing.done == self.folds:
            return "finished"
        return "failed" if standing.trouble else "stopped"

    @property
    def trouble(self) -> str:
        """Why it broke off, in a sentence; empty where it did not."""
        return "" if self.path is None else read_standing(self.path).trouble

    def resume(self) -> CrossValidation:
        """Go on in the background of this kernel, with the fold that was left or has failed.

        Raises
        ------
        RunError
            If some kernel is at it already, or these runs were put together by hand.
        """
        self.drive()
        return self

    def stop(self) -> CrossValidation:
        """Stop the fold in hand and begin no other; returns when that is done."""
        driver = Driver(self._folder())
        driver.ask_to_stop()
        while driver.present():
            time.sleep(LOOK_S)
        return self

    def wait(self, *, progress: bool = True, timeout_s: float | None = None) -> CrossValidation:
        """Return when it is through or was stopped; interrupting the wait leaves it running.

        Parameters
        ----------
        progress : bool
            Draw a progress bar for each fold.
        timeout_s : float, optional
            Seconds to wait at most.

        Raises
        ------
        FoldFailed
            If a fold ended without a result; `FoldFailed.finished` has the folds before it.
        RunTimeout
            If it has not ended in time; it goes on.
        RunError
            If something else broke it off, such as a full disk.
        """
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        driver = Driver(self._folder())
        try:
            while driver.present():
                left = None if deadline is None else deadline - time.monotonic()
                if left is not None and left <= 0:
                    name = f"cross-validation {self.id}"
                    raise RunTimeout(f"{name} has not ended within {timeout_s:g} s")
                _wait_for(self.runs[-1:], progress=progress, timeout_s=left)
        except KeyboardInterrupt:
            _farewell(self.id)
            raise
        self._raise_trouble()
        return self

    def drive(self, *, begin: bool = False, look_up_edits: bool = False) -> None:
        """Run the folds that are left on a thread of this process.

        Parameters
        ----------
        begin : bool
            Begin the first at once, so that what speaks against it is raised here.
        look_up_edits : bool
            As of `nbfinetune.runner.fine_tune.begin`.

        Raises
        ------
        RunError
            As `resume`.
        """
        folder = self._folder()
        driver = Driver(folder)
        if not driver.take():
            name = f"cross-validation {self.id}"
            raise RunError(f"{name} is running already, here or in another kernel")
        try:
            folds = FoldDriver(folder, read_plan(folder), driver)
            if begin:
                folds.take_up(look_up_edits=look_up_edits)
        except BaseException:
            driver.leave()
            raise
        work = partial(folds.work, begun=begin)
        threading.Thread(target=work, name=f"cross-validation {self.id}", daemon=True).start()

    def _by_hand(self) -> FoldsStatus:
        words = [run.status for run in self._given]
        if any(word in LIVE for word in words):
            return "running"
        if any(word not in ENDED for word in words):
            return "failed"
        return "finished" if len(words) == self.folds else "stopped"

    def _folder(self) -> Path:
        if self.path is None:
            raise RunError(
                "these runs were put together by hand, so nothing leads from fold to fold: wait "
                "for, stop or resume the runs themselves"
            )
        return self.path

    def _raise_trouble(self) -> None:
        standing = read_standing(self._folder())
        if not standing.trouble:
            return
        for run in runs_of(standing.runs[standing.done :]):
            try:
                with RunStore.open(run.path) as store:
                    raise_bad_ending(store)
            except RunError as error:
                finished = CrossValidation(self.over, self.folds)
                raise _failed(error, run, standing.done, finished) from error
        raise RunError(
            f"cross-validation {self.id} broke off: {standing.trouble}; resume() goes on"
        )


def cross_validate(
    data: Any, folds: int = 5, *, wait: bool = True, **settings: Any
) -> CrossValidation:
    """Fine-tune once per fold, one after the other, each time validating on another part.

    Parameters
    ----------
    data
        As for `fine_tune`.
    folds : int
        Stratified parts, at least 2.
    wait : bool
        Return when all have ended. Else the handle is given at once, and they train in the
        background.
    **settings
        As for `fine_tune`.

    Raises
    ------
    ConfigError, DataError, ModelError
        Before anything is spawned.
    FoldFailed
        If a fold ends without a result; no other is begun, and `FoldFailed.finished` has the
        folds before it.
    """
    for name in ("fold", "replay"):
        if name in settings:
            raise ConfigError(
                f"{name}={settings[name]!r}: cross_validate sets {name}; leave it out"
            )
    targets = tracked(settings.pop("trackers", None))
    # Once for all folds: a data set without files is written out by this.
    accepted, rest = accept_data(data, settings)
    config = configure(accepted.source, {**rest, "folds": folds})
    folder = new_folder(CROSS_VALIDATION, config.model.name, Plan(config, folds, targets))
    result = CrossValidation((), folds, folder)
    typed = not isinstance(settings.get("edits", ""), (str, os.PathLike))
    try:
        accepted.place(folder)
        result.drive(begin=True, look_up_edits=typed)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return result.wait() if wait else result


def _wait_for(latest: Sequence[Run], *, progress: bool, timeout_s: float | None) -> None:
    """Return when the newest run has ended, or a moment later where none trains."""
    for run in latest:
        with RunStore.open(run.path) as store:
            if store.status() in LIVE:
                # How it ends is told by whoever drives it.
                with suppress(RunFailedError, RunInterrupted, RunTimeout):
                    watch(store, progress=progress, timeout_s=timeout_s)
                return
    time.sleep(LOOK_S)


def _farewell(name: str) -> None:
    from tqdm.auto import tqdm

    tqdm.write(
        f"the other folds follow in the background; nbfinetune.CrossValidation.open({name!r}) "
        "waits for them or stops them"
    )


def _failed(error: RunError, run: Run, fold: int, finished: CrossValidation) -> FoldFailed:
    return FoldFailed(
        f"{fold_name(fold, finished.folds)} failed ({error}); its run lies in {run.path}, and "
        f"{len(finished.runs)} finished folds are in this error's .finished",
        getattr(error, "error", type(error).__name__),
        error.details if isinstance(error, RunFailedError) else "",
        fold=fold,
        finished=finished,
    )

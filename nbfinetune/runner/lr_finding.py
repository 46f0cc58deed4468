"""Looking for a learning rate before there is a run, or beside one that trains."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np

from nbfinetune.data.sources import Accepted
from nbfinetune.errors import ConfigError, NbFinetuneError, RunError, RunTimeout
from nbfinetune.records import (
    LIVE,
    FineTuneConfig,
    LearningRateFound,
    RateTried,
)
from nbfinetune.runner.endings import raise_bad_ending
from nbfinetune.runner.found_lr import LRFinding
from nbfinetune.runner.lr_search import LiveRun, OwnWorker
from nbfinetune.runner.run import Run
from nbfinetune.runner.settings import accept_data, configure
from nbfinetune.store import RunStore

__all__ = ["LRFinder", "LRFinding", "find_lr"]

LOOK_S = 0.1

FindStatus: TypeAlias = Literal["waiting", "running", "done", "cancelled", "failed"]


def find_lr(
    data: Any, *, progress: bool = True, timeout_s: float | None = None, **settings: Any
) -> LRFinding:
    """Find a learning rate to begin with, by trying rates on a model that is then thrown away.

    Parameters
    ----------
    data
        As for `fine_tune`; or a live `Run`, which holds meanwhile and stays as it is.
    progress : bool
        Draw a progress bar.
    timeout_s : float, optional
        Seconds to wait at most.
    **settings
        As for `fine_tune`, but `lr`. A run has its own.

    Returns
    -------
    LRFinding
        `lr` is the one to take, None where there is no clear minimum.

    Raises
    ------
    ConfigError, DataError
        Before anything is spawned.
    CommandRefused
        If the run has ended.
    RunFailedError, RunInterrupted, RunTimeout
        If the search fails, its worker is killed, or it does not end in time.
    """
    finder = _finder(data, settings)
    finder.start()
    try:
        _watch(finder, progress=progress, timeout_s=timeout_s)
    finally:
        finder.cancel()
    if finder.trouble is not None:
        raise finder.trouble
    if finder.finding is None:
        raise RunError("the search was stopped before it was through; find_lr again")
    return finder.finding


class LRFinder:
    """A search for a learning rate in the background.

    Parameters
    ----------
    accepted : Accepted or Run
        The data that `config` names; or a live run, which holds meanwhile and stays as it is.
    config : FineTuneConfig, optional
        Of the run that is to be trained; its schedule and its epochs do not matter. A live run
        has its own.

    Attributes
    ----------
    status : {"waiting", "running", "done", "cancelled", "failed"}
    finding : LRFinding or None
        Once it is done.
    trouble : NbFinetuneError or None
        Why it failed.
    """

    def __init__(self, accepted: Accepted | Run, config: FineTuneConfig | None = None) -> None:
        if isinstance(accepted, Run):
            self._place: OwnWorker | LiveRun = LiveRun(accepted)
        elif config is None:
            raise ConfigError("the data alone is no search: pass the config of the run, too")
        else:
            self._place = OwnWorker(accepted, config)
        self._callbacks: list[Callable[[], None]] = []
        self._guard = threading.Lock()
        self._thread: threading.Thread | None = None
        self.status: FindStatus = "waiting"
        self._forget()

    @property
    def points(self) -> np.ndarray:
        """Learning rate and smoothed loss of the rates tried so far, shape (n, 2)."""
        rows = [(one.lr, np.nan if one.smoothed is None else one.smoothed) for one in self._tried]
        return np.array(rows, np.float64).reshape(-1, 2)

    @property
    def error(self) -> str:
        """Why it failed, in a sentence; empty where it has not."""
        return str(self.trouble or "")

    def on_change(self, callback: Callable[[], None]) -> None:
        """Have `callback` called after every change, about 10 times a second, from a thread."""
        self._callbacks.append(callback)

    def start(self) -> None:
        """Begin, in the background; a search that runs already just goes on.

        Raises
        ------
        CommandRefused, RunInterrupted
            If the run that it is to look at is not live.
        StoreError, RunError
            If no worker can be started.
        """
        if self.status == "running":
            return
        self._forget()
        self.status = "running"
        try:
            folder, after = self._place.begin()
        except BaseException:
            self.status = "waiting"
            self._ended.set()
            raise
        self._thread = threading.Thread(
            target=self._follow, args=(folder, after), name="follow search", daemon=True
        )
        self._thread.start()

    def cancel(self) -> None:
        """Try no more rates; one that is through stays as it is."""
        if not self._becomes("cancelled"):
            return
        self._place.end()
        if threading.current_thread() is not self._thread:  # a callback may cancel, too
            self._ended.wait()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait for the end, however it ends; whether it has come."""
        return self._ended.wait(timeout_s)

    def _forget(self) -> None:
        self.finding: LRFinding | None = None
        self.trouble: NbFinetuneError | None = None
        self._tried: list[RateTried] = []
        self._ended = threading.Event()

    def _becomes(
        self,
        status: FindStatus,
        finding: LRFinding | None = None,
        trouble: NbFinetuneError | None = None,
    ) -> bool:
        """End a search that is running; False where something else has ended it."""
        with self._guard:
            if self.status != "running":
                return False
            self.finding, self.trouble, self.status = finding, trouble, status
            return True

    def _follow(self, folder: Path, after: int) -> None:
        try:
            found = self._listen(folder, after)
        except NbFinetuneError as error:
            self._becomes("failed", trouble=error)
        else:
            if found is not None:
                self._becomes("done", finding=LRFinding.of(self._tried, found))
        finally:
            self._place.tidy()
            self._ended.set()
            self._tell()

    def _listen(self, folder: Path, seq: int) -> LearningRateFound | None:
        """What the search's worker says at its end; None where it was cancelled."""
        pause = threading.Event()
        with RunStore.open(folder) as store:
            while self.status == "running":
                live = store.status() in LIVE
                for event in store.events(seq, steps=False):
                    seq = event.seq
                    if isinstance(event, RateTried):
                        self._tried.append(event)
                    elif isinstance(event, LearningRateFound):
                        return event
                if not live:
                    raise_bad_ending(store)
                    raise RunError(f"run {folder.name} ended before a learning rate was found")
                self._tell()
                pause.wait(LOOK_S)
        return None

    def _tell(self) -> None:
        for callback in self._callbacks:
            callback()


def _finder(data: Any, settings: Mapping[str, Any]) -> LRFinder:
    if isinstance(data, Run):
        if settings:
            raise ConfigError(
                f"run {data.id} has its own settings: leave out {', '.join(settings)}"
            )
        return LRFinder(data)
    for name in ("lr", "wait", "replay"):
        if name in settings:
            raise ConfigError(f"{name}={settings[name]!r}: find_lr looks for lr; leave it out")
    accepted, rest = accept_data(data, settings)
    return LRFinder(accepted, configure(accepted.source, rest))


def _watch(finder: LRFinder, *, progress: bool, timeout_s: float | None) -> None:
    if not progress:
        over = finder.wait(timeout_s)
    else:
        from tqdm.auto import tqdm

        with tqdm(unit="rate", desc="finding the learning rate", dynamic_ncols=True) as bar:

            def draw() -> None:
                points = finder.points
                bar.n = len(points)
                if len(points):
                    bar.set_postfix(lr=f"{points[-1, 0]:.1e}", loss=f"{points[-1, 1]:.3g}")

            finder.on_change(draw)
            over = finder.wait(timeout_s)
    if not over:
        raise RunTimeout(
            f"no learning rate was found within {timeout_s:g} s; it is looked for no more"
        )

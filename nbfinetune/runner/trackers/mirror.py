"""`Mirror`: a run's copy in a tracker, kept by a process of its own.

`nbfinetune.runner.trackers.mirror_process` is that process's side.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias

from msgspec.structs import replace

from nbfinetune.errors import NbFinetuneError, RunError, RunTimeout
from nbfinetune.records import LIVE
from nbfinetune.runner.spawning import spawn
from nbfinetune.runner.trackers import bookmark
from nbfinetune.runner.trackers.bookmark import Bookmark
from nbfinetune.runner.trackers.targets import Target, name_of, target_of
from nbfinetune.store import RunStore

MODULE = "nbfinetune.runner.trackers.mirror_process"
_LOOK_S = 0.05
_AT_WORK = ("starting", "mirroring")

MirrorStatus: TypeAlias = Literal["starting", "mirroring", "done", "failed", "interrupted"]


class Mirror:
    """A run's copy in a tracker.

    Parameters
    ----------
    run_folder : Path
    path : Path
        The bookmark, as `nbfinetune.runner.trackers.bookmark.place` gives it; must exist.
    """

    def __init__(self, run_folder: Path, path: Path) -> None:
        self._run_folder, self._path = run_folder, path
        self._process: subprocess.Popen[bytes] | None = None
        self.tracker = name_of(self._mark.target)

    @property
    def status(self) -> MirrorStatus:
        """What it is doing: `done` once the run is over and everything is in the tracker.

        `interrupted` where its process is gone without a word; `Run.track` starts another.
        """
        mark = self._mark
        return "interrupted" if mark.status in _AT_WORK and self._gone(mark) else mark.status

    @property
    def error(self) -> str:
        """Why it failed, in a sentence; empty where it did not."""
        return self._mark.error

    @property
    def where(self) -> str:
        """Where the run is found in the tracker; empty before the tracker was opened."""
        return self._mark.where

    @property
    def seq(self) -> int:
        """Number of the newest event that is mirrored."""
        return self._mark.seq

    @property
    def log(self) -> Path:
        """File of what the process and the tracker's library printed."""
        return self._path.with_suffix(".log")

    def wait(self, timeout_s: float | None = None) -> Mirror:
        """Return when it is at work no more; of a live run, when that is over.

        Raises
        ------
        RunError
            If it failed, and why.
        RunTimeout
            If it is still at work after `timeout_s` seconds; it goes on.
        """
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while (status := self.status) in _AT_WORK:
            if deadline is not None and time.monotonic() >= deadline:
                raise RunTimeout(f"{self} is still at work after {timeout_s:g} s; it goes on")
            time.sleep(_LOOK_S)
        if status != "done":
            raise RunError(self._complaint())
        return self

    def go_on(self) -> None:
        """Start its process, unless one is at work or there is nothing left to mirror."""
        mark = self._mark
        # One that has said its last word may still be on its way out; the next waits for it.
        at_work = mark.status in _AT_WORK and self._held()
        if at_work or (mark.status == "done" and not self._has_news(mark)):
            return
        bookmark.save(self._path, replace(mark, status="starting", error=""))
        with self.log.open("ab") as output:
            self._process = spawn(
                [sys.executable, "-m", MODULE, str(self._run_folder), str(self._path)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        args = (self._process,)
        threading.Thread(target=self._warn, args=args, name="warn of mirror", daemon=True).start()

    @property
    def _mark(self) -> Bookmark:
        return bookmark.load(self._path)

    def _has_news(self, mark: Bookmark) -> bool:
        with RunStore.open(self._run_folder) as store:
            return store.status() in LIVE or store.last_seq() > mark.seq

    def _gone(self, mark: Bookmark) -> bool:
        """Whether nobody is there to live up to the status on record."""
        if self._process is None:
            # Somebody else's process that is only starting may not hold its lock yet.
            return mark.status == "mirroring" and not self._held()
        return self._process.poll() is not None and not self._held()

    def _held(self) -> bool:
        from filelock import FileLock, Timeout

        lock = FileLock(self._path.with_suffix(".lock"))
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return True
        lock.release()
        return False

    def _warn(self, process: subprocess.Popen[bytes]) -> None:
        """Say once, where the run was asked to be mirrored, that this has failed."""
        if process.wait() and self._mark.status != "done":
            warnings.warn(self._complaint(), RuntimeWarning, stacklevel=1)

    def _complaint(self) -> str:
        return self.error or (
            f"the process that mirrors run {self._run_folder.name} to {self.tracker} is gone "
            f"without a word (see {self.log}); track({self.tracker!r}, ...) again goes on from here"
        )

    def __repr__(self) -> str:
        where = f", {self.where}" if self.where else ""
        return f"Mirror({self.tracker!r}, status {self.status}{where})"


def track(run_folder: Path, tracker: str, where: Mapping[str, Any]) -> Mirror:
    """Mirror a run, live or over, to a tracker; a target that has a mirror keeps it.

    Parameters
    ----------
    run_folder : Path
    tracker, where
        As `nbfinetune.runner.trackers.targets.target_of` takes them.

    Raises
    ------
    ConfigError
        If there is no such tracker or keyword, a value can't be, or the tracker is not installed.
    StoreError
        If nothing can be written in the run's folder.
    """
    return _mirror_to(run_folder, target_of(tracker, where))


def _mirror_to(run_folder: Path, target: Target) -> Mirror:
    path = bookmark.place(run_folder, target)
    if not path.exists():
        bookmark.save(path, Bookmark(target=target))
    mirror = Mirror(run_folder, path)
    mirror.go_on()
    return mirror


def track_begun(run_folder: Path, targets: Iterable[Target]) -> None:
    """Mirror a run that has just begun; what stands against that is a warning, and it trains on."""
    for target in targets:
        try:
            _mirror_to(run_folder, target)
        except (OSError, NbFinetuneError) as error:
            name = name_of(target)
            told = f"run {run_folder.name} trains, but is not mirrored to {name}: {error}"
            again = f"run.track({name!r}, ...) tries again"
            warnings.warn(f"{told}; {again}", RuntimeWarning, stacklevel=4)


def mirrors(run_folder: Path) -> list[Mirror]:
    """Mirrors that a run has been given, at work or not."""
    return [Mirror(run_folder, path) for path in bookmark.places(run_folder)]


def mirrored_to(run_folder: Path) -> dict[str, str]:
    """What a person wants to know of a run's mirrors at first sight; empty where it has none."""
    told = [
        f"{mirror.tracker} ({mirror.status}{f': {mirror.error}' if mirror.error else ''})"
        for mirror in mirrors(run_folder)
    ]
    return {"mirrored to": " · ".join(told)} if told else {}

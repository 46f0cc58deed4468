"""Where learning rates are tried: in a worker of their own, or on a copy of a live run."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

import psutil
from msgspec.structs import replace

from nbfinetune.data.sources import Accepted
from nbfinetune.errors import RunError
from nbfinetune.records import FindLearningRate, FineTuneConfig, StopFinding
from nbfinetune.runner import answers
from nbfinetune.runner.launch import launch
from nbfinetune.runner.run import Run
from nbfinetune.store import RunStore
from nbfinetune.store.layout import home, new_run_folder

SEARCHES = "searches"


class OwnWorker:
    """A worker that searches and does nothing else, in a folder that is gone afterwards."""

    def __init__(self, accepted: Accepted, config: FineTuneConfig) -> None:
        self._accepted = accepted
        runner = replace(config.runner, devices=1)
        self._config = replace(config, lr_search="only", runner=runner)
        self._folder: Path | None = None
        self._process: psutil.Process | None = None

    def begin(self) -> tuple[Path, int]:
        """Start it; gives its folder, and the `seq` after which to listen."""
        folder = new_run_folder(home() / SEARCHES, self._config.model.name)
        self._folder = folder
        try:
            self._accepted.place(folder)
            RunStore.create(folder, self._config).close()
            pid = launch(folder)
        except BaseException:
            self.tidy()
            raise
        with contextlib.suppress(psutil.NoSuchProcess):  # it may have failed already
            self._process = psutil.Process(pid)
        return folder, 0

    def end(self) -> None:
        """End it, wherever it is."""
        process, self._process = self._process, None
        with contextlib.suppress(psutil.NoSuchProcess):
            if process is not None:
                process.kill()
                process.wait(10.0)

    def tidy(self) -> None:
        """Leave nothing of it behind."""
        self.end()
        folder, self._folder = self._folder, None
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)
            with contextlib.suppress(OSError):  # another search may be at work
                folder.parent.rmdir()


class LiveRun:
    """A run that holds while rates are tried on a copy of it."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def begin(self) -> tuple[Path, int]:
        """Ask for it; gives the run's folder, and the `seq` after which to listen."""
        with RunStore.open(self._run.path) as store:
            return self._run.path, answers.ask(store, FindLearningRate()).seq

    def end(self) -> None:
        """Ask for its end."""
        # It may be through in this moment, and then there is nothing to stop.
        with contextlib.suppress(RunError), RunStore.open(self._run.path) as store:
            answers.ask(store, StopFinding())

    def tidy(self) -> None:
        """Nothing of a search stays in a run but its events."""

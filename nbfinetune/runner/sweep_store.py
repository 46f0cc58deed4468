"""Where a sweep lies: its plan, Optuna's journal, and who is at it."""

from __future__ import annotations

import json
import logging
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from nbfinetune.errors import StoreError
from nbfinetune.records import decode, encode
from nbfinetune.runner.sweep_plan import Plan
from nbfinetune.store import layout
from nbfinetune.store.layout import home, words
from nbfinetune.store.liveness import alive, here, started_at

if TYPE_CHECKING:
    from optuna.study import Study

SWEEPS = "sweeps"
_PLAN, _JOURNAL, _DRIVER, _STOP = "sweep.json", "journal.log", "driver.json", "stop"

LOCK_S = 5
"""An older lock on the journal was left by a kernel that died: writing takes milliseconds."""

STARTUP = 2
"""Runs that are trained to their end before any is measured by their median."""


def new_folder(plan: Plan) -> Path:
    """Folder of a new sweep under `NBFINETUNE_HOME`, with its plan in it."""
    place = home() / SWEEPS
    moment = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
    try:
        place.mkdir(parents=True, exist_ok=True)
        folder = Path(
            tempfile.mkdtemp(prefix=f"{moment}-{words(plan.config.model.name)}-", dir=place)
        )
        (folder / _PLAN).write_bytes(encode(plan))
    except OSError as error:
        raise StoreError(
            f"can't make a sweep in {place}: {error.strerror or error}; "
            "set NBFINETUNE_HOME to a folder that you may write to"
        ) from error
    return folder


def find_folder(id_or_path: str | os.PathLike[str]) -> Path:
    """Folder of a sweep, given as its path or its id.

    Raises
    ------
    NoSuchRun
        If there is none; the message offers the closest ids.
    """
    return layout.find_folder(id_or_path, home() / SWEEPS, _PLAN, "sweep")


def read_plan(folder: Path) -> Plan:
    """Plan of a sweep."""
    plan: Plan = decode((folder / _PLAN).read_bytes(), Plan)
    return plan


def open_study(folder: Path, plan: Plan) -> Study:
    """Optuna's study of a sweep, made if it is new."""
    import optuna
    from optuna.storages import journal

    # Only what goes wrong: each trial is a run with a log of its own.
    logging.getLogger("optuna").setLevel(logging.WARNING)
    path = str(folder / _JOURNAL)
    lock = (
        journal.JournalFileOpenLock(path, grace_period=LOCK_S)
        if sys.platform == "win32"
        else journal.JournalFileSymlinkLock(path, grace_period=LOCK_S)
    )
    storage = optuna.storages.JournalStorage(journal.JournalFileBackend(path, lock_obj=lock))
    falls = plan.config.training.monitor == "val_loss"
    study = optuna.create_study(
        study_name=folder.name,
        storage=storage,
        load_if_exists=True,
        direction="minimize" if falls else "maximize",
        sampler=optuna.samplers.TPESampler(seed=plan.config.seed % 2**32),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=STARTUP),
    )
    if not study.trials:
        for params in plan.first_params():
            study.enqueue_trial(params)
    return study


class Driver:
    """The mark of the process that runs a sweep; there is one at a time."""

    def __init__(self, folder: Path) -> None:
        self._mark, self._stop = folder / _DRIVER, folder / _STOP

    def present(self) -> bool:
        """Whether some process is at it."""
        try:
            pid, started, place = json.loads(self._mark.read_text())
        except (OSError, ValueError):
            return False
        return place == here() and alive(pid, started)

    def take(self) -> bool:
        """Become it; False where another one is."""
        if self.present():
            return False
        self._mark.unlink(missing_ok=True)
        try:
            with self._mark.open("x") as file:
                json.dump([os.getpid(), started_at(os.getpid()), here()], file)
        except FileExistsError:
            return False
        self._stop.unlink(missing_ok=True)
        return True

    def leave(self) -> None:
        """Be it no more."""
        self._mark.unlink(missing_ok=True)

    def ask_to_stop(self) -> None:
        """Have it leave the run in hand and begin no other."""
        self._stop.touch()

    def is_asked_to_stop(self) -> bool:
        """Whether it is to leave."""
        return self._stop.exists()

"""Where a sweep lies: its plan, and Optuna's journal."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from nbfinetune.records import decode
from nbfinetune.runner.series import Kind
from nbfinetune.runner.sweep_plan import Plan

if TYPE_CHECKING:
    from optuna.study import Study

SWEEP = Kind("sweep", "sweeps", "sweep.json")
_JOURNAL = "journal.log"

LOCK_S = 5
"""An older lock on the journal was left by a kernel that died: writing takes milliseconds."""

STARTUP = 2
"""Runs that are trained to their end before any is measured by their median."""


def read_plan(folder: Path) -> Plan:
    """Plan of a sweep."""
    plan: Plan = decode((folder / SWEEP.plan).read_bytes(), Plan)
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

"""A run once more: its config with the edits that were made while it trained."""

from __future__ import annotations

import os
import shutil
from functools import partial
from pathlib import Path

from msgspec.structs import replace

from nbfinetune.data.sources import Accepted
from nbfinetune.records import FineTuneConfig, PlannedEdit, as_applied, in_force
from nbfinetune.runner.run import Run
from nbfinetune.store import RunStore
from nbfinetune.store.layout import index

_OWN_DATA = "data"


def again(run: Run) -> tuple[Accepted, FineTuneConfig]:
    """What to begin in order to do a run again, bit for bit.

    Returns
    -------
    tuple of Accepted and FineTuneConfig
        The data places the run's index and its own images in the new run's folder; every edit
        that was in force is planned at the step at which it was applied.
    """
    config = run.config
    with RunStore.open(run.path) as store:
        made = store.edits()
    log = in_force([*as_applied(config.planned), *made])
    edits = tuple(PlannedEdit(step=entry.step, edit=entry.edit) for entry in log)
    accepted = Accepted(config.data.source, partial(_place, run.path), run.id)
    return accepted, replace(config, planned=edits)


def _place(old: Path, new: Path) -> None:
    if index(old).exists():
        shutil.copy2(index(old), index(new))
    if (old / _OWN_DATA).is_dir():
        # A file that another run reads is never written again, so both may share it.
        shutil.copytree(old / _OWN_DATA, new / _OWN_DATA, copy_function=_share)


def _share(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another disk, or one without links
        shutil.copy2(source, target)

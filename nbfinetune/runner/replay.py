"""A run once more: its config with the edits that were made while it trained."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from msgspec.structs import replace

from nbfinetune.data.sources import Accepted
from nbfinetune.records import (
    Event,
    FeaturesKept,
    FeaturesUnused,
    FineTuneConfig,
    LearningRateFound,
    PlannedEdit,
    StepTuned,
    as_applied,
    in_force,
)
from nbfinetune.runner.run import Run
from nbfinetune.schedules.lr_suggestions import with_peak
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
        made, told = store.edits(), store.events(steps=False)
    log = in_force([*as_applied(config.planned), *made])
    edits = tuple(PlannedEdit(step=entry.step, edit=entry.edit) for entry in log)
    accepted = Accepted(config.data.source, partial(share_data, run.path), run.id)
    config = _with_views(_as_tuned(_with_found_lr(config, told), told), told)
    return accepted, replace(config, planned=edits)


def _with_found_lr(config: FineTuneConfig, told: Sequence[Event]) -> FineTuneConfig:
    """The config with the rate that its run has found, so that it is not looked for again."""
    taken = [e.taken for e in told if isinstance(e, LearningRateFound) and e.taken is not None]
    if not taken:
        return config
    return replace(config, lr_search="off", schedule=with_peak(config.schedule, taken[0]))


def _as_tuned(config: FineTuneConfig, told: Sequence[Event]) -> FineTuneConfig:
    """The config with what its run's self-test chose, since another one could choose otherwise."""
    found = next((event for event in told if isinstance(event, StepTuned)), None)
    if found is None:
        return config
    training = replace(
        config.training, precision=found.precision, channels_last=found.channels_last
    )
    threads = config.runner.threads if found.threads is None else found.threads
    return replace(config, training=training, runner=replace(config.runner, threads=threads))


def _with_views(config: FineTuneConfig, told: Sequence[Event]) -> FineTuneConfig:
    """The config with as many views as its run has kept, where memory was short even none."""
    for event in told:
        if isinstance(event, (FeaturesKept, FeaturesUnused)):
            views = event.views if isinstance(event, FeaturesKept) else 0
            return replace(config, training=replace(config.training, feature_views=views))
    return config


def share_data(old: Path, new: Path) -> None:
    """Give the folder of a new run the index and the images that lie in another's."""
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

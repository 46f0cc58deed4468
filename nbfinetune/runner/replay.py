"""A run once more: as it went, or with other edits of its images."""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Iterable, Sequence
from functools import partial
from pathlib import Path

from msgspec.structs import replace

from nbfinetune.data.sources import Accepted
from nbfinetune.records import (
    DataEdit,
    Event,
    FeaturesKept,
    FeaturesUnused,
    FileSkipped,
    FineTuneConfig,
    LearningRateFound,
    PlannedEdit,
    RunStarted,
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
    config = _as_it_went(run)
    return Accepted(config.data.source, partial(share_data, run.path), run.id), config


def with_edits(run: Run, edits: Iterable[DataEdit]) -> tuple[Accepted, FineTuneConfig]:
    """What to begin in order to do a run again on edited images.

    Its settings, seed and split are the same, for a fold of a cross-validation too; the index is
    made anew, so that the edits take hold. Where images were added or deleted since, the split is
    drawn among those that are there. What was changed while the run trained is changed again at
    the same place of the same epoch, which may have more or fewer steps.

    Parameters
    ----------
    run : Run
    edits : iterable of DataEdit
        All that is to hold: the run's own (``run.config.data.edits``) count no more.

    Returns
    -------
    tuple of Accepted and FineTuneConfig
        As of `again`.

    Raises
    ------
    DataError
        If something was changed while the run trained, and its images can't be listed any more.
    """
    config = _as_it_went(run)
    data = replace(config.data, edits=tuple(edits))
    accepted = Accepted(data.source, partial(share_images, run.path), run.id)
    return accepted, _in_step(replace(config, data=data), run.path)


def _in_step(config: FineTuneConfig, folder: Path) -> FineTuneConfig:
    """The config with its planned edits where they stood in their epochs."""
    with RunStore.open(folder) as store:
        told = store.events(steps=False)
    started = next((event for event in told if isinstance(event, RunStarted)), None)
    if not config.planned or started is None:
        return config
    from nbfinetune.data.loader import steps_per_epoch

    bad = {event.path for event in told if isinstance(event, FileSkipped)}
    before = started.steps_per_epoch
    now = steps_per_epoch(_train_images(config, folder, bad), config.training.batch_size)
    moved = [
        replace(edit, step=edit.step // before * now + edit.step % before * now // before)
        for edit in config.planned
    ]
    return replace(config, planned=tuple(moved))


def _train_images(config: FineTuneConfig, folder: Path, bad: Collection[str]) -> int:
    """How many images a run of this config trains on; those in `bad` can't be read."""
    from nbfinetune.data.edits import apply_edits
    from nbfinetune.data.index import load_index, preview_index
    from nbfinetune.data.source_reading import needs_torchvision

    data = config.data
    if needs_torchvision(data.source):  # near enough: it lacks what earlier edits had left out
        return len(apply_edits(load_index(index(folder)), data.edits).train)
    listed = preview_index(data, config.seed, folder)
    return sum(listed.name(int(image)) not in bad for image in listed.train)


def _as_it_went(run: Run) -> FineTuneConfig:
    """The config with what was edited, found and chosen while the run trained."""
    with RunStore.open(run.path) as store:
        made, told = store.edits(), store.events(steps=False)
    log = in_force([*as_applied(run.config.planned), *made])
    edits = tuple(PlannedEdit(step=entry.step, edit=entry.edit) for entry in log)
    config = _with_views(_as_tuned(_with_found_lr(run.config, told), told), told)
    return replace(config, planned=edits)


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
    share_images(old, new)


def share_images(old: Path, new: Path) -> None:
    """Give the folder of a new run the images that lie in another's."""
    if (old / _OWN_DATA).is_dir():
        # A file that another run reads is never written again, so both may share it.
        shutil.copytree(old / _OWN_DATA, new / _OWN_DATA, copy_function=_share)


def _share(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another disk, or one without links
        shutil.copy2(source, target)

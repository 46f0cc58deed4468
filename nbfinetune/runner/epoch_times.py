"""How long the epochs of a run will take: as in an earlier run like it, or by measured speeds."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import Any

from nbfinetune.models.speed import Pace
from nbfinetune.records import EpochDone, FeaturesKept, FineTuneConfig, LayersUnfrozen
from nbfinetune.store import RunStore

__all__ = ["EpochTimes", "alike", "by_pace", "by_run"]


@dataclass(frozen=True)
class EpochTimes:
    """Seconds of an epoch.

    Parameters
    ----------
    images_s : float
        That runs images through the whole model.
    kept_s : float, optional
        That trains the head on kept features; None where nothing like it was ever measured.
    words : str
        How that is known, to stand in brackets.
    """

    images_s: float
    kept_s: float | None = None
    words: str = "as in an earlier run"


def by_run(store: RunStore) -> EpochTimes | None:
    """As long as the epochs of a run took; None where it has none."""
    last, kept, thawed = store.last(EpochDone), store.last(FeaturesKept), store.last(LayersUnfrozen)
    if last is None:
        return None
    if kept is None:
        return EpochTimes(last.seconds)
    done = [epoch for epoch in store.epochs() if thawed is None or epoch.step <= thawed.step]
    images = [epoch.seconds for epoch in done if epoch.epoch <= kept.views]
    later = [epoch.seconds for epoch in done if epoch.epoch > kept.views]
    if not images:
        return None
    # A worker that takes a run up again makes the features anew, in some of the later epochs.
    return EpochTimes(statistics.median(images), statistics.median(later) if later else None)


def by_pace(pace: Pace, images: int, val_split: float) -> EpochTimes:
    """As long as so many images take a model.

    Parameters
    ----------
    images : int
        All that the data hold.
    val_split : float
        Part of them that is validated on.
    """
    validated = round(images * val_split)
    return EpochTimes(pace.epoch_seconds(images - validated, validated), None, pace.words)


def alike(past: FineTuneConfig, config: FineTuneConfig) -> bool:
    """Whether what an epoch's time depends on most is the same in both."""
    return _paced_by(past) == _paced_by(config)


def _paced_by(config: FineTuneConfig) -> tuple[Any, ...]:
    data, model = config.data, config.model
    edits = (model.drop_stages, model.in_chans, model.freeze, model.train_stages)
    return (data.source, data.image_size, model.name, *edits, model.freeze_epochs > 0)

"""How long a run will go on at the pace so far; epochs on kept features have one of their own."""

from __future__ import annotations

from nbfinetune.records import (
    EpochDone,
    Event,
    FeaturesKept,
    FeaturesUnused,
    LayersUnfrozen,
    RunRestored,
    RunResumed,
    RunStarted,
    StepDone,
)
from nbfinetune.store import RunStore

GUESSED_SHARE = 0.03
"""Of a step on images, which one on kept features takes, until an epoch of them was measured.

Measured: 0.005 and less of large networks; 0.03 to 0.2 of a tiny one on a busy machine.
"""


def time_left(
    store: RunStore, started: RunStarted, done: StepDone, steps: int, now: float
) -> float | None:
    """Seconds left at the pace since the run last began, went on, or was thawed.

    Parameters
    ----------
    done : StepDone
        The newest.
    steps : int
        Planned for the whole run.
    now : float
        Seconds since 1970.

    Returns
    -------
    float or None
        None while one step says too little.
    """
    mark = max([started, *_changes_of_pace(store)], key=lambda event: event.seq)
    first, end = _on_kept_features(store, started.steps_per_epoch, steps)
    taken, elapsed = done.step - mark.step, done.time - mark.time
    if taken <= 1 or elapsed <= 0:
        return None
    kept = max(0, min(done.step, end) - max(mark.step, first))
    kept_left = max(0, end - max(done.step, first))
    left, others = steps - done.step - kept_left, taken - kept
    kept_s = _kept_step_s(store, started)
    if kept_s is None:
        pace = elapsed / (others + GUESSED_SHARE * kept)
        kept_s = GUESSED_SHARE * pace
    elif others > 1:
        pace = max(0.0, elapsed - kept * kept_s) / others
    elif left:
        return None
    else:
        pace = 0.0
    return max(0.0, left * pace + kept_left * kept_s - (now - done.time))


def _changes_of_pace(store: RunStore) -> list[Event]:
    found = (
        store.last(RunResumed),
        store.last(RunRestored),
        store.last(LayersUnfrozen),
        store.last(FeaturesUnused),
    )
    return [event for event in found if event is not None]


def _on_kept_features(store: RunStore, steps_per_epoch: int, steps: int) -> tuple[int, int]:
    """Steps taken before the first on kept features, and before the first that no longer is."""
    kept, over = store.last(FeaturesKept), store.last(FeaturesUnused)
    if kept is None or (over is not None and over.seq > kept.seq):
        return steps, steps
    thawed, thaws = store.last(LayersUnfrozen), store.config.model.freeze_epochs
    end = min(steps, thaws * steps_per_epoch) if thaws else steps
    if thawed is not None and thawed.seq > kept.seq:
        end = min(end, thawed.step)
    return min(kept.views * steps_per_epoch, end), end


def _kept_step_s(store: RunStore, started: RunStarted) -> float | None:
    """Seconds of a step on kept features, with its share of what an epoch ends with, if known."""
    kept, epoch = store.last(FeaturesKept), store.last(EpochDone)
    if kept is None or epoch is None or epoch.epoch <= kept.views:
        return None
    return epoch.seconds / started.steps_per_epoch

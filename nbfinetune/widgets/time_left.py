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
    kept_s = _kept_step_s(store, started, done) if done.step > first else 0.0
    kept = max(0, min(done.step, end) - max(mark.step, first))
    kept_left = max(0, end - max(done.step, first))
    left = steps - done.step - kept_left
    seconds = kept_left * kept_s
    if left:
        if taken - kept <= 1:
            return None
        seconds += left * max(0.0, elapsed - kept * kept_s) / (taken - kept)
    return max(0.0, seconds - (now - done.time))


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


def _kept_step_s(store: RunStore, started: RunStarted, done: StepDone) -> float:
    """Seconds of a step on kept features, with its share of what an epoch ends with."""
    kept, epoch = store.last(FeaturesKept), store.last(EpochDone)
    if kept is not None and epoch is not None and epoch.epoch > kept.views:
        return epoch.seconds / started.steps_per_epoch
    return started.batch_size / done.images_per_s if done.images_per_s else 0.0

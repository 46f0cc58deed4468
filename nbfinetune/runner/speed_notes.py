"""What a run's worker chose for the sake of speed, and what it could not do, in a sentence each."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from nbfinetune.records import (
    CacheUnused,
    CompileSkipped,
    FeaturesKept,
    FeaturesUnused,
    LayersUnfrozen,
    PhaseStarted,
    StepTuned,
)
from nbfinetune.runner.quantities import bytes_in_words
from nbfinetune.runner.tuned_gains import chosen_ms, way_in_words
from nbfinetune.store import RunStore

__all__ = ["SpeedNote", "speed_notes"]

WORTH_TELLING = 0.95
"""Of the usual way's time: what takes less has gained something."""


class SpeedNote(Struct, frozen=True, kw_only=True):
    """One choice, or one thing that could not be done.

    Parameters
    ----------
    text : str
        A short line.
    help : str
        How that came about, and how to overrule it.
    tone : {"", "warn"}
        Whether the run is slower than it could be.
    """

    text: str
    help: str
    tone: Literal["", "warn"] = ""


def speed_notes(store: RunStore) -> tuple[SpeedNote, ...]:
    """What holds now of a run; costs the same however long it is."""
    tuned, features = store.last(StepTuned), _features(store)
    skipped, uncached = _skipped(store), store.last(CacheUnused)
    return (
        *([_tuned(tuned)] if tuned else ()),
        *([features] if features else ()),
        *([_warning(f"not compiled: {skipped.reason}", _COMPILE)] if skipped else ()),
        *([_warning(uncached.reason, _CACHE)] if uncached else ()),
    )


_OVERRULE = "Overrule it for the next run with precision, channels_last and threads."
_FEATURES = (
    "While the head alone is trained, what the frozen layers make of each image is kept, in as "
    "many variants as feature_views says; 0 computes it in every epoch."
)
_COMPILE = "The run trains on as it is; compile=False does not try."
_CACHE = "The run decodes the images in every epoch, which is a little slower."


def _tuned(event: StepTuned) -> SpeedNote:
    text = f"{way_in_words(event)}: the usual way, as the self-test ran out of time"
    if event.ms_per_image:
        before = "an earlier run’s self-test" if event.remembered else "self-test"
        text = f"{way_in_words(event)}{_gain(event)}; {before}"
    return SpeedNote(text=text, help=f"{_laps(event)}{_OVERRULE}")


def _gain(event: StepTuned) -> str:
    """What was won over the usual way, which is the first that was measured."""
    if (times := chosen_ms(event)) is None:
        return ""
    took, usual = times
    if took <= WORTH_TELLING * usual:
        return f": {took:.3g} ms an image instead of {usual:.3g}"
    if min(event.ms_per_image.values()) <= WORTH_TELLING * took:
        return f": {took:.3g} ms an image, kept as others used the CPU"
    return f": {took:.3g} ms an image, nothing is faster"


def _laps(event: StepTuned) -> str:
    times = sorted(event.ms_per_image.items(), key=lambda lap: lap[1])
    told = "; ".join(f"{way}: {took:.3g} ms" for way, took in times)
    return f"Training steps were measured, an image each: {told}. " if told else ""


def _features(store: RunStore) -> SpeedNote | None:
    """The newest word on kept features; none once the frozen layers were thawed."""
    told = [store.last(FeaturesKept), store.last(FeaturesUnused), store.last(LayersUnfrozen)]
    newest = max((event for event in told if event), key=lambda e: e.seq, default=None)
    if isinstance(newest, FeaturesKept):
        views = f"{newest.views} view{'s' * (newest.views != 1)}"
        size = bytes_in_words(1e6 * newest.megabytes)
        return SpeedNote(text=f"head only: features of {views} kept, {size}", help=_FEATURES)
    if isinstance(newest, FeaturesUnused):
        return _warning(f"features are not kept: {newest.reason}", _FEATURES)
    return None


def _skipped(store: RunStore) -> CompileSkipped | None:
    """Why steps are not compiled; None once they are, which may come later in a run."""
    skipped, phase = store.last(CompileSkipped), store.last(PhaseStarted)
    if skipped is None or phase is None or phase.seq < skipped.seq:
        return skipped
    return None if phase.phase.startswith("compiling") else skipped


def _warning(text: str, told: str) -> SpeedNote:
    return SpeedNote(text=text, help=told, tone="warn")

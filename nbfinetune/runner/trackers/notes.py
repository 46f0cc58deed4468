"""What happened to a run besides its measures, in sentences for a tracker."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from nbfinetune.records import (
    ChannelsRemoved,
    CompileSkipped,
    EventRecord,
    FeaturesUnused,
    LearningRateFound,
    Pruned,
    RunFailed,
    RunFinished,
    RunStarted,
    ScheduleChanged,
)
from nbfinetune.runner.event_words import EVENT_WORDS


class Note(NamedTuple):
    """A sentence about a step; `time` is in seconds since 1970."""

    step: int
    time: float
    text: str


def notes_of(events: Iterable[EventRecord]) -> list[Note]:
    """Notes on those of the events that are worth one, in their order."""
    return [
        Note(event.step, event.time, words(event))
        for event in events
        if (words := _WORDS.get(type(event))) is not None
    ]


def lines(notes: Iterable[Note]) -> list[str]:
    """Notes as a Markdown list."""
    return [f"- step {note.step:,}: {note.text}" for note in notes]


def _started(event: RunStarted) -> str:
    return (
        f"training on {event.device_name} in {event.precision} at {event.image_size} px: "
        f"{event.train_images:,} images, {event.val_images:,} to validate on, "
        f"{len(event.classes)} classes, {event.parameters:,} parameters"
    )


def _schedule(event: ScheduleChanged) -> str:
    length = f", over {event.epochs} epochs" if event.epochs else ""
    return EVENT_WORDS[ScheduleChanged](event) + length


def _removed(event: ChannelsRemoved) -> str:
    (parameters, left), (macs, macs_left) = event.parameters, event.macs
    return (
        f"channels removed: {parameters:,} parameters became {left:,}, "
        f"{macs:,} multiply-accumulates {macs_left:,}"
    )


_ENDINGS = {
    "completed": "finished",
    "early_stopping": "finished: stopped early",
    "time_budget": "finished: the time budget is used up",
    "only_searched": "finished: only a learning rate was looked for",
}

_WORDS: dict[type, Callable[[Any], str]] = {
    **EVENT_WORDS,
    RunStarted: _started,
    CompileSkipped: lambda e: e.reason,
    FeaturesUnused: lambda e: f"features are computed in every epoch: {e.reason}",
    LearningRateFound: lambda e: e.sentence,
    ScheduleChanged: _schedule,
    Pruned: lambda e: f"pruned: {e.zeros:,} of {e.weights:,} weights are zero",
    ChannelsRemoved: _removed,
    RunFinished: lambda e: _ENDINGS[e.reason],
    RunFailed: lambda e: f"failed: {e.message}",
}
NOTED = tuple(_WORDS)
"""Kinds of events that have a note."""

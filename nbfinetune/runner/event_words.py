"""What happened to a run besides its measures, in the words that charts and trackers share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nbfinetune.records import (
    BatchSizeReduced,
    FeaturesKept,
    LayersUnfrozen,
    OptimizerChanged,
    RunPaused,
    RunRestored,
    RunResumed,
    RunStopped,
    ScheduleChanged,
)


def _schedule(event: ScheduleChanged) -> str:
    return f"schedule: {type(event.schedule).__name__}, peak {event.schedule.lr:.3g}"


def _optimizer(event: OptimizerChanged) -> str:
    return "optimizer: " + ", ".join(f"{name} {v:.3g}" for name, v in event.values.items())


def _kept(event: FeaturesKept) -> str:
    return f"features of {event.views} view{'s' * (event.views != 1)} are kept from here on"


EVENT_WORDS: dict[type, Callable[[Any], str]] = {
    ScheduleChanged: _schedule,
    OptimizerChanged: _optimizer,
    LayersUnfrozen: lambda e: f"layers thawed: {e.trainable_parameters:,} parameters train",
    BatchSizeReduced: lambda e: f"out of memory: batches go in pieces of {e.micro_batch}",
    FeaturesKept: _kept,
    RunRestored: lambda e: f"taken up again from step {e.step:,}",
    RunPaused: lambda _: "paused",
    RunResumed: lambda _: "resumed",
    RunStopped: lambda _: "stopped",
}
"""A few words on an event of each of these kinds."""

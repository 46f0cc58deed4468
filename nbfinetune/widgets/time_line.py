"""What happened to a run besides its steps, in the few words that a chart has room for."""

from __future__ import annotations

from typing import Any

from nbfinetune.records import (
    BatchSizeReduced,
    CacheUnused,
    CommandApplied,
    Event,
    FeaturesKept,
    FeaturesUnused,
    LayersUnfrozen,
    OptimizerChanged,
    RunFailed,
    RunPaused,
    RunRestored,
    RunResumed,
    RunStopped,
    SaveCheckpoint,
    ScheduleChanged,
)


def mark(event: Event) -> str | None:
    """Label of an event on the time line; None for one that changes nothing in the curves."""
    words = _WORDS.get(type(event))
    return words(event) if callable(words) else words


def _schedule(event: ScheduleChanged) -> str:
    return f"schedule: {type(event.schedule).__name__}, peak {event.schedule.lr:.3g}"


def _optimizer(event: OptimizerChanged) -> str:
    return "optimizer: " + ", ".join(f"{name} {v:.3g}" for name, v in event.values.items())


def _kept(event: FeaturesKept) -> str:
    return f"features of {event.views} view{'s' * (event.views != 1)} are kept from here on"


def _unused(event: FeaturesUnused) -> str | None:
    # Before the first step it changes nothing in the curves.
    return f"features are kept no longer: {event.reason}" if event.step else None


def _command(event: CommandApplied) -> str | None:
    # The other commands have events of their own.
    return "checkpoint saved on request" if isinstance(event.command, SaveCheckpoint) else None


_WORDS: dict[type, Any] = {
    ScheduleChanged: _schedule,
    OptimizerChanged: _optimizer,
    CommandApplied: _command,
    LayersUnfrozen: lambda e: f"layers thawed: {e.trainable_parameters:,} parameters train",
    BatchSizeReduced: lambda e: f"out of memory: batches go in pieces of {e.micro_batch}",
    FeaturesKept: _kept,
    FeaturesUnused: _unused,
    CacheUnused: lambda e: e.reason,
    RunRestored: lambda e: f"taken up again from step {e.step:,}",
    RunPaused: "paused",
    RunResumed: "resumed",
    RunStopped: "stopped",
    RunFailed: "failed",
}

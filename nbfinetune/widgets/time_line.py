"""What happened to a run besides its steps, in the few words that a chart has room for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nbfinetune.records import (
    CacheUnused,
    CommandApplied,
    Event,
    FeaturesUnused,
    RunFailed,
    SaveCheckpoint,
)
from nbfinetune.runner.event_words import EVENT_WORDS


def mark(event: Event) -> str | None:
    """Label of an event on the time line; None for one that changes nothing in the curves."""
    words = _WORDS.get(type(event))
    return words and words(event)


def _unused(event: FeaturesUnused) -> str | None:
    # Before the first step it changes nothing in the curves.
    return f"features are kept no longer: {event.reason}" if event.step else None


def _command(event: CommandApplied) -> str | None:
    # The other commands have events of their own.
    return "checkpoint saved on request" if isinstance(event.command, SaveCheckpoint) else None


_WORDS: dict[type, Callable[[Any], str | None]] = {
    **EVENT_WORDS,
    CommandApplied: _command,
    FeaturesUnused: _unused,
    CacheUnused: lambda e: e.reason,
    RunFailed: lambda _: "failed",
}

"""What a tracker is given of a run: settings once, then points and notes, then how it ended."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import msgspec
from msgspec.structs import replace

from nbfinetune.records import EpochDone, Event, FineTuneConfig, Status, StepDone
from nbfinetune.runner.frames import EPOCH_METRICS, STEP_METRICS
from nbfinetune.runner.trackers.bookmark import Bookmark
from nbfinetune.runner.trackers.notes import Note, notes_of

Setting: TypeAlias = bool | int | float | str

LONGEST_SETTING = 500
"""Characters of a setting's value: what every tracker takes."""


class Subject(NamedTuple):
    """The run that is mirrored; `created` is in seconds since 1970."""

    id: str
    created: float
    settings: dict[str, Setting]


class Point(NamedTuple):
    """Measures at a step; `time` is in seconds since 1970."""

    step: int
    time: float
    values: dict[str, float]


class Page(NamedTuple):
    """Something new: points and notes in the order of events."""

    points: list[Point]
    notes: list[Note]


class Ending(NamedTuple):
    """How the run stands at the end, and the measures of its best epoch, if there is one."""

    status: Status
    time: float
    best: Point | None

    @property
    def well(self) -> bool:
        """Whether the run is over as it was meant to be; stopping it was meant."""
        return self.status in ("finished", "stopped")


def page_of(events: Sequence[Event], mark: Bookmark) -> tuple[Page, Bookmark]:
    """What is new in the next events after a bookmark, and the bookmark after them.

    Measures are named ``step/loss`` and ``epoch/accuracy``; what could not be measured is left out.
    """
    points, steps_to, epochs_to = [], mark.steps_to, mark.epochs_to
    for event in events:
        if isinstance(event, StepDone) and event.step > steps_to:
            steps_to = event.step
            points.append(_point(event, "step", STEP_METRICS))
        elif isinstance(event, EpochDone) and event.step > epochs_to:
            epochs_to = event.step
            points.append(_point(event, "epoch", EPOCH_METRICS))
    seq = events[-1].seq if events else mark.seq
    later = replace(mark, seq=seq, steps_to=steps_to, epochs_to=epochs_to)
    return Page(points, notes_of(events)), later


def ending(status: Status, step: int, best: EpochDone | None) -> Ending:
    """End of a run after `step`, with its best epoch's measures named ``best/accuracy`` and so on.

    They stand at the last step: a run that ends twice has them twice, as they were each time.
    """
    now = time.time()
    if best is None:
        return Ending(status, now, None)
    return Ending(status, now, _point(best, "best", EPOCH_METRICS)._replace(step=step))


def settings_of(config: FineTuneConfig) -> dict[str, Setting]:
    """Configuration as flat names (``training.epochs``) and plain values.

    What is not set is left out; lists are JSON, cut off after `LONGEST_SETTING` characters.
    """
    return dict(_leaves(msgspec.to_builtins(config), ""))


def _point(event: StepDone | EpochDone, prefix: str, names: Sequence[str]) -> Point:
    values = {f"{prefix}/{name}": getattr(event, name) for name in names}
    measured = {
        name: value for name, value in values.items() if value is not None and math.isfinite(value)
    }
    return Point(event.step, event.time, measured)


def _leaves(record: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Setting]]:
    for name, value in record.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{name}.")
        elif isinstance(value, (bool, int, float)):
            yield f"{prefix}{name}", value
        elif value is not None:
            yield f"{prefix}{name}", _short(value if isinstance(value, str) else json.dumps(value))


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_SETTING else f"{text[: LONGEST_SETTING - 1]}…"

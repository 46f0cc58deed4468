"""All that charts show of one run, in bounded memory, brought up to date from its store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec
import numpy as np

from nbfinetune.records import (
    Constant,
    EpochDone,
    Event,
    EventRecord,
    LearningRateFound,
    RunStarted,
    Schedule,
    ScheduleChanged,
    Status,
    StepDone,
)
from nbfinetune.store import RunStore
from nbfinetune.widgets.digest import MOST_BUCKETS, Digest, Rows, width_for
from nbfinetune.widgets.planned_rates import planned_rates
from nbfinetune.widgets.time_line import mark

UNKNOWN = Constant()
"""Stands for the curve of a run that could not be read yet."""

PLANNING = (ScheduleChanged, LearningRateFound, RunStarted, EpochDone)
"""Events after which the learning rate to come may be another."""

MOST_NEW_ROWS = 256
MOST_MARKS = 200


@dataclass(frozen=True)
class Update:
    """What is new in a run.

    Parameters
    ----------
    after, seq : int
        It holds the events with a `seq` greater than `after`, up to `seq`.
    status : Status
        The run's status now.
    events : sequence of Event
        New events, epochs among them, steps not.
    rows : ndarray of shape (buckets, len(DIGEST))
        The new steps, one a row; in buckets where they are many.
    restarted : bool
        What was known before is void: a new worker took over, or this is the first look.
    trouble : str
        Why the run can't be read; empty where it can.
    """

    after: int
    seq: int
    status: Status
    events: Sequence[Event]
    rows: Rows
    restarted: bool = False
    trouble: str = ""


@dataclass
class RunHistory:
    """The run up to an event.

    Attributes
    ----------
    seq : int
        Number of the newest event that is in here.
    digest : Digest
        Its steps.
    epochs : list of EpochDone
    marks : list of (int, str)
        Step and label of what else happened, the newest 200.
    started : RunStarted or None
    length : int
        Epochs planned.
    schedule : Schedule
        The learning-rate curve in force.
    """

    schedule: Schedule = UNKNOWN
    status: Status = "starting"
    seq: int = 0
    digest: Digest = field(default_factory=Digest)
    epochs: list[EpochDone] = field(default_factory=list)
    marks: list[tuple[int, str]] = field(default_factory=list)
    started: RunStarted | None = None
    length: int = 0

    @property
    def total_steps(self) -> int:
        """Optimizer steps planned; 0 while that is unknown."""
        return self.started.steps_per_epoch * self.length if self.started else 0

    def planned(self) -> Rows:
        """Step and learning rate of the curve in force, shape (points, 2)."""
        return planned_rates(self.schedule, self.total_steps, self.epochs)

    def catch_up(self, store: RunStore) -> Update:
        """Take in what is new since the last call; costs what is new, not what the run is long."""
        # The number comes first: what is written meanwhile is found by the next look.
        after, self.seq = self.seq, store.last_seq()
        events = [e for e in store.events(after, steps=False) if e.seq <= self.seq]
        newest, last = store.last(StepDone), self.digest.last_step
        most = MOST_NEW_ROWS if after else MOST_BUCKETS
        width = width_for((newest.step if newest else 0) - last, most)
        rows = store.digest(width, last + 1)
        self.digest.extend(rows)
        self.status = store.status()
        for event in events:
            self._note(event)
        return Update(after, self.seq, self.status, events, rows)

    def _note(self, event: Event) -> None:
        if isinstance(event, EpochDone):
            while self.epochs and self.epochs[-1].epoch >= event.epoch:
                self.epochs.pop()  # it was measured again
            self.epochs.append(event)
        elif isinstance(event, RunStarted):
            self.started, self.length = event, event.epochs
        elif isinstance(event, ScheduleChanged):
            self.length = event.epochs or self.length
        self.schedule = schedule_after(event, self.schedule)
        if label := mark(event):
            self.marks = [*self.marks, (event.step, label)][-MOST_MARKS:]


def schedule_after(event: EventRecord, schedule: Schedule) -> Schedule:
    """The learning-rate curve in force after an event, where `schedule` was before it."""
    if isinstance(event, ScheduleChanged):
        return event.schedule
    if isinstance(event, LearningRateFound) and event.taken is not None:
        return msgspec.structs.replace(schedule, lr=event.taken)
    return schedule


def nothing_new(history: RunHistory) -> Update:
    """An update that holds no event."""
    return Update(history.seq, history.seq, history.status, (), history.digest.rows[:0])


def changes_plan(events: Sequence[Event]) -> bool:
    """Whether the learning rate to come may be another after these."""
    return any(isinstance(event, PLANNING) for event in events)


def epoch_rows(epochs: Sequence[EpochDone], measures: Sequence[str]) -> Rows:
    """Step, epoch, best (0 or 1) and measures of each epoch, NaN where one has no value."""
    names = ("step", "epoch", "best", *measures)
    table = [[getattr(epoch, name) for name in names] for epoch in epochs]
    return np.array(table, dtype=np.float64).reshape(-1, len(names))

"""Where a run stands that the curve editor follows: its past, its present, the curve in force."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import reduce
from typing import Any

from nbfinetune.records import (
    LIVE,
    LearningRateFound,
    Plateau,
    RunStarted,
    ScheduleChanged,
    Status,
)
from nbfinetune.runner.run import Run
from nbfinetune.store import RunStore
from nbfinetune.widgets.curve_plan import Plan, past, points
from nbfinetune.widgets.history import RunHistory, schedule_after

GROWTH = 1.03
"""The past is told anew when it has become so much longer: a run of any length is told in a
few hundred messages."""


@dataclass
class Course:
    """What is known of a run that is followed.

    Attributes
    ----------
    run : Run
    status : Status
    in_force : Plan
        The curve that it follows, and its length.
    steps_per_epoch : int
        0 while that is unknown.
    step : int
        Optimizer steps taken.
    rate : float or None
        Of the newest step.
    past : list of [step, rate]
    """

    run: Run
    status: Status
    in_force: Plan
    steps_per_epoch: int = 0
    step: int = 0
    rate: float | None = None
    past: list[list[float]] = field(default_factory=list)

    @classmethod
    def of(cls, run: Run) -> Course:
        """Where a run stands now, but for its past, which its follower reads."""
        with RunStore.open(run.path) as store:
            started = store.last(RunStarted)
            schedule = reduce(
                lambda curve, event: schedule_after(event, curve),
                store.events_of(ScheduleChanged, LearningRateFound),
                store.config.schedule,
            )
            plan = Plan(schedule, store.epochs_planned())
            return cls(run, store.status(), plan, started.steps_per_epoch if started else 0)

    @property
    def live(self) -> bool:
        """Whether the run has a worker that can be asked."""
        return self.status in LIVE

    def learn(self, history: RunHistory) -> None:
        """Take in what a run's follower knows."""
        self.status = history.status
        if history.started is not None:
            self.in_force = Plan(history.schedule, history.length)
            self.steps_per_epoch = history.started.steps_per_epoch
        digest = history.digest
        if digest.last_step == self.step or not len(digest.rows):
            return
        went_back = digest.last_step < self.step
        self.step = digest.last_step
        self.rate = float(digest.mean("lr")[-1])
        told = self.past[-1][0] if self.past else 0.0
        if went_back or self.step > GROWTH * told + 1 or not self.live:
            self.past = past(digest)

    @property
    def multiple(self) -> float:
        """What a `Plateau` has come to; 1 for any other curve."""
        schedule = self.in_force.schedule
        if isinstance(schedule, Plateau) and self.rate is not None:
            return self.rate / schedule.lr
        return 1.0

    def told(self) -> dict[str, Any]:
        """What the page is told, but for what changes with every step."""
        return {
            "status": self.status,
            "live": self.live,
            "stepsPerEpoch": self.steps_per_epoch,
            "points": points(self.in_force.schedule, self.multiple),
            "epochs": self.in_force.epochs,
        }

    def why_not(self) -> str:
        """Why the run takes no curve; empty where it does."""
        if self.live:
            return ""
        if self.status == "finished":
            return "the run has finished; this curve is for the next one"
        return f"the run is {self.status}; resume it to apply this, or start a new one"

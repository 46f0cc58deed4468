"""`LRScheduleEditor`: the learning-rate curve as something to touch, before and during a run."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec
import traitlets

from nbfinetune.errors import CommandRefused, ConfigError
from nbfinetune.records import Schedule
from nbfinetune.runner.run import Run
from nbfinetune.widgets.applying import Applying
from nbfinetune.widgets.curve_course import Course
from nbfinetune.widgets.curve_finder import CurveFinder, Finder, Finding, can_find, rate_from
from nbfinetune.widgets.curve_groups import Group, group_curves
from nbfinetune.widgets.curve_plan import Axis, Plan, Steps, plan_from, points
from nbfinetune.widgets.draft import Draft
from nbfinetune.widgets.fields import CURVE, SCHEDULE
from nbfinetune.widgets.follower import Follower
from nbfinetune.widgets.history import Update
from nbfinetune.widgets.panel import PagePanel

AXES = ("linear", "log")


@dataclass(frozen=True)
class Surroundings:
    """The surface that an editor lies on.

    Parameters
    ----------
    draft : Draft
        Holds the curve, for the surface and the editor alike.
    guard : RLock
        Held while it is changed.
    changed : callable ()
        Told when the editor has changed it.
    finder : callable () -> Finder
        A new range test of what the draft says; raises where that is not enough.
    """

    draft: Draft
    guard: threading.RLock
    changed: Callable[[], None]
    finder: Callable[[], Finder]


class LRScheduleEditor(PagePanel):
    """A learning-rate curve with knots to drag; Python holds it.

    Parameters
    ----------
    schedule : Schedule or str, optional
        What it begins with: a record or a name of `nbfinetune.schedules`; default a cosine.
    epochs : int
        Length of the run.
    steps_per_epoch : int, optional
        Optimizer steps in an epoch, where they are known.
    run : Run, optional
        Follow this run, as `follow` does.
    optimizer : str
        Whose usual learning rate a curve without one has.
    surface : Surroundings, optional
        Where the editor is part of one; the other arguments are left out then.

    Attributes
    ----------
    schedule_json : str
        The curve as JSON, to be observed.

    Raises
    ------
    ScheduleError, ConfigError
        If the curve or its length makes no sense.

    Examples
    --------
    >>> editor = LRScheduleEditor("one_cycle", epochs=10)  # doctest: +SKIP
    >>> run = nbfinetune.fine_tune(
    ...     "photos/", schedule=editor.schedule, epochs=editor.epochs
    ... )  # doctest: +SKIP
    """

    bundle_name = "lr_schedule_editor"

    title = traitlets.Unicode(SCHEDULE.title).tag(sync=True)
    region = traitlets.Unicode(SCHEDULE.region).tag(sync=True)
    fields: traitlets.List[dict[str, Any]] = traitlets.List().tag(sync=True)
    state = traitlets.Dict().tag(sync=True)
    curve = traitlets.Dict().tag(sync=True)
    course = traitlets.Dict().tag(sync=True)
    past: traitlets.List[list[float]] = traitlets.List().tag(sync=True)
    now: traitlets.List[float | None] = traitlets.List().tag(sync=True)
    finder = traitlets.Dict().tag(sync=True)
    schedule_json = traitlets.Unicode()

    _follower: Follower | None = None

    def __init__(
        self,
        schedule: Schedule | str | None = None,
        *,
        epochs: int = 5,
        steps_per_epoch: int | None = None,
        run: Run | None = None,
        optimizer: str = "adamw",
        surface: Surroundings | None = None,
    ) -> None:
        settings = {"schedule": schedule, "epochs": epochs, "optimizer": optimizer}
        self._surface = surface
        self._draft = surface.draft if surface else Draft(None, settings)
        self._steps_per_epoch = steps_per_epoch
        self._course: Course | None = None
        self._steps = Steps(self._plan)
        self._axis: Axis = "linear"
        self._auto = False
        self._applying = Applying(self.redraw)
        self._finder = CurveFinder(self.redraw)
        guard = surface.guard if surface else None
        super().__init__(self._do_asked, guard, fields=SCHEDULE.spec(), **self._drawn())
        if run is not None:
            self.follow(run)

    @property
    def schedule(self) -> Schedule:
        """The curve as it stands; what is set here is drawn at once.

        Raises
        ------
        ScheduleError
            If what is set makes no sense.
        """
        return self._draft.config.schedule

    @schedule.setter
    def schedule(self, schedule: Schedule) -> None:
        self._take(Plan(schedule, self.epochs))

    @property
    def epochs(self) -> int:
        """Length of the run, at least 1."""
        return self._draft.config.training.epochs

    @epochs.setter
    def epochs(self, epochs: int) -> None:
        self._take(Plan(self.schedule, epochs))

    @property
    def steps_per_epoch(self) -> int | None:
        """Optimizer steps in an epoch; None while that is not known."""
        followed = self._course.steps_per_epoch if self._course else 0
        return followed or self._steps_per_epoch

    @steps_per_epoch.setter
    def steps_per_epoch(self, steps: int | None) -> None:
        if steps is not None and steps < 1:
            raise ConfigError(f"steps_per_epoch is {steps!r}; an epoch has at least one step")
        self._steps_per_epoch = steps
        self.redraw()

    def follow(self, run: Run) -> None:
        """Show a run's past and the curve in force; if it is live, change what is to come.

        Parameters
        ----------
        run : Run
            A live one's curve and length take the place of the editor's.
        """
        course = Course.of(run)
        self._leave()
        with self._guard:
            self._course = course
            self._applying.forget()
            if course.live:
                self._draft.take_curve(course.in_force.schedule, course.in_force.epochs)
        # Never under the guard: the follower tells us under a lock of its own.
        self._follower = follower = Follower.of(run.path)
        with follower.lock:
            follower.subscribe(self._hear)
            if follower.history is not None:
                self._learn(follower)
        self.redraw()

    def apply(self) -> None:
        """Ask the run that is followed to train on along this curve; returns at once.

        Raises
        ------
        CommandRefused
            If no run is followed, or it is not live.
        """
        course = self._course
        if course is None:
            raise CommandRefused("there is no run to take the curve; follow(run) one first")
        if why := course.why_not():
            raise CommandRefused(why)
        plan = self._plan
        self._applying.ask(course.run, plan, resized=plan.epochs != course.in_force.epochs)

    def undo(self) -> None:
        """Take the last change back.

        Raises
        ------
        ScheduleError
            If there is none.
        """
        self._take(self._steps.move(-1))

    def redo(self) -> None:
        """Make the change that was taken back again.

        Raises
        ------
        ScheduleError
            If none was.
        """
        self._take(self._steps.move(1))

    def show_finding(self, finding: Finding | None) -> None:
        """Draw what `nbfinetune.find_lr` found behind the curve; None takes it away."""
        self._finder.show(finding)

    def redraw(self) -> None:
        """Show what the draft says now."""
        with self._guard, self.hold_sync():
            self._steps.note(self._plan)
            for name, value in self._drawn().items():
                setattr(self, name, value)

    def close(self) -> None:
        """Let go of the run, which trains on, and of the page."""
        self._leave()
        self._finder.cancel()
        super().close()

    @property
    def _plan(self) -> Plan:
        config = self._draft.config
        return Plan(config.schedule, config.training.epochs)

    # What the page asks.

    def _do_asked(self, name: str, value: Any) -> str:
        if name in CURVE:
            error = self._draft.set(name, value)
            self._changed(apply=not error)
            return error
        asks: dict[str, Callable[[], object]] = {
            "draw": lambda: self._take(plan_from(value, self._axis, self._plan)),
            "undo": self.undo,
            "redo": self.redo,
            "reset": lambda: self._take(Plan(self._draft.preset, self.epochs)),
            "axis": partial(self._turn_axis, value),
            "apply_schedule": self.apply,
            "auto_apply": partial(self._turn_auto, value),
            "find": self._find,
            "cancel_find": self._finder.cancel,
            "take": lambda: self._take_rate(rate_from(value)),
        }
        if name not in asks:
            return f"there is no setting {name!r}"
        asks[name]()
        return ""

    def _take(self, plan: Plan) -> None:
        with self._guard:
            self._draft.take_curve(plan.schedule, plan.epochs)
            self._changed()

    def _take_rate(self, rate: float) -> None:
        schedule = msgspec.structs.replace(self.schedule, lr=rate)
        self._take(Plan(schedule, self.epochs))

    def _changed(self, *, apply: bool = True) -> None:
        self.redraw()
        if self._surface is not None:
            self._surface.changed()
        course = self._course
        live = course is not None and course.live and self._plan != course.in_force
        if apply and self._auto and live:
            self.apply()

    def _turn_axis(self, value: Any) -> None:
        if value not in AXES:
            raise ConfigError(f"the axis is {value!r}; it is 'linear' or 'log'")
        self._axis = value
        self.redraw()

    def _turn_auto(self, value: Any) -> None:
        if not isinstance(value, bool):
            raise ConfigError(f"auto-apply is {value!r}; it is on or off")
        self._auto = value
        self._changed()

    def _find(self) -> None:
        if self._surface is None or not can_find():
            raise ConfigError("rates are tried where there is data: on a FineTuneWidget")
        self._finder.start(self._surface.finder())
        self._axis = "log"
        self.redraw()

    # What is new.

    def _hear(self, _: Update) -> None:
        if self._follower is not None:
            self._learn(self._follower)

    def _learn(self, follower: Follower) -> None:
        with self._guard:
            course, history = self._course, follower.history
            if course is None or history is None:
                return
            before = course.in_force
            course.learn(history)
            untouched = self._plan == before
            if untouched and course.live and course.in_force != before:
                self._draft.take_curve(course.in_force.schedule, course.in_force.epochs)
            self.redraw()

    def _leave(self) -> None:
        if self._follower is not None:
            self._follower.unsubscribe(self._hear)
            self._follower = None

    # What is drawn.

    def _drawn(self) -> dict[str, Any]:
        course, plan = self._course, self._plan
        follows = course is not None and plan == course.in_force
        multiple = course.multiple if course is not None and follows else 1.0
        return {
            "state": self._state(),
            "curve": {
                "points": points(plan.schedule, multiple),
                "epochs": plan.epochs,
                "stepsPerEpoch": self.steps_per_epoch or 0,
                "groups": [[group.name, group.multiple] for group in self._groups()],
            },
            "course": course.told() if course else {},
            "past": course.past if course else [],
            "now": [course.step, course.rate] if course else [],
            "finder": self._finder.told(),
            "schedule_json": msgspec.json.encode(plan.schedule).decode(),
        }

    def _state(self) -> dict[str, Any]:
        draft, course = self._draft, self._course
        shown, hidden = draft.shown(), draft.hidden()
        note = self._applying.note
        return {
            "values": {name: shown[name] for name in CURVE},
            "errors": {name: draft.errors[name] for name in CURVE if name in draft.errors},
            "notes": {"schedule": note} if note else {},
            "refused": self._applying.refused,
            "hidden": [name for name in CURVE if name in hidden],
            "live": course is not None and course.live,
            "undoable": self._steps.undoable,
            "redoable": self._steps.redoable,
            "resettable": draft.preset != self.schedule,
            "axis": self._axis,
            "auto": self._auto,
            "buttons": self._buttons(),
            "findable": self._surface is not None and can_find(),
        }

    def _buttons(self) -> list[dict[str, Any]]:
        course = self._course
        if course is None:
            return []
        told = course.why_not() or "Follow this curve from the next step on"
        changed = self._plan != course.in_force
        if course.live and not changed:
            told = "The run follows this curve already"
        return [
            {
                "name": "apply_schedule",
                "label": "Apply to this run",
                "help": told,
                "enabled": course.live and changed,
            }
        ]

    def _groups(self) -> list[Group]:
        course = self._course
        return group_curves(course.run.config.model if course else self._draft.config.model)

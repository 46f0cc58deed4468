"""The page's side of the curve editor: what it is told, what it asks, and what comes of that."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
import traitlets

from nbfinetune.errors import CommandRefused, ConfigError
from nbfinetune.widgets.applying import Applying
from nbfinetune.widgets.curve_course import Course
from nbfinetune.widgets.curve_finder import CurveFinder, rate_from
from nbfinetune.widgets.curve_groups import Group, group_curves
from nbfinetune.widgets.curve_plan import Axis, Plan, Steps, plan_from, points
from nbfinetune.widgets.draft import Draft
from nbfinetune.widgets.fields import CURVE, SCHEDULE
from nbfinetune.widgets.panel import PagePanel

if TYPE_CHECKING:
    from nbfinetune.runner.lr_finding import LRFinder

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
    finder : callable () -> LRFinder
        A new range test of what the draft says; raises where that is not enough.
    """

    draft: Draft
    guard: threading.RLock
    changed: Callable[[], None]
    finder: Callable[[], LRFinder]


class LRSchedulePage(PagePanel):
    """Shows the curve of a draft, and lets a page change it.

    Parameters
    ----------
    draft : Draft
        Holds the curve.
    steps_per_epoch : int, optional
        Optimizer steps in an epoch, where they are known.
    surface : Surroundings, optional
        Where the editor is part of one.

    Attributes
    ----------
    fields : list of dict
        `Field` records of the curve's values.
    state : dict
        ``values``, ``errors``, ``notes``, ``hidden`` by setting as in `SettingsForm`; what can be
        undone; the axis; the button for a live run.
    curve : dict
        Knots as ``[progress, rate, piece]``, length, and the layer groups' multiples.
    course, past, now : dict, list, list
        The run that is followed: curve in force; ``[step, rate]`` of what was, and of the present.
    finder : dict
        What a range test has found so far.
    schedule_json : str
        The curve as JSON, to be observed.
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

    def __init__(
        self,
        draft: Draft,
        *,
        steps_per_epoch: int | None = None,
        surface: Surroundings | None = None,
    ) -> None:
        self._draft, self._surface = draft, surface
        self._steps_per_epoch = steps_per_epoch
        self._course: Course | None = None
        self._steps = Steps(self._plan)
        self._axis: Axis = "linear"
        self._auto = False
        self._applying = Applying(self.redraw)
        self._finder = CurveFinder(self.redraw)
        guard = surface.guard if surface else None
        super().__init__(self._do_asked, guard, fields=SCHEDULE.spec(), **self._drawn())

    def redraw(self) -> None:
        """Show what the draft says now."""
        with self._guard:
            self._steps.note(self._plan)
            self._redraw()

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
            "reset": lambda: self._take(Plan(self._draft.preset, self._plan.epochs)),
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
        plan = self._plan
        self._take(Plan(msgspec.structs.replace(plan.schedule, lr=rate), plan.epochs))

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
        self._finder.start(self._new_finder())
        self._axis = "log"
        self.redraw()

    def _new_finder(self) -> LRFinder:
        course = self._course
        if course is not None and course.live:
            from nbfinetune.runner.lr_finding import LRFinder

            return LRFinder(course.run)
        if self._surface is None:
            raise ConfigError("rates are tried on data: use a FineTuneWidget, or find_lr(data)")
        return self._surface.finder()

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
                "stepsPerEpoch": self._known_steps_per_epoch() or 0,
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
            "resettable": draft.preset != self._plan.schedule,
            "axis": self._axis,
            "auto": self._auto,
            "buttons": self._buttons(),
            "findable": self._surface is not None or (course is not None and course.live),
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

    def _known_steps_per_epoch(self) -> int | None:
        followed = self._course.steps_per_epoch if self._course else 0
        return followed or self._steps_per_epoch

    def _groups(self) -> list[Group]:
        course = self._course
        return group_curves(course.run.config.model if course else self._draft.config.model)

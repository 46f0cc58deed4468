"""`LRScheduleEditor`: the learning-rate curve as something to touch, before and during a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbfinetune.errors import ConfigError
from nbfinetune.records import Schedule
from nbfinetune.runner.run import Run
from nbfinetune.widgets.curve_course import Course
from nbfinetune.widgets.curve_plan import Plan, Steps
from nbfinetune.widgets.draft import Draft
from nbfinetune.widgets.follower import Follower
from nbfinetune.widgets.history import Update
from nbfinetune.widgets.lr_schedule_page import LRSchedulePage, Surroundings
from nbfinetune.widgets.saved_face import SavedPanel
from nbfinetune.widgets.throttle import Throttle

if TYPE_CHECKING:
    from nbfinetune.runner.lr_finding import LRFinding


EVERY_S = 1.0
"""Between two moves of the mark of the present, where nothing else is new."""


class LRScheduleEditor(SavedPanel, LRSchedulePage):
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
        draft = surface.draft if surface else Draft(None, settings)
        self._throttle = Throttle(EVERY_S)
        super().__init__(draft, steps_per_epoch=_positive(steps_per_epoch), surface=surface)
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
        return self._known_steps_per_epoch()

    @steps_per_epoch.setter
    def steps_per_epoch(self, steps: int | None) -> None:
        self._steps_per_epoch = _positive(steps)
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
            if course.live and course.in_force != self._plan:
                self._draft.take_curve(course.in_force.schedule, course.in_force.epochs)
                self._steps = Steps(self._plan)
        # Never under the guard: the follower tells us under a lock of its own.
        self._follower = follower = Follower.of(run.path)
        with follower.lock:
            follower.subscribe(self._hear)
            if follower.history is not None:
                self._learn(follower)
        self.redraw()

    def show_finding(self, finding: LRFinding | None) -> None:
        """Draw what `nbfinetune.find_lr` found behind the curve; None takes it away."""
        self._finder.show(finding)

    def close(self) -> None:
        """Let go of the run, which trains on, and of the page."""
        self._leave()
        if self.comm is not None:  # else it was closed before, or never made
            self._finder.end()
        super().close()

    def _saved_words(self) -> str:
        drawn = f"nbfinetune.schedules.{self.schedule!r}, epochs={self.epochs}"
        return f"A learning-rate curve. nbfinetune.LRScheduleEditor({drawn}) draws it again."

    # What is new.

    def _hear(self, update: Update) -> None:
        if self._follower is not None and self._throttle.passes(update):
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


def _positive(steps: int | None) -> int | None:
    if steps is not None and steps < 1:
        raise ConfigError(f"steps_per_epoch is {steps!r}; an epoch has at least one step")
    return steps

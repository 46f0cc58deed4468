"""`FineTuneWidget`: data, model, settings, controls and live charts on one surface."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import msgspec

from nbfinetune.data.named import named_datasets
from nbfinetune.errors import CommandRefused, ConfigError
from nbfinetune.records import LIVE, DataEdit, FineTuneConfig
from nbfinetune.runner import standby
from nbfinetune.runner.fine_tune import begin, tracked
from nbfinetune.runner.run import Run
from nbfinetune.widgets.after_training import AfterTraining
from nbfinetune.widgets.bearings import Bearings
from nbfinetune.widgets.control_bar import ControlBar
from nbfinetune.widgets.curve_finder import finder_for
from nbfinetune.widgets.draft import Draft
from nbfinetune.widgets.fields import OPTIMIZER_LIVE, TRAINING, data_panel
from nbfinetune.widgets.foresight import Foresight
from nbfinetune.widgets.live_changes import LiveChanges
from nbfinetune.widgets.looker import Outlook
from nbfinetune.widgets.lr_schedule_editor import LRScheduleEditor
from nbfinetune.widgets.lr_schedule_page import Surroundings
from nbfinetune.widgets.model_picker import ModelPicker
from nbfinetune.widgets.panel import answer_beside_cells
from nbfinetune.widgets.picker_page import PickerSurroundings
from nbfinetune.widgets.previewing import Previewing
from nbfinetune.widgets.pruning_slider import PruningSlider, PruningSurroundings
from nbfinetune.widgets.saved_output import SavedOutput, result_html
from nbfinetune.widgets.scene import Scene
from nbfinetune.widgets.settings_form import SettingsForm, placeholder
from nbfinetune.widgets.steering import Steering
from nbfinetune.widgets.surface import Surface
from nbfinetune.widgets.watch import Watch

if TYPE_CHECKING:
    from nbfinetune.data.labelling import Rule
    from nbfinetune.runner.trackers.targets import Trackers
    from nbfinetune.widgets.dataset_preview import DatasetPreview

TO_COME = "Loss, metrics, learning rate and throughput are drawn here as soon as a run begins."


class FineTuneWidget(Surface):
    """A working surface: settings, Start, Pause, Stop, and charts that move while it trains.

    Training happens in a process of its own; the notebook stays free.

    Parameters
    ----------
    data : optional
        As `fine_tune` takes it; may be named on the surface instead.
    run : Run, optional
        Show this run, live or over, instead of waiting for Start.
    labels, groups, root, trackers : optional
        As `fine_tune` takes them; trackers are of each run that is started from here.
    **settings
        Keywords of `fine_tune`, shown on the surface.

    Raises
    ------
    ConfigError, DataError
        As `fine_tune` raises them.
    """

    def __init__(
        self,
        data: Any = None,
        *,
        run: Run | None = None,
        labels: Rule | None = None,
        groups: Rule | None = None,
        root: str | None = None,
        trackers: Trackers | None = None,
        **settings: Any,
    ) -> None:
        self._watch = Watch(self._show_bearings)
        self._trackers = tracked(trackers)
        self._after = AfterTraining(self, self._watch, self.attach)
        if run is not None and data is None and not settings:
            self._draft = Draft.of(run.config, run.path)
        else:
            self._draft = Draft(data, settings, root, labels=labels, groups=groups)
        self._guard = threading.RLock()
        self._foresight = Foresight(self._draft, self._foresee)
        self._changes = LiveChanges(self._watch.present, self._redraw)
        self._steering = Steering(self._redraw)
        saved_id = f"nbft-saved-{uuid4().hex[:12]}"
        self._saved = SavedOutput(saved_id, self._result)
        self._bar = ControlBar(self._press, self._guard, saved_id=saved_id)
        draft, guard = self._draft, self._guard
        panels = (data_panel(named_datasets()), TRAINING)
        self._forms = {panel.slot: SettingsForm(panel, self._turn, guard) for panel in panels}
        self._picker = ModelPicker(
            surface=PickerSurroundings(draft, guard, self._foresight, self._turn, self._changed)
        )
        around = Surroundings(draft, guard, self._changed, partial(finder_for, draft))
        self._editor = LRScheduleEditor(surface=around)
        self._slider = PruningSlider(surface=PruningSurroundings(guard, self.attach))
        own = {"bar": self._bar, "model": self._picker, "schedule": self._editor}
        slots = {**own, **self._forms, "pruning": self._slider}
        super().__init__({**slots, "charts": placeholder("charts", "Charts", TO_COME, self._turn)})
        self._previewing = Previewing(self._place_preview, self._edit_images)
        self._redraw()
        if run is not None:
            self.attach(run)
        self._look_ahead()

    @property
    def run(self) -> Run | None:
        """The run on the surface; None before the first Start."""
        return self._watch.run

    @property
    def config(self) -> FineTuneConfig:
        """What the next run would be started with."""
        return self._draft.config

    def start(self) -> Run:
        """Begin a run with the settings on the surface.

        Raises
        ------
        ConfigError
            If something is missing, or was refused where it was typed.
        CommandRefused
            If the run on the surface is still training.
        """
        with self._guard:
            if (run := self.run) is not None and run.status in LIVE:
                raise CommandRefused(f"run {run.id} is {run.status}; stop() it first")
            if missing := self._draft.missing():
                raise ConfigError(missing)
            accepted, config = self._draft.accepted, self._draft.config
        assert accepted is not None  # noqa: S101 - or it would be missing
        run = begin(accepted, config, trackers=self._trackers)
        self.attach(run)
        return run

    def pause(self) -> None:
        """Hold the run after the step in hand."""
        self._watch.present().pause()

    def resume(self) -> None:
        """Go on with a run that holds, was stopped, failed, or was interrupted."""
        self._watch.present().resume()

    def stop(self) -> None:
        """End the run with a usable model."""
        self._watch.present().stop()

    def attach(self, run: Run) -> None:
        """Show a run, live or over, with its whole history."""
        from nbfinetune.widgets.live_charts import LiveCharts

        charts = LiveCharts(run)
        answer_beside_cells(charts)
        with self._guard:
            self._watch.take(run)
            self._changes.forget()
            self.place("charts", charts)
        self._editor.follow(run)
        self._slider.follow(run)
        self._watch.follow()

    def close(self) -> None:
        """Let go of the run, which trains on, and of the page."""
        self._watch.leave()
        super().close()

    def _ipython_display_(self, **_: object) -> None:
        from IPython.display import display

        display({**self._repr_mimebundle_(), "text/plain": repr(self)}, raw=True)
        self._saved.show()

    def __repr__(self) -> str:
        return f"FineTuneWidget(run={self.run!r})"

    # What the page asks.

    def _press(self, name: str, _: Any) -> str:
        asks: dict[str, tuple[str, Callable[[], str]]] = {
            "start": ("start requested", self._start),
            "pause": ("pause requested", partial(self._steer, "pause", "paused")),
            "resume": ("resume requested", partial(self._steer, "resume", "resumed")),
            "stop": ("stop requested", partial(self._steer, "stop", "stopped")),
            "attach": ("opening the run", self._show_offered),
            **self._after.asks(),
        }
        if name not in asks:
            return f"there is no button {name!r}"
        if name == "start" and (missing := self._draft.missing()):
            return missing
        if name not in ("start", "attach"):
            self._watch.present()
        asked, do = asks[name]
        self._steering.ask(asked, do)
        return ""

    def _turn(self, name: str, value: Any) -> str:
        if name in ("apply_schedule", "unfreeze"):
            return self._change_run(name)
        error = self._draft.set(name, value)
        self._changes.notes.pop(name, None)
        self._changed()
        if not error and self._watch.live and name in OPTIMIZER_LIVE:
            self._changes.set_optimizer(name, getattr(self._draft.config.optimizer, name))
        return error

    def _change_run(self, name: str) -> str:
        if name == "apply_schedule":
            self._editor.apply()
        else:
            self._changes.unfreeze()
        return ""

    def _changed(self) -> None:
        self._redraw()
        if not self._watch.live:
            self._look_ahead()

    def _start(self) -> str:
        self.start()
        return "started"

    def _steer(self, do: str, done: str) -> str:
        answer = getattr(self._watch.present(), do)()
        return f"{done} at step {answer.step:,}" if answer else f"{done} with a new worker"

    def _show_offered(self) -> str:
        offered = self._foresight.outlook and self._foresight.outlook.live
        if not offered:
            return "that run is not there any more"
        self.attach(offered)
        return f"shows {offered.id}"

    # What is new.

    def _show_bearings(self, now: Bearings, changed: bool) -> None:  # noqa: FBT001
        self._bar.bearings = msgspec.to_builtins(now)
        self._saved.renew(at_once=changed and now.status not in LIVE)
        self._after.hear()
        if changed:
            self._redraw()
            if now.status not in LIVE:
                standby.prepare()

    def _look_ahead(self) -> None:
        self._foresight.look(self._previewing.folder)

    def _foresee(self, outlook: Outlook) -> None:
        self._picker.look()
        self._redraw()
        accepted = self._draft.accepted
        if accepted is not None and accepted.source == outlook.config.data.source:
            self._previewing.follow(accepted, outlook.config, outlook.facts)
            self._redraw()

    def _place_preview(self, preview: DatasetPreview) -> None:
        with self._guard:
            self.place("preview", preview)

    def _edit_images(self, edits: tuple[DataEdit, ...]) -> None:
        with self._guard:
            self._draft.edit_images(edits)
        self._look_ahead()

    # What is drawn.

    def _result(self) -> str:
        """HTML for readers without a kernel."""
        if self.run is None:
            return ""
        return result_html(self.run, self.slot("charts").snapshot_html())

    def _redraw(self) -> None:
        with self._guard:
            if self.run is None:
                self._bar.bearings = msgspec.to_builtins(Bearings(status="ready", run=""))
            scene = Scene(
                self._draft, self._steering.word, self.run, self._watch.status,
                *self._watch.trouble,
                self._foresight.outlook, {**self._changes.notes, **self._previewing.notes()},
                self._changes.thawed, self._picker.times(), self._after.chosen,
            )  # fmt: skip
            self._bar.state = scene.bar()
            for form in (*self._forms.values(), self._picker):
                form.state = scene.form([field["name"] for field in form.fields])
            self._picker.redraw()
            self._editor.redraw()

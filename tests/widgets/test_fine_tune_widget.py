"""The surface as Python sees it: what it starts, shows, asks of a run, and says."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nbfinetune.errors import CommandRefused, ConfigError, DataError
from nbfinetune.records import (
    CommandApplied,
    Constant,
    OptimizerChanged,
    Pause,
    PruningConfig,
    RemoveChannels,
    Resume,
    RunFailed,
    RunPaused,
    RunResumed,
    RunStarted,
    RunStopped,
    ScheduleChanged,
    SetOptimizer,
    SetSchedule,
    StepDone,
    Stop,
)
from nbfinetune.runner.run import Run
from nbfinetune.runner.settings import configure
from nbfinetune.store import RunStore
from nbfinetune.store.layout import new_run_folder
from nbfinetune.widgets import fine_tune_widget, looker
from nbfinetune.widgets.fine_tune_widget import FineTuneWidget

DIGITS = {"kind": "named", "name": "digits"}


class NoStandby:
    """These tests need no torch: nobody stands by, and nobody knows anything."""

    def describe(self, *_: Any) -> dict[str, Any]:
        return {}


@pytest.fixture(autouse=True)
def nobody_stands_by(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (fine_tune_widget, looker):
        monkeypatch.setattr(module.standby, "prepare", NoStandby)


@pytest.fixture
def until() -> Callable[..., None]:
    def wait(condition: Callable[[], object]) -> None:
        end = time.monotonic() + 120
        while not condition():
            assert time.monotonic() < end, "this never came true"
            time.sleep(0.01)

    return wait


class ObedientWorker:
    """A live run whose worker is a thread of this process and does as it is told."""

    def __init__(self, home: Path) -> None:
        from nbfinetune.records import Named

        self.folder = new_run_folder(home, "obedient")
        config = configure(Named(name="digits"), {"freeze": "backbone", "epochs": 50})
        self.store = RunStore.create(self.folder, config)
        self.store.claim(os.getpid())
        self.store.append([started(), step(1), step(2)])
        self.obeyed: list[Any] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work)
        self._thread.start()

    def _work(self) -> None:
        while not self._over.wait(0.005):
            for number, command in self.store.pending_commands():
                self.obeyed.append(command)
                applied = CommandApplied(step=2, command_id=number, command=command)
                self.store.append([applied, *effects(command)])

    def end(self) -> None:
        self._over.set()
        self._thread.join()
        self.store.close()


def effects(command: Any) -> list[Any]:
    kind = type(command)
    if kind is SetSchedule:
        return [ScheduleChanged(step=2, schedule=command.schedule, epochs=command.epochs)]
    if kind is RemoveChannels:
        return []
    if kind is SetOptimizer:
        return [OptimizerChanged(step=2, values={})]
    made = {Pause: RunPaused, Resume: RunResumed}
    return [made[kind](step=2)] if kind in made else [RunStopped(step=2, best_epoch=None)]


def started() -> RunStarted:
    return RunStarted(
        time=time.time(), device="cpu", device_name="x86 CPU", precision="fp32",
        channels_last=True, image_size=32, batch_size=32, steps_per_epoch=10, epochs=50,
        train_images=320, val_images=80, classes=("a", "b"), parameters=10,
        trainable_parameters=10, weights_from="random", versions={},
    )  # fmt: skip


def step(number: int) -> StepDone:
    return StepDone(
        time=time.time(), step=number, epoch=1, loss=0.5, lr=1e-3, images_per_s=64.0,
        data_wait_s=0.0, memory_mb=512.0,
    )  # fmt: skip


@pytest.fixture
def worker(home: Path) -> Iterator[ObedientWorker]:
    worker = ObedientWorker(home)
    yield worker
    worker.end()


@pytest.fixture
def attached(worker: ObedientWorker) -> Iterator[FineTuneWidget]:
    widget = FineTuneWidget(run=Run(worker.folder))
    yield widget
    widget.close()


def form(widget: FineTuneWidget, slot: str) -> dict[str, Any]:
    return widget.slot(slot).state


def test_the_kernel_draws_its_first_screen_without_anything_heavy() -> None:
    script = (
        "import nbfinetune as nf, sys; nf.FineTuneWidget('digits')\n"
        "print(*sys.modules.keys() & {'torch', 'timm', 'pandas', 'plotly', 'sklearn', 'scipy'})"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""


def test_the_config_is_what_the_surface_shows() -> None:
    widget = FineTuneWidget("digits", epochs=3, model="resnet10t")
    assert widget.run is None
    assert widget._turn("epochs", "9") == ""
    assert (widget.config.training.epochs, widget.config.model.name) == (9, "resnet10t")
    assert form(widget, "training")["values"]["epochs"] == "9"


def test_a_wrong_value_stands_in_its_place_and_start_says_so() -> None:
    widget = FineTuneWidget("digits")
    said = "0 is out of range: it must be at least 1"
    assert widget._turn("epochs", "0") == said
    assert form(widget, "training")["errors"] == {"epochs": said}
    assert form(widget, "training")["values"]["epochs"] == "0"
    assert widget.slot("bar").state["missing"] == f"Epochs: {said}"
    assert widget._press("start", None) == f"Epochs: {said}"
    with pytest.raises(ConfigError, match="out of range"):
        widget.start()
    assert widget.run is None


def test_wrong_arguments_are_errors_in_the_cell() -> None:
    with pytest.raises(ConfigError, match="closest: epochs"):
        FineTuneWidget("digits", epoch=3)
    with pytest.raises(DataError, match="there is no folder"):
        FineTuneWidget("no/such/folder")


def test_start_without_data_says_what_is_missing() -> None:
    widget = FineTuneWidget()
    assert "name a folder of images" in widget._press("start", None)
    assert "Start needs: name a folder" in widget.slot("bar").state["plan"]
    with pytest.raises(CommandRefused, match="there is no run yet"):
        widget.pause()


def test_buttons_and_names_that_do_not_exist_are_refused() -> None:
    widget = FineTuneWidget("digits")
    assert widget._press("explode", None) == "there is no button 'explode'"
    assert widget._turn("colour", "red") == "there is no setting 'colour'"


def test_a_run_that_is_shown_brings_its_settings_and_its_bearings(
    attached: FineTuneWidget, worker: ObedientWorker
) -> None:
    assert attached.run == Run(worker.folder)
    assert attached.config.training.epochs == 50
    bar = attached.slot("bar")
    assert bar.bearings["status"] == "running"
    assert (bar.bearings["step"], bar.bearings["steps"]) == (2, 500)
    assert bar.state["buttons"] == {"start": False, "pause": True, "resume": False, "stop": True}
    assert form(attached, "training")["live"]


def test_the_buttons_ask_first_and_say_then_what_became_of_it(
    attached: FineTuneWidget, worker: ObedientWorker, until: Callable[..., None]
) -> None:
    bar = attached.slot("bar")
    heard: list[str] = []
    bar.observe(lambda change: heard.append(change["new"]["asked"]), "state")
    assert attached._press("pause", None) == ""
    assert next(filter(None, heard)) == "pause requested …"
    until(lambda: bar.state["applied"] == "paused at step 2")
    until(lambda: bar.bearings["status"] == "paused")
    until(lambda: bar.state["buttons"]["resume"])
    attached.resume()
    until(lambda: bar.bearings["status"] == "running")
    attached.stop()
    able = {"start": True, "pause": False, "resume": True, "stop": False}
    until(lambda: bar.state["buttons"] == able)
    assert [type(command) for command in worker.obeyed] == [Pause, Resume, Stop]


def test_a_second_start_is_refused_while_the_run_is_live(attached: FineTuneWidget) -> None:
    with pytest.raises(CommandRefused, match=r"is running; stop\(\) it first"):
        attached.start()


def test_live_settings_reach_the_run_and_the_others_wait(
    attached: FineTuneWidget, worker: ObedientWorker, until: Callable[..., None]
) -> None:
    attached._turn("weight_decay", "0.2")
    until(lambda: form(attached, "training")["notes"] == {"weight_decay": "in force from step 2"})
    attached._turn("epochs", "7")
    attached._turn("schedule", "constant")
    attached._turn("lr", "0.5")
    assert [b["name"] for b in form(attached, "schedule")["buttons"]] == ["apply_schedule"]
    attached._turn("apply_schedule", None)
    until(lambda: form(attached, "schedule")["notes"] == {"schedule": "in force from step 2"})
    assert [b["name"] for b in form(attached, "model")["buttons"]] == ["unfreeze"]
    assert worker.obeyed == [
        SetOptimizer(weight_decay=0.2),
        # The curve's end and the run's are one value, which goes with the curve.
        SetSchedule(schedule=Constant(lr=0.5, warmup=0.1), epochs=7),
    ]


def test_the_pruning_panel_follows_the_run_and_prunes_it_as_it_trains(
    attached: FineTuneWidget, worker: ObedientWorker, until: Callable[..., None]
) -> None:
    slider = attached.slot("pruning")
    assert slider.run == Run(worker.folder)
    assert (slider.compact, slider.state["phase"], slider.study) == (True, "no_best", None)
    assert slider._do_asked("amount", 0.3) == ""
    assert slider._do_asked("prune_live", None) == ""
    until(lambda: slider.state["note"] == "in force from step 2")
    assert worker.obeyed == [RemoveChannels(pruning=PruningConfig(amount=0.3))]


def test_a_failed_run_shows_its_sentence_and_can_be_resumed(
    attached: FineTuneWidget, worker: ObedientWorker, until: Callable[..., None]
) -> None:
    worker.store.append([RunFailed(step=2, error="E", message="it broke", details="Traceback …")])
    bar = attached.slot("bar")
    until(lambda: bar.state["error"] == "it broke")
    assert bar.state["details"] == "Traceback …"
    assert bar.state["buttons"]["resume"]


def test_a_live_run_of_the_same_data_is_offered(
    worker: ObedientWorker, until: Callable[..., None]
) -> None:
    widget = FineTuneWidget("digits")
    bar = widget.slot("bar")
    until(lambda: worker.folder.name in bar.state["offer"])
    widget._press("attach", None)
    until(lambda: widget.run == Run(worker.folder))
    until(lambda: bar.state["offer"] == "")
    widget.close()


def test_a_widget_takes_over_a_slot() -> None:
    from nbfinetune.widgets.fields import Panel
    from nbfinetune.widgets.settings_form import SettingsForm

    widget = FineTuneWidget("digits")
    mine = SettingsForm(Panel("model", "Mine", "Model picker", ()), lambda *_: "")
    widget.place("model", mine)
    assert widget.slot("model") is mine
    assert "nbft-area-model" in mine._dom_classes


def test_a_tracker_that_there_is_not_is_refused_before_there_is_a_surface() -> None:
    with pytest.raises(ConfigError, match="tensorbord"):
        FineTuneWidget("digits", trackers="tensorbord")

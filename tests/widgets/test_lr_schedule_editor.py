"""The curve editor as Python sees it: what it takes, refuses, takes back, and asks of a run."""

from __future__ import annotations

import json
import math
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest
from chart_runs import EPOCHS, STEPS_PER_EPOCH, filled, started

from nbfinetune.errors import CommandRefused, ConfigError, ScheduleError
from nbfinetune.records import (
    CommandApplied,
    CommandDenied,
    LearningRateFound,
    Plateau,
    RunFinished,
    ScheduleChanged,
    SetSchedule,
)
from nbfinetune.runner.run import Run
from nbfinetune.schedules import Constant, Cosine, Knot, Knots, OneCycle, through
from nbfinetune.store import RunStore
from nbfinetune.store.digest import DIGEST
from nbfinetune.widgets.curve_course import Course
from nbfinetune.widgets.curve_groups import group_curves
from nbfinetune.widgets.curve_plan import Plan
from nbfinetune.widgets.history import RunHistory
from nbfinetune.widgets.lr_schedule_editor import LRScheduleEditor

PEAK = [[0.0, 1e-5, "linear"], [0.2, 1e-3, "cosine"], [1.0, 1e-5, "linear"]]


class Page:
    """What a page sends to the editor, and what it gets."""

    def __init__(self, editor: LRScheduleEditor, monkeypatch: pytest.MonkeyPatch) -> None:
        self.editor, self.got = editor, []
        monkeypatch.setattr(editor, "send", self.got.append)

    def say(self, name: str, value: Any = None) -> str:
        self.editor._handle_custom_msg({"id": 1, "do": "act", "name": name, "value": value}, [])
        return self.got[-1]["error"]

    def draw(self, points: Any, epochs: Any = 5) -> str:
        return self.say("draw", {"points": points, "epochs": epochs})


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Page:
    return Page(LRScheduleEditor(Cosine(lr=1e-3, warmup=0.1)), monkeypatch)


def test_alone_it_gives_a_schedule_to_train_with() -> None:
    editor = LRScheduleEditor("one_cycle", epochs=7, optimizer="sgd", steps_per_epoch=44)
    assert (editor.schedule, editor.epochs, editor.steps_per_epoch) == (OneCycle(lr=1e-2), 7, 44)
    assert msgspec.json.decode(editor.schedule_json, type=OneCycle) == editor.schedule


def test_what_the_page_draws_is_the_schedule(page: Page) -> None:
    heard = []
    page.editor.observe(lambda change: heard.append(change["new"]), "schedule_json")
    assert page.draw(PEAK, 8) == ""
    assert page.editor.schedule == through(PEAK)
    assert page.editor.epochs == 8
    assert page.editor.curve["points"] == [tuple(point) for point in PEAK]
    assert [msgspec.json.decode(text, type=Knots) for text in heard] == [page.editor.schedule]


@pytest.mark.parametrize(
    ("points", "said"),
    [
        ([[0.5, 1e-3, "linear"], [0.2, 1e-3, "linear"]], "they must ascend"),
        ([[0.0, -1e-3, "linear"], [1.0, 1e-3, "linear"]], "-0.001 is impossible"),
        ([[0.0, math.nan, "linear"]], "nan"),
        ([[0.0, math.inf, "linear"]], "inf"),
        ([[0.0, 0.0, "linear"], [1.0, 0.0, "linear"]], "must be above 0"),
        ([[0.0, 1.0, "log"], [1.0, 0.0, "linear"]], "logarithmic but ends at 0"),
        ([[0.0, 1.0, "linear"], [1.5, 1.0, "linear"]], "1.5"),
        ([[i / 10_000, 1.0, "linear"] for i in range(10_000)], "10,000 knots are more than"),
        ([[0.0, "high", "linear"]], "makes no sense"),
        ([[0.0, 1.0, "wavy"]], "makes no sense"),
        ([[0.0, 1.0]], "makes no sense"),
        ([], "at least one must be above 0"),
        (None, "makes no sense"),
    ],
)
def test_nonsense_is_refused_in_a_sentence_and_the_old_curve_stays(
    page: Page, points: Any, said: str
) -> None:
    before = page.editor.schedule
    assert said in page.draw(points)
    assert page.editor.schedule == before
    assert not page.editor.state["undoable"]


@pytest.mark.parametrize("epochs", [0, -3, 2.5, "many", None, 10**9])
def test_a_length_that_can_not_be_is_refused(page: Page, epochs: Any) -> None:
    assert page.draw(PEAK, epochs) != ""
    assert page.editor.epochs == 5


@pytest.mark.parametrize("value", [None, 3, "x", [], {"points": PEAK, "epochs": 3, "more": 1}])
def test_a_message_that_is_no_curve_is_answered(page: Page, value: Any) -> None:
    assert "makes no sense" in page.say("draw", value)


def test_no_rate_is_set_to_0_on_a_logarithmic_axis_but_one_that_is_0_may_stay(page: Page) -> None:
    assert page.say("axis", "log") == ""
    lifted = [[0.0, 1e-5, "linear"], [0.1, 2e-3, "cosine"], [1.0, 0.0, "linear"]]
    assert page.draw(lifted) == ""
    assert "logarithmic axis" in page.draw([[0.0, 0.0, "linear"], *lifted[1:]])
    assert page.editor.schedule == through(lifted)
    assert "it is 'linear' or 'log'" in page.say("axis", "cubic")


def test_each_change_can_be_taken_back_and_made_again(page: Page) -> None:
    start = page.editor.schedule
    page.draw(PEAK, 8)
    page.say("schedule", "constant")
    page.say("lr", "0.5")
    assert page.editor.schedule == Constant(lr=0.5, warmup=0.1)
    for _ in range(3):
        assert page.say("undo") == ""
    assert (page.editor.schedule, page.editor.epochs) == (start, 5)
    assert page.say("undo") == "there is nothing to undo"
    assert page.say("redo") == ""
    assert (page.editor.schedule, page.editor.epochs) == (through(PEAK), 8)
    page.say("axis", "log")
    assert page.editor.state["redoable"]
    page.say("lr", "0.01")
    assert page.say("redo") == "there is nothing to redo"


def test_knots_go_back_to_the_preset_that_they_were(page: Page) -> None:
    page.say("warmup", "0.3")
    page.draw(PEAK)
    assert page.editor.state["values"]["schedule"] == "knots"
    assert {"warmup", "final_factor"} <= set(page.editor.state["hidden"])
    page.say("reset")
    assert page.editor.schedule == Cosine(lr=1e-3, warmup=0.3)
    page.say("undo")
    assert page.editor.schedule == through(PEAK)


def test_a_preset_becomes_knots_by_the_menu_and_keeps_its_shape(page: Page) -> None:
    before = page.editor.curve["points"]
    assert page.say("schedule", "knots") == ""
    assert isinstance(page.editor.schedule, Knots)
    assert page.editor.curve["points"] == before
    page.say("lr", "0.002")
    assert max(rate for _, rate, _ in page.editor.curve["points"]) == 2e-3
    page.say("schedule", "cosine")
    assert page.editor.schedule == Cosine(lr=2e-3, warmup=0.1)


def test_a_preset_that_is_only_made_longer_stays_a_preset(page: Page) -> None:
    before = page.editor.schedule
    assert page.draw(json.loads(json.dumps(page.editor.curve["points"])), 9) == ""
    assert (page.editor.schedule, page.editor.epochs) == (before, 9)


def test_values_that_the_page_does_not_show_are_kept() -> None:
    given = Cosine(lr=1e-3, warmup=0.2, warmup_start=0.5, cycles=3, cycle_decay=0.5)
    editor = LRScheduleEditor(given)
    assert editor._do_asked("lr", "0.01") == ""
    assert editor.schedule == msgspec.structs.replace(given, lr=0.01)


def test_a_wrong_number_stands_in_its_place(page: Page) -> None:
    assert page.say("lr", "fast") == "'fast' is not a number; write it like 0.001 or 1e-3"
    assert page.editor.state["errors"]["lr"].startswith("'fast'")
    assert page.say("colour", "red") == "there is no setting 'colour'"
    page.draw(PEAK)
    assert page.editor.state["errors"] == {}


def test_schedule_and_length_are_set_from_python_and_checked() -> None:
    editor = LRScheduleEditor()
    editor.schedule, editor.epochs = Constant(lr=0.1), 9
    assert (editor.schedule, editor.curve["epochs"]) == (Constant(lr=0.1), 9)
    with pytest.raises(ScheduleError, match="is no schedule"):
        editor.schedule = "cosine"
    with pytest.raises(ConfigError, match="epochs"):
        editor.epochs = 0
    with pytest.raises(ConfigError, match="at least one step"):
        editor.steps_per_epoch = 0
    with pytest.raises(ScheduleError, match="no schedule is called"):
        LRScheduleEditor("cosyne")
    with pytest.raises(CommandRefused, match="there is no run"):
        editor.apply()


def test_groups_are_multiples_of_the_curve() -> None:
    from nbfinetune.records import ModelConfig

    assert group_curves(ModelConfig()) == []
    [backbone] = group_curves(ModelConfig(backbone_lr=0.1))
    assert (backbone.name, backbone.multiple) == ("backbone", 0.1)
    assert group_curves(ModelConfig(backbone_lr=0.1, freeze="backbone")) == []
    decayed = group_curves(ModelConfig(layer_decay=0.5))
    assert [group.multiple for group in decayed[:3]] == [0.5, 0.25, 0.125]


def test_what_a_finder_found_is_drawn_and_a_suggestion_is_taken(page: Page) -> None:
    rates = np.geomspace(1e-7, 10, 400)
    loss = np.where(rates > 1, np.nan, 2.0 - np.log10(rates + 1e-3))
    page.editor.show_finding(
        SimpleNamespace(
            points=pd.DataFrame({"lr": rates, "loss": loss, "smoothed": loss}),
            suggestions={"valley": 3e-3}, lr=3e-3, sentence="3e-3 is good",
        )
    )  # fmt: skip
    told = page.editor.finder
    assert (told["busy"], told["suggestions"], told["lr"]) == (False, [("valley", 3e-3)], 3e-3)
    assert len(told["points"]) <= 160
    assert all(rate <= 1 for rate, _ in told["points"])
    assert page.say("take", 3e-3) == ""
    assert page.editor.schedule == Cosine(lr=3e-3, warmup=0.1)
    assert "as a learning rate" in page.say("take", "much")
    assert "rates are tried on data" in page.say("find")
    page.say("cancel_find")
    page.editor.show_finding(None)
    assert page.editor.finder == {}


# Beside a run.


class Worker:
    """A live run whose worker is a thread of this process; refuses what `refuses` says."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.obeyed, self.refuses = folder, [], ""
        self.hold = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work)
        self._thread.start()

    def _work(self) -> None:
        with RunStore.open(self.folder) as store:
            while not self._over.wait(0.005):
                with self.hold:
                    for number, command in store.pending_commands():
                        self._answer(store, number, command)

    def _answer(self, store: RunStore, number: int, command: SetSchedule) -> None:
        told = {"step": 250 + len(self.obeyed), "command_id": number, "command": command}
        self.obeyed.append(command)
        if self.refuses:
            store.append([CommandDenied(**told, reason=self.refuses)])
            return
        changed = ScheduleChanged(
            step=told["step"], schedule=command.schedule, epochs=command.epochs
        )
        store.append([CommandApplied(**told), changed])

    def end(self) -> None:
        self._over.set()
        self._thread.join()


@pytest.fixture
def worker(home: Path) -> Iterator[Worker]:
    store = filled(home / "live", steps=250)
    store.claim(os.getpid())
    worker = Worker(store.path)
    yield worker
    worker.end()
    store.close()


@pytest.fixture
def live(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> Iterator[Page]:
    editor = LRScheduleEditor(run=Run(worker.folder))
    until(lambda: editor.now and editor.now[0] == 250)
    yield Page(editor, monkeypatch)
    editor.close()


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < end, "this never came true"
        time.sleep(0.01)


def note(page: Page) -> str:
    return page.editor.state["notes"].get("schedule", "")


def test_a_run_brings_its_curve_its_length_and_its_past(live: Page) -> None:
    editor = live.editor
    assert editor.epochs == EPOCHS
    assert editor.steps_per_epoch == STEPS_PER_EPOCH
    assert editor.schedule == Run(editor._course.run.path).config.schedule
    assert editor.course["live"]
    assert editor.past[0] == [0.0, 1e-3]
    assert editor.past[-1] == [249.0, pytest.approx(1e-3 / 250)]
    assert not editor.state["undoable"]


def test_a_rate_that_the_run_has_found_itself_is_that_of_the_curve(
    live: Page, worker: Worker
) -> None:
    found = LearningRateFound(step=250, suggestions={}, lr=0.02, sentence="", taken=0.02)
    beside = LearningRateFound(step=250, suggestions={}, lr=0.5, sentence="0.5", taken=None)
    with RunStore.open(worker.folder) as store:
        store.append([found, beside])
    until(lambda: live.editor.schedule.lr == 0.02)
    assert LRScheduleEditor(run=Run(worker.folder)).schedule == live.editor.schedule


def test_a_change_is_requested_then_in_force_from_a_step(live: Page, worker: Worker) -> None:
    with worker.hold:
        assert not live.editor.state["buttons"][0]["enabled"]
        live.draw(PEAK, 12)
        assert live.editor.state["buttons"][0]["enabled"]
        assert live.say("apply_schedule") == ""
        assert note(live) == "requested …"
    until(lambda: note(live) == "in force from step 250")
    assert worker.obeyed == [SetSchedule(schedule=through(PEAK), epochs=12)]
    until(lambda: live.editor.course["epochs"] == 12)
    until(lambda: not live.editor.state["buttons"][0]["enabled"])
    assert Run(worker.folder).events()[-1].schedule == live.editor.schedule


def test_a_refusal_shows_its_sentence_and_the_curve_in_force_stays(
    live: Page, worker: Worker
) -> None:
    worker.refuses = "epochs is 1, but epoch 3 has begun"
    before = live.editor.course["points"]
    live.draw(PEAK, 1)
    live.editor.apply()
    until(lambda: note(live).startswith("refused: "))
    assert worker.refuses in note(live)
    assert live.editor.state["refused"]
    assert live.editor.course["points"] == before


def test_every_change_is_applied_by_itself_if_one_likes(live: Page, worker: Worker) -> None:
    assert live.say("auto_apply", value=True) == ""
    live.draw(PEAK, EPOCHS)
    until(lambda: note(live) == "in force from step 250")
    assert worker.obeyed == [SetSchedule(schedule=through(PEAK), epochs=None)]
    assert "on or off" in live.say("auto_apply", "perhaps")


def test_of_changes_that_wait_only_the_newest_is_sent(live: Page, worker: Worker) -> None:
    heard: list[str] = []
    live.editor.observe(lambda _: heard.append(note(live)), "state")
    with worker.hold:
        live.say("auto_apply", value=True)
        for rate in (1, 2, 3, 4):
            live.say("lr", str(rate))
    until(lambda: note(live).startswith("in force"))
    rates = [command.schedule.lr for command in worker.obeyed]
    assert rates[-1] == 4.0
    assert len(rates) <= 2
    assert note(live) == f"in force from step {249 + len(rates)}"
    assert len({told for told in heard if told.startswith("in force")}) == 1
    until(lambda: live.editor.course["points"] == live.editor.curve["points"])


def test_what_others_change_is_shown_unless_something_is_in_hand(
    live: Page, worker: Worker
) -> None:
    run = Run(worker.folder)
    run.set_schedule(Constant(lr=0.25))
    until(lambda: live.editor.schedule == Constant(lr=0.25))
    live.draw(PEAK, EPOCHS)
    run.set_schedule(Constant(lr=0.5))
    until(lambda: live.editor.course["points"][0][1] == 0.5)
    assert live.editor.schedule == through(PEAK)


def test_after_the_end_nothing_can_be_applied_and_it_says_why(live: Page, worker: Worker) -> None:
    with RunStore.open(worker.folder) as store:
        store.append([RunFinished(step=1000, best_epoch=1, reason="epochs")])
    until(lambda: not live.editor.course["live"])
    live.draw(PEAK)
    button = live.editor.state["buttons"][0]
    assert (button["enabled"], button["help"]) == (
        False,
        "the run has finished; this curve is for the next one",
    )
    assert live.say("apply_schedule") == button["help"]
    assert worker.obeyed == []


def test_the_past_of_a_long_run_is_told_in_few_points_and_seldom() -> None:
    course = Course(Run(Path()), "running", Plan(Constant(), 1000))
    history = RunHistory(status="running", started=started(), length=1000)
    told, past = 0, course.past
    for first in range(1, 20_001, 10):
        steps = np.arange(first, first + 10.0)
        rows = np.ones((10, len(DIGEST)))
        rows[:, 0] = rows[:, 1] = steps
        history.digest.extend(rows)
        course.learn(history)
        told += course.past is not past
        past = course.past
    assert course.step == 20_000
    assert 100 < told < 300
    assert len(course.past) <= 240
    assert course.past[-1][0] > 19_000


def test_a_plateau_is_drawn_at_the_rate_that_it_has_come_to(live: Page, worker: Worker) -> None:
    Run(worker.folder).set_schedule(Plateau(lr=4e-4))
    until(lambda: isinstance(live.editor.schedule, Plateau))
    rate = [pytest.approx(1e-3 / 250)]
    until(lambda: list({rate for _, rate, _ in live.editor.curve["points"]}) == rate)


def test_knots_with_a_warm_up_of_their_own_are_drawn_where_they_lie() -> None:
    knots = Knots(lr=1.0, warmup=0.5, warmup_start=0.0, points=(Knot(0.0, 1.0), Knot(1.0, 0.5)))
    editor = LRScheduleEditor(knots)
    assert [(at, rate) for at, rate, _ in editor.curve["points"]] == [(0, 0), (0.5, 1), (1, 0.5)]
    assert editor.schedule == knots

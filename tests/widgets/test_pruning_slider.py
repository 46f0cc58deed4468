"""The pruning slider as Python sees it: what it shows, takes, refuses, and asks of a run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from chart_runs import filled
from scripted_study import ACCURACY, IMAGES, UNITS, ScriptedChild, point, whole

from nbfinetune.errors import CommandRefused, ConfigError, RunError
from nbfinetune.records import (
    ChannelsRemoved,
    CommandApplied,
    Prune,
    RunFailed,
    RunFinished,
    RunStopped,
)
from nbfinetune.runner import pruning_study
from nbfinetune.runner.run import Run
from nbfinetune.store import RunStore
from nbfinetune.store.layout import checkpoint
from nbfinetune.widgets.pruning_slider import PruningSlider, PruningSurroundings

PATIENCE_S = 20


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, "this never came true"
        time.sleep(0.005)


@pytest.fixture(autouse=True)
def children(monkeypatch: pytest.MonkeyPatch) -> list[ScriptedChild]:
    """The processes of studies; none of them is real."""
    made: list[ScriptedChild] = []
    monkeypatch.setattr(ScriptedChild, "made", made, raising=False)
    monkeypatch.setattr(pruning_study, "Child", ScriptedChild)
    return made


class Shelf:
    """Runs on record, and what was asked of them."""

    def __init__(self, home: Path) -> None:
        self.home, self.stores = home, []

    def run(self, name: str, *, best: bool = True, over: bool = True) -> Run:
        folder = self.home / name
        store = filled(folder, 300)
        self.stores.append(store)
        if best:
            save_best(folder)
        if over:
            store.append([RunFinished(step=300, reason="completed", best_epoch=3)])
        else:
            store.claim(os.getpid())
        return Run(folder)

    def store(self, run: Run) -> RunStore:
        return next(store for store in self.stores if store.path == run.path)


def save_best(folder: Path) -> None:
    """A file with the header of a real one: two layers of weights, a norm, and a head."""
    shapes = {"stem": [32, 3, 3, 3], "middle": [64, 32, 3, 3], "norm": [64], "head": [2, 64]}
    header: dict[str, Any] = {
        name: {"dtype": "F32", "shape": shape, "data_offsets": [0, 0]}
        for name, shape in shapes.items()
    }
    header["steps"] = {"dtype": "I64", "shape": [3, 4], "data_offsets": [0, 0]}
    header["__metadata__"] = {"nbfinetune": json.dumps({"classes": ["cat", "dog"]})}
    text = json.dumps(header).encode()
    path = checkpoint(folder, "best")
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(len(text).to_bytes(8, "little") + text)


@pytest.fixture
def shelf(home: Path) -> Iterator[Shelf]:
    shelf = Shelf(home)
    yield shelf
    for store in shelf.stores:
        store.close()


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., PruningSlider]]:
    """Makes sliders, and closes them."""
    sliders: list[PruningSlider] = []

    def make(*args: Any, **keys: Any) -> PruningSlider:
        sliders.append(PruningSlider(*args, **keys))
        return sliders[-1]

    yield make
    for slider in sliders:
        slider.close()


@pytest.fixture
def shown(made, shelf: Shelf, children: list[ScriptedChild]) -> PruningSlider:
    """A slider whose model has been looked at."""
    slider = made(shelf.run("whole"))
    children[-1].introduce()
    until(lambda: slider.board)
    return slider


def say(slider: PruningSlider, name: str, value: Any = None) -> str:
    """Send what a page would, and give the answer."""
    heard: list[Any] = []
    slider.send, before = heard.append, slider.send
    try:
        slider._handle_custom_msg({"id": 1, "do": "act", "name": name, "value": value}, [])
    finally:
        slider.send = before
    return heard[-1]["error"]


# ---- what is shown ----


def test_alone_it_measures_at_once_and_shows_what_comes(made, shelf, children) -> None:
    slider = made(shelf.run("whole"))
    assert slider.state["phase"] == "starting"
    assert (slider.board, slider.layers) == ({}, [])
    [child] = children
    child.say(progress="loading the best model")
    until(lambda: slider.state["progress"] == "loading the best model")
    child.introduce()
    until(lambda: slider.board)
    assert slider.state["phase"] == "measuring"
    assert slider.board["target"] == "macs"
    assert slider.board["amounts"][:3] == [0.0, 0.01, 0.02]
    assert set(slider.board["accuracy"]) == {None}
    assert [layer["name"] for layer in slider.layers] == list(UNITS)
    child.measure(0.5)
    until(lambda: len(slider.points) == 2)
    assert slider.points == [[0.0, ACCURACY, IMAGES], [0.5, point(0.5)["accuracy"], IMAGES]]
    until(lambda: slider.board["accuracy"][50] is not None)
    assert slider.board["accuracy"][0] == ACCURACY
    child.say(sensitivity={"stem": 0.04})
    until(lambda: slider.layers[0]["sensitivity"] == 0.04)
    child.finish()
    until(lambda: slider.state["phase"] == "ready")


def test_the_board_says_what_is_left_of_everything_at_every_amount(shown) -> None:
    board, model = shown.board, whole()
    figures = {name: model[name] for name in ("parameters", "macs", "accuracy")}
    assert board["whole"] == {**figures, "bytes": model["size_bytes"], "images": IMAGES}
    assert board["macs"][0] == model["macs"]
    assert board["macs"][50] == pytest.approx(0.5 * model["macs"], rel=0.04)
    for column in ("parameters", "macs", "bytes"):
        assert all(isinstance(value, int) for value in board[column])
    assert {len(values) for values in board["left"].values()} == {len(board["amounts"])}
    assert board["left"]["stem"][0] == UNITS["stem"]
    json.dumps([shown.board, shown.points, shown.layers, shown.state])


def test_another_target_brings_another_board(shown, children) -> None:
    children[-1].measure(0.4)
    until(lambda: len(shown.points) == 2)
    assert say(shown, "target", "parameters") == ""
    until(lambda: shown.board["target"] == "parameters")
    left = shown.board["parameters"]
    assert left[50] == pytest.approx(0.5 * left[0], rel=0.04)
    until(lambda: [row[0] for row in shown.points] == [0.0, pytest.approx(0.36)])
    assert shown.wishes["target"] == "parameters"


def test_times_are_a_target_once_they_are_measured(shown, children) -> None:
    assert say(shown, "target", "latency") == ""
    until(lambda: "Measure latency" in shown.state["said"])
    assert shown.board["target"] == "macs"
    assert say(shown, "latency") == ""
    asked = children[-1].heard[-1]["time"]
    assert asked == {"amount": 0.5, "target": "latency"}
    for batch in (1, 32):
        timed = {"target": "macs", "amount": 0.6, "macs": 0.6, "batch": batch}
        children[-1].say(timed={**timed, "before_ms": 10.0 * batch, "after_ms": 5.0 * batch})
    until(lambda: shown.board["target"] == "latency")
    assert shown.board["amounts"][-1] == pytest.approx(0.5, abs=0.011)
    until(lambda: len(shown.latencies) == 2)
    assert shown.latencies == [[0.5, 1, 10.0, 5.0], [0.5, 32, 320.0, 160.0]]
    assert shown.state["said"] == ""


def test_a_latency_that_could_not_be_measured_is_told(shown, children) -> None:
    children[-1].say(note="32 images do not fit into memory")
    until(lambda: shown.state["note"] == "32 images do not fit into memory")


def test_without_a_run_it_says_what_is_missing(made) -> None:
    slider = made()
    assert slider.state["phase"] == "no_run"
    assert "there is no run yet" in slider.state["said"]
    for act in ("study", "recover", "prune_live", "latency"):
        assert say(slider, act) != ""
    assert say(slider, "amount", 0.3) == ""
    assert slider.amount == 0.3


def test_a_run_without_a_model_is_waited_for(made, shelf, children) -> None:
    run = shelf.run("young", best=False, over=False)
    slider = made(run)
    assert (slider.state["phase"], children) == ("no_best", [])
    assert "it has one after its first epoch" in slider.state["said"]
    assert "no best model" in say(slider, "recover")
    with pytest.raises(CommandRefused, match="no best model"):
        slider.recover()
    save_best(run.path)
    shelf.store(run).append([RunStopped(step=300, best_epoch=3)])
    until(lambda: children)
    until(lambda: slider.state["phase"] == "starting")


def test_a_model_that_can_not_be_traced_says_so_and_single_weights_are_left(
    made, shelf, children
) -> None:
    slider = made(shelf.run("whole"))
    children[-1].say(error="Net.forward branches on its input; method='unstructured' works")
    children[-1].die()
    until(lambda: slider.state["phase"] == "failed")
    assert slider.state["said"].startswith("Net.forward branches")
    assert say(slider, "method", "unstructured") == ""
    until(lambda: slider.board)
    assert slider.state["off"]["recover"] == ""


def test_a_process_that_dies_is_told_and_what_was_measured_stays(shown, children) -> None:
    children[-1].measure(0.5)
    until(lambda: len(shown.points) == 2)
    children[-1].die()
    until(lambda: "ended early" in shown.state["said"])
    assert (shown.state["phase"], len(shown.points)) == ("ready", 2)
    assert say(shown, "study") == ""
    assert len(children) == 2


def test_single_weights_need_no_study(made, shelf, children) -> None:
    run = shelf.run("whole")
    slider = made(run, method="unstructured", target="macs")
    until(lambda: slider.board)
    assert children == []
    weights = 32 * 3 * 9 + 64 * 32 * 9
    assert slider.board["zeros"][50] == round(0.5 * weights)
    assert "accuracy" not in slider.board
    assert "no faster" in slider.state["off"]["latency"]
    assert slider.wishes == {"method": "unstructured", "recover_epochs": 2}
    assert say(slider, "method", "structured") == ""
    until(lambda: children)


# ---- what is taken and refused ----


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("amount", 1, "between 0 and 1"),
        ("amount", 1.7, "between 0 and 1"),
        ("amount", -0.1, "between 0 and 1"),
        ("amount", float("nan"), "between 0 and 1"),
        ("amount", "half", "a number is needed"),
        ("amount", None, "a number is needed"),
        ("target", "weight", "'weight' is not among the choices"),
        ("method", "magic", "'magic' is not among the choices"),
        ("criterion", [], "expected `str`"),
        ("uniform", "yes", "it is on or off"),
        ("gradual", 1, "it is on or off"),
        ("recover_epochs", "0", "out of range"),
        ("recover_epochs", "two", "is not a whole number"),
        ("recover_epochs", {}, "is not a whole number"),
        ("protect", {"layer": "stam", "on": True}, "closest: stem"),
        ("protect", {"layer": "stem", "on": "yes"}, "whether stem is protected"),
        ("protect", {"layer": ["stem"], "on": True}, "the model has no layer"),
        ("protect", "stem", "nothing was changed"),
        ("push", {"layer": "stem", "factor": 0}, "it lies above 0"),
        ("push", {"layer": "stem", "factor": float("inf")}, "it lies above 0"),
        ("push", {"layer": "stem"}, "nothing was changed"),
        ("colour", "red", "there is no setting 'colour'"),
        ("prune_live", None, "is finished; its best model can be pruned as a new run"),
        ("open_outcome", None, "nothing was pruned from here yet"),
    ],
)
def test_nonsense_is_refused_in_a_sentence_and_nothing_changes(
    shown, name: str, value: Any, said: str
) -> None:
    before = (shown.amount, shown.wishes)
    assert said in say(shown, name, value)
    assert (shown.amount, shown.wishes) == before


def test_a_refused_value_stands_in_its_place_until_a_good_one(shown) -> None:
    say(shown, "recover_epochs", "many")
    assert shown.state["errors"] == {"recover_epochs": "'many' is not a whole number"}
    assert say(shown, "recover_epochs", "4") == ""
    assert (shown.state["errors"], shown.state["recoverEpochs"]) == ({}, 4)


def test_nothing_and_too_much_are_no_prunings(shown) -> None:
    most = shown.board["amounts"][-1]
    assert most < 0.99
    assert say(shown, "amount", 0) == ""
    assert "nothing goes" in say(shown, "recover")
    say(shown, "amount", 0.999)
    assert f"at most {most:.0%} of the multiply-accumulates can go" in say(shown, "recover")
    assert "at most" in say(shown, "latency")
    say(shown, "amount", 0.5)
    assert shown.state["off"] == {
        "study": "",
        "latency": "",
        "recover": "",
        "live": f"run {shown.run.id} is finished; its best model can be pruned as a new run",
    }


def test_layers_are_protected_pushed_and_set_free(shown, children) -> None:
    free = shown.board["left"]["stem"][40]
    assert say(shown, "protect", {"layer": "stem", "on": True}) == ""
    until(lambda: shown.board["left"]["stem"][40] == UNITS["stem"] > free)
    assert shown.layers[0]["protected"]
    assert say(shown, "push", {"layer": "middle", "factor": 2}) == ""
    assert shown.layers[1]["push"] == 2
    assert shown.wishes["protect"] == ("stem",)
    assert shown.wishes["pushed"] == {"middle": 2.0}
    until(lambda: children[-1].heard[-1]["wishes"]["pushed"] == {"middle": 2.0})
    assert say(shown, "push", {"layer": "middle", "factor": 1}) == ""
    assert "pushed" not in shown.wishes
    assert say(shown, "reset_layers") == ""
    until(lambda: shown.board["left"]["stem"][40] == free)
    assert shown.wishes.keys() == {"method", "target", "criterion", "recover_epochs"}


def test_another_criterion_is_wished_for_and_the_old_board_stays_meanwhile(shown, children) -> None:
    children[-1].measure(0.5)
    until(lambda: len(shown.points) == 2)
    assert say(shown, "criterion", "l1") == ""
    until(lambda: children[-1].heard[-1]["wishes"]["criterion"] == "l1")
    assert shown.board["amounts"]
    assert shown.points
    assert shown.state["phase"] == "measuring"


def test_little_by_little_takes_half_of_the_epochs_and_suits_no_clock(shown) -> None:
    assert say(shown, "gradual", True) == ""
    assert say(shown, "recover_epochs", 6) == ""
    assert (shown.wishes["gradual_epochs"], shown.wishes["recover_epochs"]) == (3.0, 6)
    assert say(shown, "target", "latency") == ""
    assert not shown.state["gradual"]
    assert "taken out at once" in say(shown, "gradual", True)


def test_wrong_arguments_are_errors_in_the_cell(made) -> None:
    with pytest.raises(ConfigError, match="between 0 and 1"):
        made(amount=1)
    with pytest.raises(ConfigError, match="closest: protect"):
        made(protct=("stem",))
    with pytest.raises(ConfigError, match="pushed"):
        made(pushed={"stem": -1.0})
    slider = made(amount=0.3, criterion="l2", protect=("stem",))
    with pytest.raises(ConfigError, match="between 0 and 1"):
        slider.amount = 1.5
    slider.amount = 0.25
    assert (slider.amount, slider.state["amount"]) == (0.25, 0.25)
    assert slider.wishes["criterion"] == "l2"


# ---- what is asked of a run ----


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, shelf: Shelf) -> list[Any]:
    """What runs are asked, who answer at once; the pruned run is called `half`."""
    calls: list[Any] = []

    def prune(run: Run, amount: float, **wishes: Any) -> Any:
        calls.append((amount, wishes))
        if "recover_epochs" in wishes:
            return shelf.run("half", over=False)
        return CommandApplied(step=17, command_id=1, command=Prune(amount=amount))

    monkeypatch.setattr(Run, "prune", prune)
    return calls


def test_prune_and_recover_begins_a_run_and_tells_before_and_after(
    shown, shelf, asked, monkeypatch
) -> None:
    times = {"latency_ms": 12.0, "latency_ms_32": 200.0}
    table = {"before": times, "after": {"latency_ms": 7.0, "latency_ms_32": 120.0}}
    monkeypatch.setattr(Run, "comparison", lambda _: SimpleNamespace(loc=table), raising=False)
    assert say(shown, "recover") == ""
    until(lambda: shown.outcome.get("status") == "starting")
    wishes = {"method": "structured", "target": "macs", "criterion": "taylor"}
    assert asked == [(0.5, {"live": False, **wishes, "recover_epochs": 2})]
    until(lambda: shown.state["note"].startswith("run half has begun"))
    half = shelf.store(shown.pruned)
    removed = {"parameters": (2_000_000, 900_000), "macs": (3_000_000, 1_530_000)}
    half.append([ChannelsRemoved(**removed, layers={"stem": (32, 16)}, accuracy=0.71)])
    until(lambda: {"Accuracy", "Parameters"} <= {row["label"] for row in shown.outcome["rows"]})
    by_label = {row["label"]: row for row in shown.outcome["rows"]}
    assert by_label["Accuracy"]["cut"] == "71.0 %"
    assert by_label["Parameters"] == {
        "label": "Parameters", "before": "2 M", "cut": "900 k", "after": "900 k"
    }  # fmt: skip
    assert 0 < shown.outcome["part"] <= 1
    assert shown.outcome["amount"] == 0.5
    assert shown.outcome["accuracy"] == pytest.approx(1 - 0.8 * 2.718281828 ** (-1), abs=1e-6)
    half.append([RunFinished(step=300, reason="completed", best_epoch=3)])
    until(lambda: "One image" in {row["label"] for row in shown.outcome["rows"]})
    [time_row] = [row for row in shown.outcome["rows"] if row["label"] == "One image"]
    assert (time_row["before"], time_row["after"]) == ("12 ms", "7 ms")


def test_on_another_axis_the_outcome_lies_where_it_belongs(shown, shelf, asked) -> None:
    shown.recover(epochs=3)
    assert asked[-1][1]["recover_epochs"] == 3
    removed = {"parameters": (1000, 300), "macs": (1000, 500)}
    shelf.store(shown.pruned).append([ChannelsRemoved(**removed, layers={})])
    until(lambda: len(shown.outcome["rows"]) > 2)
    say(shown, "target", "parameters")
    until(lambda: shown.outcome["amount"] == pytest.approx(0.7))


def test_a_second_pruning_is_refused_while_the_first_still_trains(shown, shelf, asked) -> None:
    shown.recover()
    said = "run half was pruned from here and still trains; stop() it first"
    assert say(shown, "recover") == said
    with pytest.raises(CommandRefused, match="still trains"):
        shown.recover()
    assert shown.state["off"]["recover"] == said
    failed = RunFailed(step=1, error="E", message="it broke", details="")
    shelf.store(shown.pruned).append([failed])
    until(lambda: shown.state["off"]["recover"] == "")
    assert len(asked) == 1


def test_two_that_ask_at_the_same_moment_begin_one_run(shown, monkeypatch, shelf) -> None:
    entered, go_on = threading.Event(), threading.Event()

    def slow(run: Run, amount: float, **_: Any) -> Run:
        entered.set()
        assert go_on.wait(PATIENCE_S)
        return shelf.run("half", over=False)

    monkeypatch.setattr(Run, "prune", slow)
    assert say(shown, "recover") == ""
    assert entered.wait(PATIENCE_S)
    assert shown.state["note"] == "a pruned run is requested …"
    assert "still trains" in say(shown, "recover")
    go_on.set()
    until(lambda: shown.pruned is not None)


def test_a_run_that_refuses_is_quoted(shown, monkeypatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise RunError("the disk is full")

    monkeypatch.setattr(Run, "prune", refuse)
    assert say(shown, "recover") == ""
    until(lambda: shown.state["note"] == "refused: the disk is full")
    with pytest.raises(RunError, match="disk"):
        shown.recover()
    assert shown.state["off"]["recover"] == ""


def test_a_live_run_is_pruned_as_it_trains(made, shelf, asked) -> None:
    slider = made(shelf.run("live", over=False), amount=0.3)
    assert slider.state["off"]["live"] == ""
    assert say(slider, "prune_live") == ""
    until(lambda: slider.state["note"] == "in force from step 17")
    wishes = {"method": "structured", "target": "macs", "criterion": "taylor"}
    assert asked == [(0.3, {"live": True, **wishes})]
    say(slider, "method", "unstructured")
    say(slider, "amount", 0)
    assert say(slider, "prune_live") == ""
    until(lambda: len(asked) == 2)
    assert asked[1] == (0, {"live": True, "method": "unstructured"})


def test_a_better_model_than_the_measured_one_is_told(made, shelf, children) -> None:
    run = shelf.run("live", over=False)
    slider = made(run)
    children[-1].introduce()
    until(lambda: slider.board)
    save_best(run.path)
    os.utime(checkpoint(run.path, "best"), (1, 1))
    shelf.store(run).append([RunStopped(step=300, best_epoch=3)])
    until(lambda: "a better model" in slider.state["said"])


# ---- where it lies ----


def test_on_a_surface_nothing_is_measured_before_somebody_asks(made, shelf, children) -> None:
    opened: list[Run] = []
    slider = made(surface=PruningSurroundings(threading.RLock(), opened.append))
    slider.follow(shelf.run("whole"))
    assert (slider.compact, slider.state["phase"], children) == (True, "idle", [])
    assert say(slider, "amount", 0.4) == ""
    until(lambda: children)
    assert say(slider, "cancel_study") == ""
    assert children[-1].dismissed
    until(lambda: slider.state["phase"] == "idle")
    assert say(slider, "study") == ""
    until(lambda: len(children) == 2)


def test_the_pruned_run_is_shown_where_there_is_a_place(made, shelf, children, asked) -> None:
    opened: list[Run] = []
    slider = made(surface=PruningSurroundings(threading.RLock(), opened.append))
    slider.follow(shelf.run("whole"))
    half = slider.recover()
    assert say(slider, "open_outcome") == ""
    until(lambda: opened == [half])
    slider.follow(half)
    assert slider.run == half
    assert "amount" not in slider.outcome  # its place was on the curve of the other
    assert slider.outcome["rows"]


def test_another_run_forgets_what_was_known_of_the_first(shown, shelf, children) -> None:
    other = shelf.run("other")
    shown.follow(other)
    assert children[0].dismissed
    assert (shown.board, shown.layers, shown.points) == ({}, [], [])
    assert shown.state["run"] == "other"
    until(lambda: len(children) == 2)


def test_the_end_of_the_slider_is_the_end_of_its_study(shown, children) -> None:
    children[-1].finish()
    until(lambda: shown.state["phase"] == "ready")
    assert not children[-1].dismissed
    shown.close()
    assert children[-1].dismissed


def test_what_was_measured_stays_when_no_more_is(shown, children) -> None:
    children[-1].measure(0.5)
    until(lambda: len(shown.points) == 2)
    assert say(shown, "cancel_study") == ""
    until(lambda: shown.state["phase"] == "ready")
    assert len(shown.points) == 2
    assert "press Measure again" in shown.state["off"]["latency"]
    assert say(shown, "protect", {"layer": "stem", "on": True}) == ""
    until(lambda: shown.board["left"]["stem"][40] == UNITS["stem"])


def test_the_page_gets_the_one_plotly_build(shown) -> None:
    sent: list[Any] = []
    shown.send = lambda *message: sent.append(message)
    shown._handle_custom_msg({"id": 1, "do": "act", "name": "plotly"}, [])
    assert sent[0][0] == {"plotly": True}
    assert sent[-1][0] == {"id": 1, "error": ""}


def test_a_slider_without_a_run_brings_nothing_heavy() -> None:
    script = (
        "import nbfinetune as nf, sys; nf.PruningSlider()\n"
        "print(*sys.modules.keys() & {'torch', 'timm', 'pandas', 'plotly', 'sklearn', 'scipy'})"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""

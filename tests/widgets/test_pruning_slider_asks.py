"""What the pruning slider asks of a run, and where it lies."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from types import SimpleNamespace
from typing import Any

import pytest
from scripted_study import UNITS
from slider_parts import PATIENCE_S, Shelf, save_best, say, until

from nbfinetune.errors import CommandRefused, RunError
from nbfinetune.records import (
    ChannelsRemoved,
    CommandApplied,
    Prune,
    RunFailed,
    RunFinished,
    RunStopped,
)
from nbfinetune.runner.run import Run
from nbfinetune.store.layout import checkpoint
from nbfinetune.widgets.pruning_slider import PruningSurroundings

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

"""The pruning slider as Python sees it: what it shows, takes and refuses."""

from __future__ import annotations

import json
from typing import Any

import pytest
from scripted_study import ACCURACY, IMAGES, UNITS, point, whole
from slider_parts import save_best, say, until

from nbfinetune.errors import CommandRefused, ConfigError
from nbfinetune.records import (
    RunStopped,
)

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

"""The slider with a real run, a real study and a real pruned run."""

from __future__ import annotations

import pytest

import nbfinetune as nf

PATIENCE_S = 300
"""Torch alone takes a while to start where others work beside."""

pytestmark = pytest.mark.slow


def test_a_slider_measures_a_model_prunes_it_and_shows_what_became_of_it(small, until):
    run = small(epochs=3).wait(progress=False)
    slider = nf.PruningSlider(run, amount=0.4)
    until(lambda: slider.state["phase"] == "ready", PATIENCE_S)
    assert slider.state["said"] == ""
    board = slider.board
    assert board["macs"][40] == pytest.approx(0.6 * board["macs"][0], rel=0.04)
    accuracies = board["accuracy"]
    assert accuracies == sorted(accuracies, reverse=True)
    assert len(slider.points) >= 4
    assert {layer["sensitivity"] is not None for layer in slider.layers} == {True}

    assert slider._do_asked("latency", None) == ""
    until(lambda: {row[1] for row in slider.latencies} == {1, 32}, PATIENCE_S)
    assert slider._do_asked("protect", {"layer": slider.layers[0]["name"], "on": True}) == ""
    assert slider._do_asked("recover", None) == ""
    until(lambda: slider.outcome.get("status") == "finished", PATIENCE_S)
    until(lambda: "One image" in {row["label"] for row in slider.outcome["rows"]}, PATIENCE_S)
    rows = {row["label"]: row for row in slider.outcome["rows"]}
    assert {"Accuracy", "Parameters", "Multiply-accumulates", "File"} <= rows.keys()
    assert rows["Accuracy"]["cut"]
    assert slider.pruned.config.pruning.protect == (slider.layers[0]["name"],)
    assert slider.outcome["accuracy"] > 0.5
    slider.close()
    assert slider.study.status == "cancelled"

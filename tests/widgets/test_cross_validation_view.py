"""A cross-validation on the page: its folds come, their mean fills in, their images follow."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from chart_runs import epoch_done
from fold_runs import FINISHED, fold_run
from slider_parts import until
from tiny_run import SMALL

from nbfinetune.records import RunFailed
from nbfinetune.runner import standby
from nbfinetune.runner.cross_validation import CrossValidation, cross_validate
from nbfinetune.runner.run import Run
from nbfinetune.store import RunStore
from nbfinetune.widgets.cross_validation_view import CrossValidationView
from nbfinetune.widgets.evaluation_view import EvaluationView
from nbfinetune.widgets.live_charts import LiveCharts


@pytest.fixture
def shown() -> Iterator[Callable[[CrossValidation], CrossValidationView]]:
    views: list[CrossValidationView] = []

    def show(cv: CrossValidation) -> CrossValidationView:
        views.append(CrossValidationView(cv))
        return views[-1]

    yield show
    for view in views:
        view.close()


def measured(run: Run, *epochs: int) -> Run:
    """The run with epochs on record, whose last is the best."""
    with RunStore.open(run.path) as store:
        store.append([epoch_done(epoch, best=True) for epoch in epochs])
    return run


def folds(home: Path, last: Any = FINISHED, count: int = 3) -> CrossValidation:
    begun = [fold_run(home, fold, FINISHED if fold + 1 < count else last) for fold in range(count)]
    runs = tuple(measured(run, 1, 2 + place) for place, run in enumerate(begun))
    return CrossValidation(runs, 3)


def test_the_folds_are_in_a_table_over_each_other_and_looked_through(home, shown):
    cv = folds(home)
    view = shown(cv)
    state = view._table.state
    assert (state["status"], state["note"]) == ("finished", "3 of 3 folds are through")
    assert [row["name"] for row in state["rows"]] == ["fold 1", "fold 2", "fold 3"]
    assert [row["epoch"] for row in state["rows"]] == ["2", "3", "4"]
    accuracy = [epoch_done(epoch).accuracy for epoch in (2, 3, 4)]
    assert [row["values"][0] for row in state["rows"]] == [f"{a:.4f}" for a in accuracy]
    assert state["mean"][0] == [f"{np.mean(accuracy):.4f}", f"{np.std(accuracy, ddof=1):.4f}"]
    assert state["columns"][2] == "ROC-AUC"
    assert state["mean"][2] == ["", ""]
    assert state["buttons"] == []
    charts = view.children[1]
    assert isinstance(charts, LiveCharts)
    assert charts.labels == ["fold 1 of 3", "fold 2 of 3", "fold 3 of 3"]
    until(lambda: view.evaluation is not None)
    assert isinstance(view.children[2], EvaluationView)
    assert len(view.evaluation.evaluation) == 60


def test_a_fold_that_failed_is_told_and_the_others_have_a_mean(home, shown):
    boom = RunFailed(error="RuntimeError", message="the disk is full", details="")
    view = shown(folds(home, boom))
    row = view._table.state["rows"][2]
    assert (row["said"], row["epoch"]) == ("failed: the disk is full", "")
    assert view._table.state["status"] == "failed"
    assert view._table.state["buttons"] == []  # of runs that were begun by hand
    assert view._table.state["note"] == "2 of 3 folds are through"
    assert view._table.state["mean"][0][1] != ""
    until(lambda: view.evaluation is not None)
    assert any("the disk is full" in note for note in view.evaluation.evaluation.notes)


def test_folds_that_train_have_their_rows_and_no_figures_yet(home, shown):
    cv = folds(home, None, count=2)
    view = shown(cv)
    state = view._table.state
    assert state["status"] == "running"
    assert [row["said"] for row in state["rows"]] == ["finished", "starting", "waits"]
    assert [row["place"] for row in state["rows"]] == [0, 1, None]
    assert state["rows"][1]["values"] == [""] * 4
    assert state["mean"][0] == [state["rows"][0]["values"][0], ""]
    assert view.evaluation is None
    with RunStore.open(cv.runs[1].path) as store:
        store.append([FINISHED])
    until(lambda: view._table.state["status"] == "stopped")
    assert view._table.state["rows"][2]["said"] == "not begun"
    until(lambda: view.evaluation is not None)


def test_a_run_that_disappears_is_told_in_a_sentence(home, shown):
    cv = folds(home, None)
    view = shown(cv)
    shutil.rmtree(cv.runs[2].path)
    until(lambda: view._table.state["error"])
    assert cv.runs[2].id in view._table.state["error"]
    assert len(view._table.state["rows"]) == 3


def test_before_any_fold_there_is_a_table_alone(shown):
    view = shown(CrossValidation((), 4))
    assert len(view._table.state["rows"]) == 4
    assert view._table.state["mean"] == [["", ""]] * 4
    assert len(view.children) == 1


def test_what_the_page_asks_is_answered(home, shown):
    view = shown(folds(home))
    assert view._do("nonsense", 1) == "there is no button 'nonsense'"
    assert "put together by hand" in view._table._do({"name": "resume", "value": None})


def test_a_view_that_is_gone_leaves_no_thread(home):
    before = threading.active_count()
    view = CrossValidationView(folds(home, None))
    view.close()
    until(lambda: threading.active_count() <= before)


@pytest.mark.slow
def test_folds_are_stopped_and_gone_on_with_by_buttons(home, shown):
    labels = np.arange(64) % 4
    images = np.random.default_rng(0).integers(0, 80, (64, 16, 16, 3))
    images += 40 * labels[:, None, None, None]
    data = (images.astype(np.uint8), labels)
    cv = cross_validate(data, folds=2, epochs=100_000, wait=False, **SMALL)
    try:
        view = shown(cv)
        until(lambda: view._table.state["rows"][0]["said"].startswith("epoch"))
        charts = view.children[1]
        charts.log_loss, charts.smoothing = True, 0.5
        assert [one["name"] for one in view._table.state["buttons"]] == ["stop"]
        assert view._do("stop", None) == ""
        until(lambda: view._table.state["status"] == "stopped")
        assert [one["name"] for one in view._table.state["buttons"]] == ["resume"]
        assert view._do("resume", None) == ""
        until(lambda: cv.runs[0].status == "running")
        cv.runs[0].stop()
        until(lambda: len(view.children[1].labels) == 2)
        assert view.children[1] is not charts
        assert (view.children[1].log_loss, view.children[1].smoothing) == (True, 0.5)
        until(lambda: view._table.state["rows"][0]["epoch"] != "")
        until(lambda: cv.runs[1].status == "running")
        cv.runs[1].stop()
        until(lambda: view._table.state["status"] == "finished")
        until(lambda: view.evaluation is not None)
    finally:
        cv.stop()
        if standby._waiting is not None:
            standby._waiting.dismiss()
            standby._waiting = None

"""What trackers are given of a run, and what `track` refuses before anything is started."""

from __future__ import annotations

import subprocess
import sys
from typing import get_args, get_type_hints

import pytest
from chart_runs import epoch_done, progress, started, step_done
from msgspec.structs import replace

import nbfinetune as nf
from nbfinetune.errors import ConfigError
from nbfinetune.records import (
    ChannelsRemoved,
    Cosine,
    DataConfig,
    Exclude,
    FineTuneConfig,
    Named,
    RunFailed,
    RunFinished,
    RunPaused,
    RunRestored,
    ScheduleChanged,
)
from nbfinetune.records.events import Event
from nbfinetune.runner.trackers import targets
from nbfinetune.runner.trackers.bookmark import Bookmark, place
from nbfinetune.runner.trackers.notes import NOTED, lines, notes_of
from nbfinetune.runner.trackers.pages import LONGEST_SETTING, ending, page_of, settings_of
from nbfinetune.runner.trackers.targets import MLflow, TensorBoard, WandB, target_of, targets_of

START = Bookmark(target=TensorBoard())


@pytest.fixture
def installed(monkeypatch):
    monkeypatch.setattr(targets, "_require", lambda _: None)


def numbered(events, first=1):
    return [replace(event, seq=seq) for seq, event in enumerate(events, first)]


def test_steps_and_epochs_become_points_by_name():
    page, mark = page_of(numbered(progress(99, 100)), START)
    assert [(point.step, next(iter(point.values))) for point in page.points] == [
        (99, "step/loss"),
        (100, "step/loss"),
        (100, "epoch/train_loss"),
    ]
    assert page.points[1].values["step/lr"] == step_done(100).lr
    assert (mark.seq, mark.steps_to, mark.epochs_to) == (3, 100, 100)


def test_what_could_not_be_measured_is_left_out():
    page, _ = page_of([epoch_done(1), replace(step_done(101), loss=float("nan"))], START)
    epoch, step = page.points
    assert "epoch/roc_auc" not in epoch.values
    assert "epoch/accuracy" in epoch.values
    assert "step/loss" not in step.values


def test_steps_that_a_resumed_run_repeats_are_not_given_again():
    _, mark = page_of(numbered(progress(1, 150)), START)
    again = [RunRestored(step=80), *progress(81, 160)]
    page, mark = page_of(numbered(again, mark.seq + 1), mark)
    assert [point.step for point in page.points] == list(range(151, 161))
    assert [note.text for note in page.notes] == ["taken up again from step 80"]


def test_a_page_without_events_leaves_the_bookmark_where_it_is():
    _, mark = page_of(numbered(progress(1, 3)), START)
    assert page_of([], mark) == (([], []), mark)


def test_edits_and_turns_become_sentences():
    schedule = ScheduleChanged(step=1200, schedule=Cosine(lr=0.01), epochs=8)
    removed = ChannelsRemoved(step=7, parameters=(1000, 500), macs=(80, 40), layers={})
    failed = RunFailed(step=9, error="E", message="the loss is nan", details="")
    assert lines(notes_of([schedule, removed, RunPaused(step=8), step_done(8), failed])) == [
        "- step 1,200: schedule: Cosine, peak 0.01, over 8 epochs",
        "- step 7: channels removed: 1,000 parameters became 500, 80 multiply-accumulates 40",
        "- step 8: paused",
        "- step 9: failed: the loss is nan",
    ]


def test_every_way_to_finish_has_words():
    reasons = get_args(get_type_hints(RunFinished)["reason"])
    told = [note.text for note in notes_of([RunFinished(reason=r, best_epoch=1) for r in reasons])]
    assert len(set(told)) == len(reasons)
    assert {text.partition(":")[0] for text in told} == {"finished"}


def test_noted_kinds_are_kinds_of_events_each_once():
    assert set(NOTED) < set(get_args(Event))
    assert "2 classes" in notes_of([started()])[0].text


def test_the_best_epoch_stands_at_the_last_step():
    end = ending("stopped", 250, epoch_done(2))
    assert (end.status, end.best.step) == ("stopped", 250)
    assert end.best.values["best/accuracy"] == epoch_done(2).accuracy
    assert ending("failed", -1, None).best is None


def test_settings_are_flat_plain_and_not_endless():
    edits = tuple(Exclude(item=f"cats/{number}.jpg") for number in range(100))
    config = FineTuneConfig(data=DataConfig(source=Named(name="digits"), edits=edits))
    settings = settings_of(config)
    assert settings["data.source.kind"] == "named"
    assert settings["training.epochs"] == config.training.epochs
    assert settings["augment.flip"] is True
    assert settings["schedule.lr"] == config.schedule.lr
    assert "model.checkpoint" not in settings
    assert len(settings["data.edits"]) == LONGEST_SETTING


def test_an_unknown_tracker_names_the_closest():
    with pytest.raises(ConfigError, match=r"no tracker 'tensorbord'; closest: 'tensorboard'"):
        target_of("tensorbord", {})
    with pytest.raises(ConfigError, match="there are tensorboard, mlflow, wandb"):
        target_of("neptune", {})


@pytest.mark.parametrize(
    ("tracker", "where", "words"),
    [
        ("tensorboard", {"uri": "x"}, r"uri='x': tensorboard takes folder"),
        ("tensorboard", {"folder": 3}, "folder is 3"),
        ("mlflow", {"uri": "a", "experiment": ""}, "experiment is ''"),
        ("wandb", {"mode": "of"}, "mode is 'of'"),
    ],
)
def test_a_place_that_can_not_be_is_refused(tracker, where, words, installed):
    with pytest.raises(ConfigError, match=words):
        target_of(tracker, where)


def test_a_tracker_that_is_not_installed_is_named_with_the_line_that_installs_it(monkeypatch):
    monkeypatch.setattr(targets, "find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=r"pip install 'nbfinetune\[wandb\]'"):
        target_of("wandb", {})


def test_a_folder_that_is_called_like_a_library_is_none(tmp_path, monkeypatch):
    (tmp_path / "wandb_runs").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigError, match="wandb_runs is not installed"):
        targets._require("wandb_runs")


def test_a_target_means_the_same_from_every_folder(tmp_path, monkeypatch, installed):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert target_of("tensorboard", {"folder": "logs"}) == TensorBoard(folder=f"{tmp_path}/logs")
    assert target_of("mlflow", {}) == MLflow(uri=f"sqlite:///{tmp_path}/mlflow.db")
    assert target_of("mlflow", {"uri": tmp_path / "runs"}) == MLflow(uri=f"{tmp_path}/runs")
    http = target_of("mlflow", {"uri": "http://tracker:5000", "experiment": "birds"})
    assert http == MLflow(uri="http://tracker:5000", experiment="birds")


def test_what_the_environment_says_is_taken_where_nothing_is_given(monkeypatch, installed):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://tracker:5000")
    monkeypatch.setenv("WANDB_MODE", "offline")
    assert target_of("mlflow", {"uri": None}) == MLflow(uri="http://tracker:5000")
    assert target_of("wandb", {}) == WandB(mode="offline")
    assert target_of("wandb", {"mode": "online"}) == WandB(mode="online")


def test_each_tracker_and_place_has_a_bookmark_of_its_own(tmp_path):
    marked = [TensorBoard(), TensorBoard(folder="/logs"), WandB(), WandB(project="birds")]
    assert len({place(tmp_path, target) for target in marked}) == 4
    assert place(tmp_path, WandB()) == place(tmp_path, WandB(project="nbfinetune"))


def test_a_run_without_mirrors_loads_nothing_of_them():
    script = "import sys, nbfinetune as nf; nf.fine_tune; assert 'filelock' not in sys.modules"
    unloaded = (
        "assert not any(name.startswith('nbfinetune.runner.trackers') for name in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", f"{script}; {unloaded}"], check=True)


def test_trackers_are_given_by_name_or_with_their_places(installed):
    assert targets_of("tensorboard") == (TensorBoard(),)
    named = targets_of(("tensorboard", "wandb"))
    assert [type(one) for one in named] == [TensorBoard, WandB]
    placed = targets_of({"wandb": {"project": "birds", "mode": "offline"}, "tensorboard": {}})
    assert placed == (WandB(project="birds", mode="offline"), TensorBoard())
    assert targets_of(()) == ()


@pytest.mark.parametrize(
    ("trackers", "told"),
    [
        ("tensorbord", "there is no tracker 'tensorbord'; closest: 'tensorboard'"),
        (("wandb", 3), "there is no tracker 3"),
        (7, "trackers is 7; give a name such as 'tensorboard'"),
        ({"wandb": "birds"}, "each with where it leads"),
        ({"wandb": {"projekt": "birds"}}, "wandb takes project"),
    ],
)
def test_trackers_that_can_not_be_are_refused_before_a_run_begins(home, installed, trackers, told):
    for begin in (nf.fine_tune, nf.cross_validate):
        with pytest.raises(ConfigError, match=told):
            begin("digits", trackers=trackers)
    assert not home.exists()

"""What a handle shows: tables, a progress bar, a line, and what is missing."""

from __future__ import annotations

import _thread
import shutil
import signal

import pytest

from nbfinetune.errors import ConfigError, NoSuchRun, RunError, RunTimeout
from nbfinetune.records import PhaseStarted, StepDone
from nbfinetune.runner import progress
from nbfinetune.runner.progress import Glance
from nbfinetune.runner.run import Run, runs
from nbfinetune.store import RunStore


@pytest.fixture
def finished(scripted):
    return scripted(epochs=3).wait(progress=False)


def test_step_metrics_have_a_row_per_step(finished):
    table = finished.metrics("step")
    assert list(table.columns) == ["loss", "lr", "images_per_s", "data_wait_s", "memory_mb"]
    assert table.index.name == "step"
    assert table.index.tolist() == list(range(1, 31))
    assert table["loss"].tolist() == [1 / step for step in range(1, 31)]


def test_epoch_metrics_have_a_row_per_epoch_with_gaps_where_nothing_could_be_measured(finished):
    table = finished.metrics()
    assert list(table.columns) == [
        *("train_loss", "val_loss", "accuracy", "top5", "precision", "recall", "macro_f1"),
        *("roc_auc", "seconds", "images_per_s"),
    ]
    assert table.index.name == "epoch"
    assert table.index.tolist() == [1, 2, 3]
    assert table["roc_auc"].isna().all()
    assert set(map(str, table.dtypes)) == {"float64"}


@pytest.mark.parametrize("split", ["epoch", "step"])
def test_a_run_without_metrics_has_an_empty_table(new_run, split):
    table = new_run().metrics(split)
    assert table.empty
    assert "images_per_s" in table.columns


def test_an_unknown_split_names_the_two_there_are(new_run):
    with pytest.raises(ConfigError, match="'batch'; metrics come by 'epoch' or by 'step'"):
        new_run().metrics("batch")


def test_events_continue_where_one_has_left_off(finished):
    events = finished.events()
    assert finished.events(after=events[-3].seq) == events[-2:]


def test_runs_are_listed_oldest_first(home, new_run):
    assert runs() == []
    made = [new_run(name) for name in ("b", "a")]
    (home / "no-run").mkdir()
    assert runs() == runs(home) == sorted(made, key=lambda run: run.id)


def test_a_handle_is_short_and_says_how_the_run_stands(finished):
    assert repr(finished) == (
        f"Run('{finished.id}', status finished, model obeys, epoch 3/3, best accuracy 0.7500)"
    )
    assert "<td>finished</td>" in finished._repr_html_()


def test_a_run_in_html_is_escaped(new_run):
    html = new_run("<script>alert(1)</script>")._repr_html_()
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


def test_a_handle_of_a_deleted_run_can_still_be_looked_at(new_run):
    run = new_run()
    shutil.rmtree(run.path)
    assert repr(run) == f"Run('{run.id}', at {run.path})"
    with pytest.raises(NoSuchRun):
        _ = run.status
    with pytest.raises(NoSuchRun):
        Run.open(run.id)


@pytest.mark.parametrize(
    "use",
    [
        lambda run: run.load_model(),
        lambda run: run.predict([]),
        lambda run: run.evaluate(),
        lambda run: run.export("m.safetensors"),
    ],
)
def test_a_run_without_a_checkpoint_can_not_be_used_yet(new_run, use):
    with pytest.raises(RunError, match=r"no 'best' checkpoint yet \(it is starting\); wait for"):
        use(new_run())


def test_only_the_best_and_the_last_weights_are_kept(new_run):
    with pytest.raises(ConfigError, match="'first'; a run keeps 'best' and 'last'"):
        new_run().load_model("first")


def test_waiting_draws_phase_epoch_and_figures(scripted, capsys):
    run = scripted(epochs=40)
    assert run.wait() is run
    drawn = capsys.readouterr().err
    assert "finished: 100%" in drawn
    assert "400/400" in drawn
    assert "loss=0.0025, lr=0.1, accuracy=0.9756" in drawn


def test_before_the_first_step_the_bar_shows_the_phase(new_run):
    run = new_run()
    with RunStore.open(run.path) as store:
        assert progress.glance(store) == Glance("starting")
        store.append([PhaseStarted(phase="loading weights")])
        assert progress.glance(store) == Glance("loading weights")


def test_a_new_worker_shows_its_phase_until_it_begins(finished):
    with RunStore.open(finished.path) as store:
        assert progress.glance(store).label == "finished"
        store.append([PhaseStarted(phase="starting torch")])
        assert progress.glance(store) == Glance("starting torch")


def test_waiting_for_a_run_that_is_over_returns_at_once_without_a_bar(finished, capsys):
    finished.wait()
    assert capsys.readouterr().err == ""


def test_waiting_has_a_limit_and_the_run_trains_on(training, until):
    with pytest.raises(RunTimeout, match=r"has not ended within 0\.01 s; it trains on"):
        training.wait(progress=False, timeout_s=0.01)
    assert training.status == "running"


def test_an_interrupted_wait_leaves_the_run_training_and_says_how_to_stop_it(
    training, capsys, until, monkeypatch
):
    def look_and_interrupt(store):
        _thread.interrupt_main()
        return Glance("seen enough")

    monkeypatch.setattr(progress, "glance", look_and_interrupt)
    # Shells have what they start in the background ignore it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with pytest.raises(KeyboardInterrupt):
        training.wait()
    assert "run.stop() ends it" in capsys.readouterr().out
    with RunStore.open(training.path) as store:
        before = store.last(StepDone).step
        until(lambda: store.last(StepDone).step > before)

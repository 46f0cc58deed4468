"""Short runs compared, and what of a sweep outlives its kernel."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import nbfinetune as nf
from nbfinetune.errors import ConfigError, NoSuchRun, RunError, RunTimeout
from nbfinetune.records import LIVE
from nbfinetune.runner import standby, sweep_driver
from nbfinetune.runner.series import Driver
from nbfinetune.runner.settings import configure
from nbfinetune.runner.sweep_driver import Conductor
from nbfinetune.runner.sweep_plan import Choices, Range, plan_of
from nbfinetune.schedules import Constant, Cosine, through
from nbfinetune.widgets.live_charts import LiveCharts

SETTINGS = {
    "model": "factories:small_cnn",
    "pretrained": False,
    "image_size": 16,
    "batch_size": 16,
    "device": "cpu",
    "threads": 1,
    "loader_threads": 1,
    "augment": "none",
}
RATES, EPOCHS = [1e-3, 3e-2, 1e-7, 1e30], 40

LONG = 100_000
"""Epochs of runs that do not end by themselves in the time of a test."""


def stripes(images: int = 96) -> tuple[np.ndarray, np.ndarray]:
    """Four classes that differ by where the bright stripe is."""
    labels = np.arange(images) % 4
    pixels = np.random.default_rng(0).integers(0, 80, (images, 16, 16, 3))
    for row, label in enumerate(labels):
        pixels[row, 4 * label : 4 * label + 4] += 150
    return pixels.astype(np.uint8), labels


@pytest.fixture(autouse=True)
def nothing_goes_on(monkeypatch):
    """End every sweep that a test has begun, and the standby of its next run."""
    begun = []
    resume = nf.Sweep.resume

    def noted(self):
        begun.append(self)
        return resume(self)

    monkeypatch.setattr(nf.Sweep, "resume", noted)
    yield
    for one in begun:
        one.stop()
    if standby._waiting is not None:
        standby._waiting.dismiss()
        standby._waiting = None


@pytest.fixture(scope="module")
def over(tmp_path_factory):
    """A sweep that is through: two that learn, one that does not, and one that blows up."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NBFINETUNE_HOME", str(tmp_path_factory.mktemp("runs")))
        patch.setenv("NBFINETUNE_CACHE", str(tmp_path_factory.mktemp("cache")))
        settings = SETTINGS | {"model": "factories:unhurried"}
        sweep = nf.sweep(stripes(), lrs=RATES, epochs=EPOCHS, monitor="val_loss", **settings)
        assert sweep.status == "running"
        return sweep.wait(progress=False, timeout_s=200)


def test_every_rate_gets_a_run_and_the_best_is_known(over):
    assert over.status == "finished"
    frame = over.to_frame()
    assert frame["lr"].tolist() == RATES
    assert frame["run"].tolist() == [run.id for run in over.runs]
    assert [run.config.schedule.lr for run in over.runs] == RATES
    assert over.best.config.schedule.lr == 3e-2
    assert frame["val_loss"].idxmin() == 1
    assert over.best.metrics()["val_loss"].min() == frame["val_loss"].min()


def test_a_loser_is_stopped_after_an_epoch_and_a_failure_is_told_of(over):
    frame = over.to_frame()
    assert frame["state"].tolist() == ["finished", "finished", "stopped", "failed"]
    assert frame["epochs"][2] < EPOCHS
    assert "is worse than the median of the others" in frame["reason"][2]
    assert over.runs[2].status == "stopped"
    assert "the loss became" in frame["reason"][3]


def test_a_sweep_is_drawn_and_opened_again(over):
    charts = LiveCharts(over.runs)
    assert len(charts.labels) == 4
    charts.close()
    again = nf.Sweep.open(over.path)
    assert again.best == over.best
    assert "finished, 4 of 4 runs" in repr(again)
    assert "0.03" in again._repr_html_()


def test_the_best_is_promoted_to_a_full_run_with_the_same_split(over):
    full = over.promote(epochs=4).wait(progress=False, timeout_s=200)
    assert full.config.schedule == over.best.config.schedule
    assert len(full.metrics()) == full.config.training.epochs == 4
    mine, best = (np.load(run.path / "predictions" / "best.npz") for run in (full, over.best))
    assert np.array_equal(mine["ids"], best["ids"])
    assert np.array_equal(mine["labels"], best["labels"])


def test_what_breaks_a_sweep_off_is_told_and_it_can_go_on(monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(sweep_driver.Conductor, "_next", full)
    sweep = nf.sweep(stripes(), lrs=[1e-2], epochs=1, **SETTINGS)
    with pytest.raises(RunError, match=r"broke off: .*No space left.*resume\(\) goes on"):
        sweep.wait(progress=False, timeout_s=120)
    assert sweep.status == "stopped"
    monkeypatch.undo()
    sweep = nf.Sweep.open(sweep.path).resume().wait(progress=False, timeout_s=200)
    assert sweep.status == "finished"


def test_a_sweep_that_is_stopped_before_it_looks_still_stops_the_run_in_hand(monkeypatch, until):
    monkeypatch.setattr(Conductor, "_stop_in_hand", lambda self: None)
    sweep = nf.sweep(stripes(), lrs=[1e-2], epochs=LONG, **SETTINGS)
    until(lambda: sweep.runs and len(sweep.runs[0].metrics()) > 0)
    sweep.stop()
    (run,) = sweep.runs
    assert run.status in LIVE  # as after its kernel was killed
    monkeypatch.undo()
    driver = Driver(sweep.path)
    assert driver.take()
    driver.ask_to_stop()
    Conductor(sweep.path, sweep.plan, driver).work()
    assert run.status == "stopped"


KERNEL = """
import sys, threading
sys.path[:0] = sys.argv[1:]
import nbfinetune as nf
from test_sweep import LONG, SETTINGS, stripes
sweep = nf.sweep(stripes(), lrs=[1e-2, 1e-3], epochs=LONG, **SETTINGS)
print(sweep.id, flush=True)
threading.Event().wait()
"""


@pytest.mark.slow
def test_a_sweep_is_taken_up_after_its_kernel_was_killed(home, until):
    here = Path(__file__).parent
    kernel = subprocess.Popen(
        [sys.executable, "-c", KERNEL, str(here), str(here.parent)],
        stdout=subprocess.PIPE,
        text=True,
    )
    with kernel:
        try:
            sweep = nf.Sweep.open(kernel.stdout.readline().strip())
            until(lambda: sweep.runs and len(sweep.runs[0].metrics()) > 1)
            with pytest.raises(RunError, match="is running already, here or in another kernel"):
                sweep.resume()
            with pytest.raises(RunTimeout, match=r"within 0.01 s"):
                sweep.wait(progress=False, timeout_s=0.01)
        finally:
            kernel.kill()
    until(lambda: sweep.status == "stopped")
    (run,) = sweep.runs
    assert run.status in LIVE  # the run outlives the kernel, as any
    sweep.resume()
    assert sweep.status == "running"
    seen = len(run.metrics())
    until(lambda: len(run.metrics()) > seen)
    sweep.stop()
    assert sweep.status == "stopped"
    assert run.status == "stopped"
    assert sweep.to_frame()["state"].tolist() == ["running", "waiting"]
    with pytest.raises(RunError, match=r"no run of sweep .* has come to its end"):
        _ = sweep.best
    seen = len(run.metrics())
    sweep.resume()
    until(lambda: len(run.metrics()) > seen)
    assert sweep.runs == [run]


CONFIG = configure(nf.records.Named(name="digits"), {"lr": 3e-3, "model": "resnet10t"})


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "none of them was given"),
        ({"lrs": [1e-3], "space": {"lr": [1e-3]}}, "lrs and space was given"),
        ({"lrs": []}, "lr is empty"),
        ({"lrs": [1e-3, -1.0]}, "-1"),
        ({"lrs": [1e-3, 1e-3]}, "a value twice"),
        ({"lrs": [1e-3, "automatic"]}, "closest: 'auto'"),
        ({"lrs": [1e-3], "trials": 3}, "trials=3 goes with space="),
        ({"schedules": ["cosine", "cosinus"]}, "cosinus"),
        ({"schedules": [object()]}, "give numbers, words or schedules"),
        ({"space": {}}, "space is empty"),
        ({"space": {"lr": (1e-1, 1e-4)}}, "first end must be the lower"),
        ({"space": {"lr": 1e-3}}, "a range as a tuple"),
        ({"space": {"learning_rate": (1e-4, 1e-1)}}, "no setting 'learning_rate'"),
        ({"space": {"lr": (1e-4, 1e-1)}, "trials": 0}, "trials is 0"),
    ],
)
def test_a_sweep_that_makes_no_sense_is_refused_before_anything_is_spawned(home, given, told):
    with pytest.raises(ConfigError, match=told):
        nf.sweep("digits", **given)
    assert not home.exists()


def test_what_belongs_to_one_run_is_no_sweeps():
    for name, value in {"wait": True, "trackers": "tensorboard"}.items():
        with pytest.raises(ConfigError, match=f"{name}={value!r} does not go with a sweep"):
            nf.sweep("digits", lrs=[1e-3], **{name: value})


def test_curves_by_name_keep_the_rate_and_curves_by_record_have_their_own():
    curves = ["one_cycle", Constant(lr=0.5), through([(0, 1e-3), (1, 1e-4)])]
    plan = plan_of(CONFIG, None, curves, None, None)
    found = [plan.config_of(params).schedule for params in plan.first_params()]
    assert (type(found[0]).__name__, found[0].lr) == ("OneCycle", 3e-3)
    assert found[1:] == curves[1:]
    assert plan.trials == 3


def test_a_range_is_searched_by_orders_of_magnitude_where_its_ends_are_far_apart():
    space = {"lr": (1e-4, 1e-1), "dropout": (0.0, 0.5), "batch_size": (8, 64), "momentum": [0.9]}
    plan = plan_of(CONFIG, None, None, space, None)
    assert plan.space == {
        "lr": Range(1e-4, 1e-1, log=True, whole=False),
        "dropout": Range(0.0, 0.5, log=False, whole=False),
        "batch_size": Range(8, 64, log=False, whole=True),
        "momentum": Choices((0.9,)),
    }
    assert plan.trials == 10
    config = plan.config_of({"lr": 0.02, "dropout": 0.1, "batch_size": 16, "momentum": 0.9})
    assert (config.schedule.lr, config.model.dropout, config.training.batch_size) == (0.02, 0.1, 16)
    assert config.schedule == Cosine(lr=0.02, warmup=CONFIG.schedule.warmup)


def test_a_sweep_that_is_not_there_is_told_with_the_closest(home):
    with pytest.raises(NoSuchRun, match="there are no sweeps yet"):
        nf.Sweep.open("20261122")

"""Looking for a learning rate in a worker of its own, or beside a live run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tiny_run import SMALL

import nbfinetune as nf
from nbfinetune.data.sources import accept
from nbfinetune.errors import (
    CommandRefused,
    ConfigError,
    RunFailedError,
    RunInterrupted,
    RunTimeout,
)
from nbfinetune.records import LearningRateFound, RateTried
from nbfinetune.runner import standby
from nbfinetune.runner.lr_finding import LRFinder, find_lr
from nbfinetune.runner.settings import adjusted, configure
from nbfinetune.schedules import Cosine, default_lr

UNHURRIED = {**SMALL, "model": "factories:unhurried"}


def stripes(images: int = 160) -> tuple[np.ndarray, np.ndarray]:
    """Four classes that differ by where the bright stripe is."""
    labels = np.arange(images) % 4
    pixels = np.random.default_rng(0).integers(0, 80, (images, 16, 16, 3))
    for row, label in enumerate(labels):
        pixels[row, 4 * label : 4 * label + 4] += 150
    return pixels.astype(np.uint8), labels


def files_in(folder: Path) -> list[Path]:
    return list(folder.rglob("*")) if folder.exists() else []


@pytest.fixture
def finder():
    accepted = accept(stripes())
    return LRFinder(accepted, configure(accepted.source, SMALL))


def test_what_is_found_is_shown_and_nothing_is_left_behind(home):
    found = nf.find_lr(stripes(), progress=False, timeout_s=120, **SMALL)
    assert found.lr == found.suggestions["steepest"]
    assert list(found.points.columns) == ["lr", "loss", "smoothed"]
    assert found.points["lr"].is_monotonic_increasing
    figure = found.figure()
    assert figure.layout.xaxis.type == "log"
    assert len(figure.data[0].x) == len(found.points)
    html = found._repr_html_()
    assert "<svg" in html
    assert f"take {found.lr:.2g}" in html
    assert "<script" not in html
    assert files_in(home) == []
    assert nf.runs() == []


def test_points_grow_while_the_search_runs_and_callbacks_hear_of_it(finder, home, until):
    seen = []
    finder.on_change(lambda: seen.append((finder.status, len(finder.points))))
    assert finder.status == "waiting"
    assert finder.points.shape == (0, 2)
    finder.start()
    assert finder.status == "running"
    assert finder.wait(120)
    assert finder.status == "done"
    assert finder.finding is not None
    assert len(finder.points) == len(finder.finding.points)
    until(lambda: seen and seen[-1] == ("done", len(finder.points)))
    counts = [count for _, count in seen]
    assert counts == sorted(counts)
    assert files_in(home) == []


def test_a_search_that_is_cancelled_leaves_nothing_and_can_begin_again(finder, home):
    finder.start()
    finder.cancel()
    assert finder.status == "cancelled"
    assert finder.finding is None
    assert files_in(home) == []
    finder.start()
    assert finder.wait(120)
    assert finder.finding is not None


def test_a_search_whose_worker_is_killed_says_so(finder, home):
    finder.start()
    finder._place._process.kill()
    assert finder.wait(120)
    assert finder.status == "failed"
    assert isinstance(finder.trouble, RunInterrupted)
    assert finder.error
    assert files_in(home) == []


def test_a_network_that_can_not_be_built_is_told_of_as_by_a_run(home):
    with pytest.raises(RunFailedError, match="can't be built today"):
        find_lr(stripes(), progress=False, **{**SMALL, "model": "factories:raising"})
    assert files_in(home) == []


def test_a_search_that_takes_too_long_is_ended(home):
    with pytest.raises(RunTimeout, match=r"within 0.01 s"):
        find_lr(stripes(), progress=False, timeout_s=0.01, **SMALL)
    assert files_in(home) == []


def test_the_standby_does_the_search(finder, until):
    waiting = standby.prepare()
    finder.start()
    assert finder._place._process.pid == waiting.pid
    finder.cancel()
    until(lambda: not waiting.fits())


def test_a_live_run_holds_searches_and_goes_on(tmp_path, until):
    run = nf.fine_tune(stripes(), epochs=100_000, lr=1e-3, **UNHURRIED)
    until(lambda: len(run.metrics("step")) > 3)
    found = nf.find_lr(run, progress=False, timeout_s=120)
    done = len(run.metrics("step"))
    events = run.events()
    tried = [event for event in events if isinstance(event, RateTried)]
    assert len({event.step for event in tried}) == 1
    assert found.points["lr"].tolist() == [event.lr for event in tried]
    until(lambda: len(run.metrics("step")) > done)
    assert run.config.schedule.lr == 1e-3
    run.pause()
    again = LRFinder(run)
    again.start()
    until(lambda: len(again.points) > 1)
    again.cancel()
    assert run.status == "paused"
    ends = [event for event in run.events() if isinstance(event, LearningRateFound)]
    assert "was stopped after" in ends[-1].sentence
    run.stop()
    with pytest.raises(CommandRefused, match="is stopped and has no worker"):
        nf.find_lr(run, progress=False)
    with pytest.raises(ConfigError, match="has its own settings: leave out epochs"):
        nf.find_lr(run, epochs=3)


@pytest.mark.slow
def test_auto_is_a_rate_for_any_preset_and_travels_to_a_replay(until):
    run = nf.fine_tune(stripes(), lr="auto", schedule="one_cycle", epochs=1, **SMALL)
    assert run.config.lr_search == "first"
    run.wait(progress=False, timeout_s=120)
    found = next(event for event in run.events() if isinstance(event, LearningRateFound))
    assert found.taken == found.lr
    again = nf.fine_tune(replay=run).wait(progress=False, timeout_s=120)
    assert again.config.lr_search == "off"
    assert again.config.schedule.lr == found.taken
    assert [e for e in again.events() if isinstance(e, RateTried)] == []
    assert again.metrics()["val_loss"].tolist() == run.metrics()["val_loss"].tolist()


@pytest.mark.slow
def test_a_run_that_is_killed_while_it_searches_ends_like_one_that_was_left_alone(kill, until):
    settings = {**UNHURRIED, "lr": "auto", "epochs": 2}
    killed = nf.fine_tune(stripes(), **settings)
    until(lambda: any(isinstance(event, RateTried) for event in killed.events()))
    kill(killed)
    until(lambda: killed.status == "interrupted")
    alone = nf.fine_tune(stripes(), **settings).wait(progress=False, timeout_s=200)
    killed.resume()
    killed.wait(progress=False, timeout_s=200)
    assert killed.metrics()["val_loss"].tolist() == alone.metrics()["val_loss"].tolist()
    assert killed.metrics("step")["lr"].tolist() == alone.metrics("step")["lr"].tolist()


@pytest.mark.parametrize("lr", ["automatic", "1e-3"])
def test_a_rate_that_is_another_word_than_auto_is_refused(lr):
    with pytest.raises(ConfigError, match=f"lr is '{lr}'; give a number .*closest: 'auto'"):
        nf.fine_tune("digits", lr=lr)


@pytest.mark.parametrize("setting", [{"lr": 1e-3}, {"lr": "auto"}, {"wait": True}])
def test_find_lr_takes_no_rate(setting):
    with pytest.raises(ConfigError, match="find_lr looks for lr; leave it out"):
        nf.find_lr("digits", **setting)


def test_auto_starts_from_the_default_that_it_falls_back_to():
    source = accept("digits").source
    config = configure(source, {"lr": "auto", "optimizer": "sgd"})
    assert (config.lr_search, config.schedule.lr) == ("first", default_lr("sgd"))
    typed = adjusted(config, {"lr": 0.3})
    assert (typed.lr_search, typed.schedule.lr) == ("off", 0.3)
    assert adjusted(typed, {"lr": "auto"}).lr_search == "first"
    assert adjusted(config, {"epochs": 7}).lr_search == "first"


def test_one_keyword_is_changed_and_the_others_stay():
    source = accept("digits").source
    config = configure(source, {"lr": 0.02, "weight_decay": 0.5, "seed": 4, "flip": False})
    other = adjusted(config, {"optimizer": "sgd", "schedule": "linear"})
    assert (other.optimizer.name, other.optimizer.weight_decay) == ("sgd", 0.5)
    assert (other.schedule.lr, type(other.schedule).__name__) == (0.02, "Linear")
    assert (other.seed, other.augment.flip) == (4, False)
    assert adjusted(config, {"schedule": Cosine(lr=0.7)}).schedule == Cosine(lr=0.7)


def test_looking_for_a_rate_brings_no_torch_into_the_kernel():
    script = (
        "import sys\nimport nbfinetune as nf\nnf.find_lr, nf.sweep\n"
        "print(*{'torch', 'optuna', 'plotly', 'pandas'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=os.environ
    )
    assert done.stdout.split() == []


@pytest.fixture(autouse=True)
def no_standby_left():
    yield
    if standby._waiting is not None:
        standby._waiting.dismiss()
        standby._waiting = None

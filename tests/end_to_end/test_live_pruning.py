"""Prunings by the handle: of a run that trains, and of one that does not any more."""

from __future__ import annotations

import os
import signal

import numpy as np
import pytest

import nbfinetune as nf
from nbfinetune.errors import CommandRefused, ConfigError, RunError, RunFailedError
from nbfinetune.records import ChannelsRemoved, EpochDone, Pruned, RunRestored
from nbfinetune.store import RunStore


def steps(run) -> int:
    return len(run.metrics("step"))


def last(run, kind):
    return [event for event in run.events() if isinstance(event, kind)]


def parameters(model) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.slow
def test_a_paused_run_loses_channels_is_killed_and_gives_a_small_model(small, until):
    run = small(epochs=100_000, ema=0.9, checkpoint_every_s=3600.0)
    until(lambda: run.metrics()["accuracy"].size > 0)
    run.pause()
    applied = run.prune(0.5, method="structured", round_to=1, live=True)
    (told,) = last(run, ChannelsRemoved)
    assert told.step == applied.step
    assert told.parameters[1] < told.parameters[0]
    with pytest.raises(CommandRefused, match="gone already"):
        run.prune(0.2, method="structured", round_to=1, live=True)
    # Its last checkpoint is of before the cut, which comes again.
    with RunStore.open(run.path) as store:
        os.kill(store.worker().pid, signal.SIGKILL)
    until(lambda: run.status == "interrupted")
    run.resume()
    until(lambda: steps(run) > applied.step + 20)
    assert last(run, RunRestored)
    run.stop()
    for which in ("last", "best"):
        assert parameters(run.load_model(which)) == told.parameters[1]
    assert run.evaluate().accuracy > 0


def test_weights_go_from_a_live_run(small, until):
    run = small(epochs=100_000)
    until(lambda: steps(run) > 3)
    with pytest.raises(ConfigError, match="belongs to a new run"):
        run.prune(0.5, live=True, recover_epochs=1)
    with pytest.raises(ConfigError, match="scope is 'rows'"):
        run.prune(0.5, scope="rows")
    run.prune(0.5, scope="layer")
    run.prune(below=1e-2)
    run.prune(pattern="2:4")
    run.set_optimizer(clip_weights=0.2)
    by_layer, below, _ = last(run, Pruned)
    assert by_layer.zeros == by_layer.weights // 2
    assert 0 < below.zeros < below.weights
    until(lambda: run.metrics()["accuracy"].size > 0)
    run.stop()
    with pytest.raises(CommandRefused, match="leave live out"):
        run.prune(0.5, method="structured", live=True)


@pytest.mark.slow
def test_weights_of_the_best_go_where_a_run_is_over(whole):
    half = whole.prune(0.6, recover_epochs=1).wait(progress=False)
    (told,) = last(half, Pruned)
    assert (told.step, told.zeros) == (0, round(0.6 * told.weights))
    zeros = sum(int((w == 0).sum()) for w in half.load_model().parameters() if w.ndim > 1)
    assert zeros >= told.zeros
    quarter = whole.prune(below=0.05, recover_epochs=1).wait(progress=False)
    assert last(quarter, Pruned)[0].zeros > 0


@pytest.mark.parametrize(
    ("wishes", "sentence"),
    [
        ({"amount": 0}, "amount is 0"),
        ({"amount": 1}, "amount is 1"),
        ({"amount": -0.1, "method": "structured"}, "amount is -0.1"),
        ({"amount": "half", "method": "depth"}, "amount is 'half'"),
        ({"amount": None, "method": "structured"}, "amount is None"),
        ({"amount": 0.5, "method": "magic"}, "method is 'magic'"),
        ({"amount": 0.5, "target": "macs"}, "give method='structured'"),
        ({"amount": 0.5, "method": "structured", "scope": "layer"}, "give method='unstructured'"),
        ({"amount": 0.5, "below": 0.1}, "below says which weights go"),
        ({"below": 0.1, "pattern": "2:4"}, "leave out one of them"),
        ({"pattern": "1:4"}, "1:4"),
        ({"amount": 0.5, "method": "structured", "criterion": "beauty"}, "beauty"),
        ({"amount": 0.5, "method": "structured", "gradual_epochs": 3}, "gradual_epochs is 3"),
        (
            {"amount": 0.5, "method": "depth", "target": "latency", "gradual_epochs": 1},
            "leave gradual_epochs out",
        ),
        ({"amount": 0.5, "method": "structured", "recover_epoch": 3}, "recover_epoch"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_spawned(whole, wishes, sentence):
    before = len([*whole.path.parent.iterdir()])
    with pytest.raises(ConfigError, match=sentence):
        whole.prune(**wishes)
    assert len([*whole.path.parent.iterdir()]) == before


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NBFINETUNE_HOME", str(home))
        rng = np.random.default_rng(0)
        photos = rng.integers(0, 255, (40, 24, 24, 3)).astype("uint8"), np.arange(40) % 2
        settings = {"model": "factories:small_cnn", "pretrained": False, "device": "cpu"}
        run = nf.fine_tune(photos, epochs=1, image_size=24, batch_size=8, **settings)
        yield run.wait(progress=False)


@pytest.mark.slow
def test_a_run_without_a_best_model_says_so(small):
    run = small(epochs=100_000)
    run.pause()
    if last(run, EpochDone):
        pytest.skip("an epoch has ended before the pause")
    with pytest.raises(RunError, match="no 'best' checkpoint yet"):
        run.prune(0.5, method="structured")


@pytest.mark.slow
def test_two_processes_lose_the_same_channels(small, until):
    run = small(devices=2, epochs=100_000)
    until(lambda: steps(run) > 3)
    for prune in ({"method": "structured", "round_to": 1, "live": True}, {}):
        run.prune(0.4, **prune)
        held = steps(run)
        until(lambda held=held: steps(run) > held + 20)
    run.stop()
    (told,) = last(run, ChannelsRemoved)
    assert parameters(run.load_model("last")) == told.parameters[1]


@pytest.mark.slow
def test_names_that_are_none_are_told_with_the_closest_ones(whole):
    failed = whole.prune(0.5, method="structured", protect=["4"], recover_epochs=1)
    with pytest.raises(RunFailedError, match=r"protect names '4'.*closest: "):
        failed.wait(progress=False)

"""Rates are tried on a copy: the run is what it would have been, bit for bit."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from msgspec.structs import replace

from nbfinetune.engine import lr_finder
from nbfinetune.engine.lr_finder import FEWEST_RATES, MOST_RATES, rates
from nbfinetune.records import (
    CommandApplied,
    CommandDenied,
    FindLearningRate,
    LearningRateFound,
    PhaseStarted,
    Prune,
    RateTried,
    RunFinished,
    RunStarted,
    RunStopped,
    SaveCheckpoint,
    ScheduleChanged,
    SetSchedule,
    StepDone,
    Stop,
    StopFinding,
)
from nbfinetune.schedules import Constant, Cosine, default_lr

RICH = {
    "ema": 0.9,
    "mixup": 0.2,
    "layer_decay": 0.7,
    "clip_norm": 1.0,
    "accumulate": 2,
    "augment": "standard",
    "schedule": "plateau",
}


def same_weights(one, other) -> bool:
    mine, theirs = one.weights(), other.weights()
    assert mine.keys() == theirs.keys()
    return all(np.array_equal(mine[name], theirs[name]) for name in mine)


def found_in(outcome) -> LearningRateFound:
    (found,) = outcome.log.of(LearningRateFound)
    return found


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
@pytest.mark.parametrize("step", [0, 11])
def test_a_search_leaves_no_trace_in_the_run(engine, optimizer, step):
    plain = engine(optimizer=optimizer, **RICH)
    searched = engine({step: [FindLearningRate()]}, optimizer=optimizer, **RICH)
    assert searched.log.losses() == plain.log.losses()
    assert same_weights(searched, plain)
    tried = searched.log.of(RateTried)
    assert {one.step for one in tried} == {step}
    assert [one.lr for one in tried] == rates(8)[: len(tried)]
    assert found_in(searched).taken is None


def test_pruned_weights_and_frozen_layers_stay_so_in_the_run(engine):
    settings = {"freeze": "backbone", "optimizer": "sgd"}
    plain = engine({3: [Prune(amount=0.5)]}, **settings)
    searched = engine({3: [Prune(amount=0.5)], 5: [FindLearningRate()]}, **settings)
    assert same_weights(searched, plain)


@pytest.fixture
def streams(monkeypatch):
    """Every random stream before and after a search in this process."""
    seen = []
    find = lr_finder.find

    def now():
        return (
            random.getstate(),
            [np.asarray(part).tolist() for part in np.random.get_state()[1:]],  # noqa: NPY002
            torch.get_rng_state().tolist(),
        )

    def watched(training):
        random.gauss(0, 1)  # leaves half of a pair behind
        before = now()
        result = find(training)
        seen.append((before, now()))
        return result

    monkeypatch.setattr(lr_finder, "find", watched)
    return seen


def test_no_random_stream_is_moved(engine, streams):
    engine({4: [FindLearningRate()]}, epochs=1)
    ((before, after),) = streams
    assert before == after


def test_a_warm_optimizer_is_copied_with_its_state(engine):
    cold = engine({0: [FindLearningRate()]}, epochs=1)
    warm = engine({7: [FindLearningRate()]}, epochs=1)
    # With the state of seven steps the first moves are others than from nothing.
    assert cold.log.of(RateTried)[0].loss != warm.log.of(RateTried)[0].loss


def test_auto_takes_what_the_search_suggests_and_trains_as_if_it_had_been_typed(engine):
    auto = engine(lr="auto", schedule=Cosine(warmup=0.2))
    found = found_in(auto)
    assert found.taken == found.lr == found.suggestions["steepest"]
    assert f"take {found.lr:.2g}" in found.sentence
    typed = engine(lr=found.lr, schedule=Cosine(warmup=0.2))
    assert auto.log.losses() == typed.log.losses()
    assert same_weights(auto, typed)
    (changed,) = auto.log.of(ScheduleChanged)
    assert changed.schedule == Cosine(lr=found.lr, warmup=0.2)
    kinds = [type(event) for event in auto.log.events]
    order = [RunStarted, RateTried, LearningRateFound, StepDone]
    assert sorted(order, key=kinds.index) == order
    assert "finding the learning rate" in [e.phase for e in auto.log.of(PhaseStarted)]


def test_auto_fits_an_optimizer_that_measures_weight_decay_by_its_first_rate(engine):
    settings = {"optimizer": "adamc", "weight_decay": 0.3, "epochs": 1}
    auto = engine(lr="auto", **settings)
    typed = engine(lr=found_in(auto).taken, **settings)
    assert same_weights(auto, typed)


def test_a_run_that_was_stopped_after_its_search_goes_on_with_what_it_found(engine):
    whole = engine(lr="auto")
    stopped = engine({9: [Stop()]}, lr="auto")
    rest = engine(folder=stopped.folder, told=stopped.log.events, lr="auto")
    assert rest.log.of(RateTried) == []
    assert stopped.log.losses() + rest.log.losses() == whole.log.losses()
    assert same_weights(rest, whole)


def test_a_run_that_was_killed_before_its_first_checkpoint_does_not_look_again(engine):
    whole = engine(lr="auto")
    searched = [e for e in whole.log.events if not isinstance(e, StepDone)]
    again = engine(told=searched, lr="auto")
    assert again.log.of(RateTried) == []
    assert again.log.losses() == whole.log.losses()


def test_a_run_that_is_stopped_while_it_searches_searches_again_when_it_is_resumed(engine):
    whole = engine(lr="auto")
    stopped = engine(lr="auto", on_event={RateTried: [Stop()]})
    assert stopped.log.of(RunStopped)
    assert len(stopped.log.of(RateTried)) < 5
    assert found_in(stopped).taken is None
    rest = engine(folder=stopped.folder, told=stopped.log.events, lr="auto")
    assert rest.log.losses() == whole.log.losses()


def test_without_a_clear_minimum_the_default_of_the_optimizer_is_taken_and_told(engine, images):
    pixels, labels = images
    images = np.full_like(pixels, 128), labels
    auto = engine(lr="auto", data=images, optimizer="sgd", epochs=1, augment="none")
    found = found_in(auto)
    assert found.lr is None
    assert found.taken == default_lr("sgd")
    assert "no clear minimum" in found.sentence
    assert "sgd's default 0.01 is taken" in found.sentence
    assert max(done.lr for done in auto.log.of(StepDone)) == pytest.approx(0.01, rel=0.2)


def test_only_a_search_ends_before_the_first_step(engine):
    outcome = engine(lr="auto", lr_search="only")
    assert found_in(outcome).lr is not None
    assert outcome.log.losses() == []
    assert outcome.log.of(RunFinished)[0].reason == "only_searched"
    assert not list((outcome.folder / "checkpoints").glob("*"))


def test_fewer_images_than_a_batch_are_seen_again_and_again(engine, images):
    pixels, labels = images
    few = pixels[::8], labels[::8]
    outcome = engine(lr="auto", lr_search="only", data=few, batch_size=64)
    tried = [one.lr for one in outcome.log.of(RateTried)]
    assert len(tried) > FEWEST_RATES / 2
    assert tried == rates(1)[: len(tried)]
    assert outcome.log.of(RunStarted)[0].train_images < 20


def test_the_rates_rise_by_the_same_factor_each_time():
    for steps, count in ((1, FEWEST_RATES), (8, 80), (500, MOST_RATES)):
        tried = rates(steps)
        assert len(tried) == count
        assert (tried[0], tried[-1]) == pytest.approx((1e-7, 10.0))
        assert np.ptp(np.diff(np.log(tried))) < 1e-12


def test_commands_are_answered_while_rates_are_tried(engine):
    curve = Constant(lr=2e-3)
    plain = engine({6: [SetSchedule(schedule=curve)]})
    searched = engine(
        {6: [FindLearningRate()]},
        on_event={RateTried: (SetSchedule(schedule=curve), SaveCheckpoint(), FindLearningRate())},
    )
    (refused,) = searched.log.of(CommandDenied)
    assert "being tried already" in refused.reason
    order = [type(e) for e in searched.log.events if isinstance(e, ScheduleChanged | RateTried)]
    assert order[:3] == [RateTried, ScheduleChanged, RateTried]
    assert searched.log.losses() == plain.log.losses()
    assert same_weights(searched, plain)


def test_a_search_can_be_stopped_and_says_so(engine):
    plain = engine(epochs=1)
    outcome = engine({2: [FindLearningRate()]}, epochs=1, on_event={RateTried: [StopFinding()]})
    assert [type(e.command) for e in outcome.log.of(CommandApplied)] == [
        FindLearningRate,
        StopFinding,
    ]
    assert found_in(outcome).sentence == "the search was stopped after 1 rates"
    assert outcome.log.losses() == plain.log.losses()


def test_where_there_is_no_search_none_can_be_stopped(engine):
    (refused,) = engine({2: [StopFinding()]}, epochs=1).log.of(CommandDenied)
    assert "no rates are being tried" in refused.reason


def test_a_copy_that_does_not_fit_is_no_end_of_the_run(engine, monkeypatch):
    def no_room(_):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    monkeypatch.setattr(lr_finder, "deepcopy", no_room)
    outcome = engine({3: [FindLearningRate()]}, epochs=1)
    assert "no memory for a second copy" in found_in(outcome).sentence
    assert outcome.log.of(RunFinished)


def test_a_config_of_before_there_was_a_search_is_read_as_one_without(engine):
    from nbfinetune.records import FineTuneConfig, decode, encode

    config = engine(epochs=1).config
    old = encode(config).replace(b'"lr_search":"off",', b"")
    assert decode(old, FineTuneConfig) == config == replace(config, lr_search="off")

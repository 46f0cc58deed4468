"""Channels go out of a run that trains, at once or by and by, and all else goes with them."""

from __future__ import annotations

import copy
import re
from typing import Any

import numpy as np
import pytest
import torch
from factories import small_cnn
from torch import nn

from nbfinetune.engine import checkpoint, latency
from nbfinetune.engine.narrowing import surviving
from nbfinetune.errors import ConfigError
from nbfinetune.models.heads import head_names
from nbfinetune.models.recipe import recipes_in
from nbfinetune.models.removing import remove
from nbfinetune.pruning import importance
from nbfinetune.pruning.gradual import amount_at, round_steps
from nbfinetune.pruning.plan import Planner, Wishes
from nbfinetune.pruning.structured import recipe_for
from nbfinetune.pruning.tracing import trace
from nbfinetune.records import (
    AppliedEdit,
    ChannelsRemoved,
    CheckpointSaved,
    CommandApplied,
    CommandDenied,
    EpochDone,
    Pause,
    Prune,
    Pruned,
    PruningConfig,
    RemoveChannels,
    Resume,
    RunPaused,
    RunStarted,
    SetOptimizer,
    Stop,
)

COARSE = 0.1
"""By how much amounts are missed by a network of 24 channels."""


def asked(amount: float, **wishes: Any) -> RemoveChannels:
    return RemoveChannels(pruning=PruningConfig(amount=amount, round_to=1, **wishes))


def assert_alike(one, other) -> None:
    for which in ("last", "best"):
        left, right = one.weights(which), other.weights(which)
        assert left.keys() == right.keys()
        for name, weights in left.items():
            assert np.array_equal(weights, right[name]), (which, name)


@pytest.mark.parametrize(
    "settings",
    [
        {"ema": 0.9, "optimizer": "adamw", "clip_weights": 0.3},
        {"optimizer": "sgd", "l1": 1e-4, "freeze_epochs": 1},
        pytest.param({"optimizer": "adafactor"}, marks=pytest.mark.slow),
        pytest.param({"optimizer": "lamb", "mixup": 0.3}, marks=pytest.mark.slow),
    ],
    ids="-".join,
)
def test_a_pruned_live_run_that_is_cut_off_ends_bit_for_bit_alike(engine, settings):
    edit = asked(0.4)
    whole = engine({10: [edit]}, epochs=3, **settings)
    (told,) = whole.log.of(ChannelsRemoved)
    assert (told.step, told.accuracy is not None) == (10, True)
    assert 1 - told.macs[1] / told.macs[0] == pytest.approx(0.4, abs=COARSE)
    # Killed before and after its next checkpoint.
    before = engine({6: [Stop()]}, epochs=3, **settings)
    replayed = engine(folder=before.folder, edits=[AppliedEdit(1, 10, edit)], epochs=3, **settings)
    assert before.log.losses() + replayed.log.losses() == whole.log.losses()
    assert_alike(replayed, whole)
    after = engine({10: [edit], 13: [Stop()]}, epochs=3, **settings)
    rest = engine(folder=after.folder, epochs=3, **settings)
    assert after.log.losses() + rest.log.losses() == whole.log.losses()
    assert_alike(rest, whole)
    assert rest.log.of(RunStarted)[0].parameters == told.parameters[1]


@pytest.mark.parametrize("gradual_epochs", [0.0, pytest.param(1.0, marks=pytest.mark.slow)])
def test_blocks_and_channels_go_and_the_run_is_resumed_bit_for_bit(engine, gradual_epochs):
    pruning = PruningConfig(amount=0.5, method="depth", gradual_epochs=gradual_epochs)
    settings = {"model": "resnet10t", "pruning": pruning, "epochs": 2, "layer_decay": 0.8}
    settings |= {"image_size": 32, "batch_size": 32}
    whole = engine(**settings)
    rounds = whole.log.of(ChannelsRemoved)
    assert any(told.blocks for told in rounds)
    assert rounds[-1].macs[1] / rounds[0].macs[0] == pytest.approx(0.5, abs=0.02)
    stopped = engine({3: [Stop()]}, **settings)
    rest = engine(folder=stopped.folder, **settings)
    assert stopped.log.losses() + rest.log.losses() == whole.log.losses()
    assert_alike(rest, whole)


def test_moments_and_averages_are_cut_as_their_weights_are(engine):
    whole = engine({10: [Stop()]}, ema=0.9)
    small = engine({10: [asked(0.4), Stop()]}, ema=0.9)
    before, after = (
        checkpoint.read(one.folder / "checkpoints/last.safetensors") for one in (whole, small)
    )
    (recipe,) = recipes_in(after.facts)
    places = surviving(small_cnn(4), recipe)
    moments, left = before.part("optimizer"), after.part("optimizer")
    assert moments.keys() == left.keys()
    for key, moment in moments.items():
        name = key.removeprefix("state/").rpartition("/")[0]
        kept = moment.flatten()[places[name].flatten()] if moment.ndim else moment
        assert torch.equal(kept.view(left[key].shape), left[key]), key
    for name, weight in before.part("ema").items():
        if name in places:
            kept = weight.flatten()[places[name].flatten()]
            assert torch.equal(kept, after.part("ema")[name].flatten())


def test_the_best_begins_anew_so_that_a_pruned_run_gives_a_pruned_model(engine):
    done = engine({20: [asked(0.5)]}, epochs=4, early_stopping=2, lr=0.02)
    (told,) = done.log.of(ChannelsRemoved)
    first = next(e for e in done.log.of(EpochDone) if e.step > told.step)
    assert first.best
    count = sum(w.size for n, w in done.weights("best").items() if n.endswith((".weight", ".bias")))
    assert count == told.parameters[1]


def test_amounts_are_parts_of_the_model_as_it_was(engine):
    script = {3: [asked(0.3)], 5: [asked(0.2)], 7: [asked(0.6)]}
    log = engine(script, epochs=2).log
    first, second = log.of(ChannelsRemoved)
    assert second.macs[1] / first.macs[0] == pytest.approx(0.4, abs=COARSE)
    (refused,) = log.of(CommandDenied)
    assert "gone already" in refused.reason
    assert "0.2" in refused.reason


@pytest.mark.parametrize(
    ("edit", "sentence"),
    [
        (asked(0.0), "amount is 0"),
        (asked(0.5, target="latency"), "latency"),
        (asked(0.5, gradual_epochs=50), "gradual_epochs is 50"),
        (asked(0.5, protect=("9",)), "'9'.*closest: "),
        (Prune(amount=0.5, below=0.1), "amount and below"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(engine, edit, sentence):
    quiet, edited = engine(epochs=1), engine({2: [edit]}, epochs=1)
    (refused,) = edited.log.of(CommandDenied)
    assert re.search(sentence, refused.reason)
    assert quiet.log.losses() == edited.log.losses()


def test_more_than_can_go_stops_at_the_floor_and_says_so(engine):
    log = engine({2: [asked(0.999)]}, epochs=1).log
    (told,) = log.of(ChannelsRemoved)
    assert all(after >= 1 for _, after in told.layers.values())
    assert any("instead of 0.999" in getattr(event, "phase", "") for event in log.events)


def test_a_paused_run_is_pruned_even_while_it_is_measured(engine):
    log = engine({8: [Pause(), asked(0.5)]}, on_event={ChannelsRemoved: [Resume()]}, epochs=2).log
    (told,) = log.of(ChannelsRemoved)
    assert told.step == 8
    places = [type(event) for event in log.events]
    assert places.index(RunPaused) < places.index(ChannelsRemoved)
    assert len(log.of(CommandApplied)) == 3
    # Its first epoch was measured before, whole.
    assert places.index(EpochDone) < places.index(ChannelsRemoved)


def test_a_gradual_pruning_rises_fast_at_first_and_is_resumed_bit_for_bit(engine):
    pruning = PruningConfig(amount=0.5, gradual_epochs=2, round_to=1)
    settings = {"pruning": pruning, "epochs": 4, "ema": 0.9}
    whole = engine(**settings)
    rounds = whole.log.of(ChannelsRemoved)
    macs = [rounds[0].macs[0], *(told.macs[1] for told in rounds)]
    assert macs == sorted(macs, reverse=True)
    assert macs[-1] / macs[0] == pytest.approx(0.5, abs=COARSE)
    assert rounds[-1].step <= 16
    early = next(told for told in rounds if told.step >= 5)
    assert early.macs[1] / macs[0] < 1 - 0.25
    assert [e.best for e in whole.log.of(EpochDone)][:2] == [False, True]
    stopped = engine({7: [Stop()]}, **settings)
    rest = engine(folder=stopped.folder, **settings)
    assert stopped.log.losses() + rest.log.losses() == whole.log.losses()
    assert_alike(rest, whole)


def test_a_live_run_is_pruned_by_and_by_and_not_twice_at_once(engine):
    log = engine({4: [asked(0.5, gradual_epochs=1)], 6: [asked(0.6)]}, epochs=3).log
    (refused,) = log.of(CommandDenied)
    assert "goes on until step 12" in refused.reason
    last = log.of(ChannelsRemoved)[-1]
    assert last.step <= 12
    assert last.macs[1] / log.of(ChannelsRemoved)[0].macs[0] == pytest.approx(0.5, abs=COARSE)


def test_weights_go_before_the_first_step_and_by_and_by(engine):
    at_once = engine(pruning=PruningConfig(amount=0.5, method="unstructured"), epochs=1).log
    (told,) = at_once.of(Pruned)
    assert (told.step, told.zeros) == (0, round(0.5 * told.weights))
    rising = engine(
        pruning=PruningConfig(amount=0.5, method="unstructured", gradual_epochs=1, uniform=True),
        epochs=2,
    )
    zeros = [told.zeros for told in rising.log.of(Pruned)]
    assert len(zeros) == 8
    assert zeros == sorted(zeros)
    first = rising.weights()["0.weight"]
    assert (first == 0).sum() == first.size // 2


def test_weights_go_by_threshold_by_layer_and_two_of_four(engine):
    script = {
        2: [Prune(amount=0.5, scope="layer")],
        4: [Prune(below=0.05)],
        6: [Prune(pattern="2:4")],
    }
    done = engine(script, epochs=1)
    by_layer, below, pattern = done.log.of(Pruned)
    assert by_layer.zeros == by_layer.weights // 2
    assert 0 < below.amount < 1
    assert pattern.zeros == 8 * 9 * 16 // 2  # the first convolution has three inputs
    blocks = done.weights()["3.weight"].transpose(0, 2, 3, 1).reshape(-1, 4)
    assert ((blocks == 0).sum(1) == 2).all()


def test_clipped_weights_stay_within_the_limit(engine):
    done = engine({4: [SetOptimizer(clip_weights=0.05)]}, epochs=1, ema=0.9, lr=0.05)
    for which in ("last", "best"):
        large = [np.abs(w).max() for w in done.weights(which).values() if w.ndim > 1]
        assert max(large) <= np.float32(0.05)


def test_what_survives_of_a_tensor_is_what_survives_of_its_weight():
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 6, 3), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 2),
    )  # fmt: skip
    structure = trace(model, head_names(model), 16)
    scores = importance.random(structure, 0)
    removed = Planner(structure, scores, Wishes(round_to=1)).removed(0.5, "macs")
    recipe = recipe_for(model, structure.groups, scores, removed)
    places = surviving(model, recipe)
    small = copy.deepcopy(model)
    remove(small, recipe)
    for name, weight in model.named_parameters():
        left = small.get_parameter(name)
        assert torch.equal(weight.flatten()[places[name].flatten()].view(left.shape), left)


def test_a_gradual_amount_is_cubic_and_ends_in_all_of_it():
    assert amount_at(0.8, 0.5) == pytest.approx(0.8 * (1 - 0.125))
    assert (amount_at(0.8, -1), amount_at(0.8, 1), amount_at(0.8, 2)) == (0, 0.8, 0.8)
    assert round_steps(5, 100)[0] == 15
    assert round_steps(5, 100)[-1] == 105
    assert round_steps(0, 3) == (1, 2, 3)


def test_so_much_goes_until_an_image_takes_the_part_of_its_time_that_was_asked_for(
    engine, monkeypatch
):
    def forward_ms(models, image, within):  # a machine on which every weight takes its time
        assert image.shape == (1, 3, 32, 32)
        return [2.0 + 1e-6 * sum(p.numel() for p in model.parameters()) for model in models]

    monkeypatch.setattr(latency, "forward_ms", forward_ms)
    settings = {"model": "resnet10t", "image_size": 32, "batch_size": 32, "epochs": 1}
    done = engine(pruning=PruningConfig(amount=0.4, target="latency", criterion="l2"), **settings)
    (told,) = done.log.of(ChannelsRemoved)
    before, after = told.latency_ms
    assert 1 - after / before == pytest.approx(0.4, abs=0.02)
    assert done.log.events.index(told) < done.log.events.index(done.log.of(CheckpointSaved)[0])
    with pytest.raises(ConfigError, match="of the latency went when"):
        engine(pruning=PruningConfig(amount=0.9, target="latency", criterion="l2"), **settings)


def test_more_gradual_epochs_than_epochs_are_refused(engine):
    with pytest.raises(ConfigError, match="gradual_epochs is 3"):
        engine(pruning=PruningConfig(amount=0.5, gradual_epochs=3), epochs=2)

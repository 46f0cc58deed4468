"""The head trains on what the frozen layers have made of the images."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import timm
import torch
from torch import nn

from nbfinetune.data.decode import UnreadableImage
from nbfinetune.data.view import View
from nbfinetune.engine import edits, frozen_features, head_alone
from nbfinetune.engine.device import Placement
from nbfinetune.engine.feeding import Feeding
from nbfinetune.errors import TrainingError
from nbfinetune.models.groups import layer_groups, set_trainable
from nbfinetune.models.heads import head_names
from nbfinetune.records import (
    BatchSizeReduced,
    EpochDone,
    FeaturesKept,
    FeaturesUnused,
    FileSkipped,
    FindLearningRate,
    LayersUnfrozen,
    PhaseStarted,
    Prune,
    PruningConfig,
    RemoveChannels,
    RunFinished,
    SetOptimizer,
    SetSchedule,
    Stop,
    Unfreeze,
)
from nbfinetune.schedules import Constant


def slow(*values: Any) -> Any:
    return pytest.param(*values, marks=pytest.mark.slow)


@pytest.fixture
def head(engine) -> Callable[..., Any]:
    """Trains the head alone, for seven epochs of seven batches, with an incomplete last one."""
    return partial(engine, freeze="backbone", epochs=7, val_split=0.25, batch_size=16)


def measured(run) -> list[float]:
    return [done.val_loss for done in run.log.of(EpochDone)]


def assert_same(one, other) -> None:
    assert one.log.losses() == other.log.losses()
    assert measured(one) == measured(other)
    for name, values in one.weights().items():
        assert np.array_equal(values, other.weights()[name]), name


def assert_continues(begun, rest, whole) -> None:
    assert begun.log.losses() + rest.log.losses() == whole.log.losses()
    values = {e.epoch: e.val_loss for e in begun.log.of(EpochDone) + rest.log.of(EpochDone)}
    assert list(values.values()) == measured(whole)
    for name, weights in whole.weights().items():
        assert np.array_equal(rest.weights()[name], weights), name


def assert_close(one, other) -> None:
    np.testing.assert_allclose(one.log.losses(), other.log.losses(), rtol=1e-4)
    np.testing.assert_allclose(measured(one), measured(other), rtol=1e-4)


@pytest.fixture
def work(monkeypatch) -> dict[str, int]:
    """Images that were decoded and that went through a convolution."""
    done = {"decoded": 0, "convolved": 0}
    pixels, forward = View.pixels, nn.Conv2d.forward

    def counted_pixels(self, *args):
        done["decoded"] += 1
        return pixels(self, *args)

    def counted_forward(self, images):
        done["convolved"] += len(images)
        return forward(self, images)

    monkeypatch.setattr(View, "pixels", counted_pixels)
    monkeypatch.setattr(nn.Conv2d, "forward", counted_forward)
    return done


# ---- what it saves and what it leaves as it was ----


@pytest.mark.parametrize("model", ["factories:small_cnn", "headed_nets:dropout"])
def test_the_first_epochs_are_what_they_are_without_and_later_ones_repeat_their_views(head, model):
    ever = head(model=model, feature_views=0)
    kept = head(model=model)
    (told,) = kept.log.of(FeaturesKept)
    assert (told.views, told.step) == (4, 0)
    assert not ever.log.of(FeaturesKept)
    assert len(kept.log.losses()) == len(ever.log.losses())
    steps = 4 * len(ever.log.losses()) // 7
    assert kept.log.losses()[:steps] == ever.log.losses()[:steps]
    assert measured(kept)[:4] == measured(ever)[:4]
    assert kept.log.losses() != ever.log.losses()
    assert np.mean(kept.log.losses()[steps:]) < np.mean(kept.log.losses()[:steps])


@pytest.mark.parametrize("settings", [{"ema": 0.9}, slow({}), slow({"accumulate": 2})], ids=str)
def test_without_augmentation_a_run_comes_out_as_if_nothing_had_been_kept(head, settings):
    settings = {"augment": "none", "dropout": 0.3, "epochs": 4, **settings}
    kept = head(**settings)
    (told,) = kept.log.of(FeaturesKept)
    assert told.views == 1
    assert_close(kept, head(**settings, feature_views=0))


def test_the_frozen_layers_and_the_images_are_needed_once(head, work):
    head(augment="none", model="headed_nets:dropout", epochs=2)
    once = dict(work)
    head(augment="none", model="headed_nets:dropout", epochs=9)
    assert {name: work[name] - once[name] for name in work} == once


def test_as_many_views_are_kept_as_were_asked_for(head, work):
    (told,) = head(feature_views=2, epochs=3).log.of(FeaturesKept)
    assert told.views == 2
    two = work["convolved"]
    head(feature_views=2, epochs=30)
    assert work["convolved"] - two < 1.5 * two


@pytest.mark.parametrize("settings", [{"epochs": 4}, slow({"freeze_epochs": 3, "freeze": "none"})])
def test_features_that_no_epoch_would_use_are_not_kept(head, settings):
    run = head(**settings)
    assert not run.log.of(FeaturesKept)
    assert not run.log.of(FeaturesUnused)
    assert run.log.of(RunFinished)


def test_a_run_that_becomes_longer_begins_to_keep(head):
    longer = SetSchedule(schedule=Constant(lr=1e-2), epochs=6)
    run = head({9: [longer]}, epochs=3)
    (told,) = run.log.of(FeaturesKept)
    assert told.step > 9
    assert len(run.log.of(EpochDone)) == 6


def test_a_run_whose_layers_all_learn_keeps_nothing(engine):
    run = engine(epochs=6, augment="none")
    assert not run.log.of(FeaturesKept)
    assert not run.log.of(FeaturesUnused)


# ---- where it is of no use ----


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"mixup": 0.2}, "other images in each step"),
        slow({"clip_weights": 0.5}, "clip_weights=0.5"),
        ({"pruning": PruningConfig(amount=0.5, method="unstructured")}, "weights were pruned"),
        ({"model": "headed_nets:noise"}, "other features of an image each time"),
        slow({"model": "headed_nets:batch_norm"}, "other features of an image each time"),
        slow({"model": "headed_nets:twice"}, "used 2 times"),
        ({"model": "headed_nets:scaled"}, "goes on behind its head"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_where_features_are_of_no_use_that_is_said_and_nothing_else_changes(head, settings, reason):
    settings = {"augment": "none", "epochs": 2, **settings}
    kept = head(**settings)
    (told,) = kept.log.of(FeaturesUnused)
    assert reason in told.reason
    assert not kept.log.of(FeaturesKept)
    assert_same(kept, head(**settings, feature_views=0))


def test_where_memory_is_short_fewer_views_are_kept_or_none(head, monkeypatch):
    row = 16 * 4
    monkeypatch.setattr(frozen_features, "available_bytes", lambda _: int(4 * row * (120 * 2 + 45)))
    (told,) = head(epochs=6).log.of(FeaturesKept)
    assert told.views == 2
    assert told.megabytes == pytest.approx(row * (2 * 120 + 40) / 1e6)
    monkeypatch.setattr(frozen_features, "available_bytes", lambda _: 20_000)
    (told,) = head(epochs=5).log.of(FeaturesUnused)
    assert "25% of the free memory" in told.reason


def test_an_image_that_cannot_be_decoded_stays_out(head, monkeypatch):
    pixels = View.pixels

    def sometimes(self, images, number, epoch):
        if number in (3, 50, 77, 110):
            raise UnreadableImage("it is cut off", "scratched")
        return pixels(self, images, number, epoch)

    monkeypatch.setattr(View, "pixels", sometimes)
    kept = head(augment="none", epochs=4)
    ever = head(augment="none", epochs=4, feature_views=0)
    assert len(kept.log.of(FileSkipped)) == len(ever.log.of(FileSkipped)) == 4
    assert_close(kept, ever)


def test_frozen_layers_go_through_in_pieces_where_memory_runs_out(head):
    settings = {"model": "headed_nets:hungry_layers", "augment": "none", "epochs": 3}
    kept = head(**settings)
    (reduced,) = kept.log.of(BatchSizeReduced)
    assert reduced.micro_batch == 8
    assert kept.log.of(FeaturesKept)
    assert_close(kept, head(**settings, feature_views=0))


# ---- the ways in which it ends ----


@pytest.mark.parametrize("step", [slow(6), 17])
@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (Unfreeze(), None),
        (SetOptimizer(clip_weights=0.2), "clip_weights=0.2"),
        (Prune(amount=0.5), "pruned"),
        (RemoveChannels(pruning=PruningConfig(amount=0.3, target="parameters")), "pruned"),
        (RemoveChannels(pruning=PruningConfig(amount=0.3, gradual_epochs=0.5)), "pruned"),
    ],
    ids=["thaw", "clip", "prune", "narrow", "gradual"],
)
def test_images_take_over_at_the_very_step_of_an_edit(head, edit, reason, step):
    settings = {"augment": "none", "epochs": 4}
    kept = head({step: [edit]}, **settings)
    ever = head({step: [edit]}, **settings, feature_views=0)
    assert_close(kept, ever)
    told = [event.reason for event in kept.log.of(FeaturesUnused)]
    assert len(told) == (reason is not None)
    assert all(reason in words for words in told)


def test_thawing_after_some_epochs_is_seamless_and_exact(head):
    settings = {"freeze": "none", "freeze_epochs": 3, "augment": "none", "epochs": 5}
    kept, ever = head(**settings), head(**settings, feature_views=0)
    assert kept.log.of(FeaturesKept)
    assert len(kept.log.of(LayersUnfrozen)) == 1
    assert_close(kept, ever)
    steps = len(kept.log.losses()) // 5
    begun = head({3 * steps + 2: [Stop()]}, **settings)
    assert_continues(begun, head(folder=begun.folder, **settings), kept)


# ---- exactness ----


@pytest.mark.parametrize("step", [slow(1), 10, slow(28), 31, slow(45)])
def test_a_stopped_run_goes_on_bit_for_bit(head, step):
    settings = {"model": "headed_nets:dropout", "ema": 0.9, "augment": "strong"}
    whole = head(**settings)
    begun = head({step: [Stop()]}, **settings)
    rest = head(folder=begun.folder, **settings)
    assert len(begun.log.of(FeaturesKept)) == 1
    assert not rest.log.of(FeaturesKept)
    assert_continues(begun, rest, whole)


def test_a_run_stopped_while_features_are_computed_again_goes_on_bit_for_bit(head, monkeypatch):
    settings = {"model": "headed_nets:dropout", "feature_views": 2}
    whole = head(**settings)
    begun = head({40: [Stop()]}, **settings)
    compute, count = Feeding._compute, 0

    def stop_after_three(self, *args):
        nonlocal count
        compute(self, *args)
        count += 1
        self._training.control.stopping = count == 3

    monkeypatch.setattr(Feeding, "_compute", stop_after_three)
    stopped = head(folder=begun.folder, **settings)
    assert not stopped.log.losses()
    assert any("features" in e.phase for e in stopped.log.of(PhaseStarted))
    monkeypatch.undo()
    assert_continues(begun, head(folder=begun.folder, **settings), whole)


def test_an_edit_while_features_are_computed_again_ends_that(head, monkeypatch):
    settings = {"model": "headed_nets:dropout", "feature_views": 1, "augment": "none"}
    begun = head({40: [Stop()]}, **settings)
    rest = head(folder=begun.folder, **settings)
    again = head({40: [Stop()]}, **settings)
    compute = Feeding._compute

    def thaw_after_one(self, *args):
        compute(self, *args)
        edits.apply(self._training, 9, Unfreeze())

    monkeypatch.setattr(Feeding, "_compute", thaw_after_one)
    thawed = head(folder=again.folder, **settings)
    assert thawed.log.of(RunFinished)
    assert len(thawed.log.losses()) == len(rest.log.losses())
    assert thawed.log.losses()[0] == pytest.approx(rest.log.losses()[0], rel=1e-4)


def test_a_search_for_the_rate_leaves_features_and_run_as_they_are(head):
    settings = {"model": "headed_nets:dropout", "feature_views": 2, "epochs": 5}
    assert_same(head({27: [FindLearningRate()]}, **settings), head(**settings))


def test_a_run_may_end_early_on_features(head):
    early = head(early_stopping=2, monitor="val_loss", lr=1e-9, warmup=0.0, epochs=60)
    assert early.log.of(RunFinished)[0].reason == "early_stopping"
    short = head(time_budget_s=1.0, epochs=100_000)
    assert short.log.of(RunFinished)[0].reason == "time_budget"
    assert short.log.of(FeaturesKept)
    assert (short.folder / "predictions" / "best.npz").exists()


# ---- taking a model apart ----

CPU = Placement(torch.device("cpu"), "fp32", channels_last=True)


def frozen(name: str, **settings: Any) -> nn.Module:
    model = timm.create_model(name, num_classes=5, **settings)
    set_trainable(model, layer_groups(model, head_names(model)), "backbone")
    return model


@pytest.mark.parametrize("precision", ["fp32", slow("bf16")])
@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("resnet18", {"drop_rate": 0.25}),
        slow("mobilenetv3_small_050", {"drop_rate": 0.2}),
        slow("convnext_atto", {"drop_rate": 0.1}),
        ("test_vit", {"drop_rate": 0.0}),
        ("test_resnet", {"drop_rate": 0.5}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_dropout_before_the_head_is_found(name, settings, precision):
    model = frozen(name, **settings)
    placement = Placement(CPU.device, precision, channels_last=False)
    images = torch.randn(16, 3, *([160, 160] if name.startswith("test_") else [64, 64]))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    stream = torch.get_rng_state()
    cut = head_alone.cut(model, images, placement)
    assert cut.dropout == settings["drop_rate"]
    assert torch.equal(torch.get_rng_state(), stream)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    with torch.no_grad(), placement.autocast(), cut.listening(model.eval()) as seen:
        logits = model(images)
        assert torch.equal(head_alone.logits_of(cut.head(model), seen[0]), logits)


@pytest.mark.parametrize(
    ("name", "reason"),
    [slow("squeezenet", "behind its head"), slow("deit_tiny_distilled_patch16_224", "2 heads")],
)
def test_a_model_that_cannot_be_taken_apart_is_refused(name, reason):
    if name == "squeezenet":
        torchvision = pytest.importorskip("torchvision")
        model = torchvision.models.squeezenet1_1(num_classes=5)
        size = 64
    else:
        model, size = timm.create_model(name, num_classes=5), 224
    with pytest.raises(TrainingError, match=reason):
        head_alone.cut(model, torch.randn(2, 3, size, size), CPU)


# ---- real photos ----


@pytest.mark.slow
@pytest.mark.parametrize("augment", ["none", "standard"])
def test_the_head_comes_out_as_accurate_on_kept_features(engine, shared_data, augment):
    settings = {
        "data": shared_data("tf_flowers.zip"),
        "model": "mobilenetv2_100",
        "checkpoint": str(shared_data("weights/mobilenetv2_100.in1k_dropin.safetensors")),
        "freeze": "backbone",
        "image_size": 64,
        "batch_size": 32,
        "epochs": 6,
        "lr": 2e-3,
        "augment": augment,
        "loader_threads": 2,
    }
    accuracies = [
        max(done.accuracy for done in engine(**settings, feature_views=views).log.of(EpochDone))
        for views in (None, 0)
    ]
    assert abs(accuracies[0] - accuracies[1]) < 0.015, accuracies

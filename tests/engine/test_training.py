"""What a run does between its first and its last step."""

from __future__ import annotations

import numpy as np
import pytest

from nbfinetune.errors import NonFiniteLoss
from nbfinetune.records import (
    AppliedEdit,
    BatchSizeReduced,
    CheckpointSaved,
    CommandApplied,
    CommandDenied,
    EpochDone,
    LayersUnfrozen,
    OptimizerChanged,
    Pause,
    Prune,
    Pruned,
    Resume,
    RunFinished,
    RunPaused,
    RunResumed,
    RunStarted,
    RunStopped,
    SaveCheckpoint,
    ScheduleChanged,
    SetOptimizer,
    SetSchedule,
    StepDone,
    Stop,
    Unfreeze,
)
from nbfinetune.schedules import Constant, Plateau, lr_at


def test_a_run_learns_and_says_so(engine):
    done = engine(epochs=8)
    (started,) = done.log.of(RunStarted)
    assert (started.train_images, started.val_images, started.steps_per_epoch) == (128, 32, 8)
    epochs = done.log.of(EpochDone)
    assert [e.epoch for e in epochs] == list(range(1, 9))
    assert epochs[-1].accuracy > 0.9
    assert epochs[-1].train_loss < epochs[0].train_loss / 2
    assert [s.step for s in done.log.of(StepDone)] == list(range(1, 65))
    (end,) = done.log.of(RunFinished)
    assert end.reason == "completed"
    assert end.best_epoch == next(e.epoch for e in reversed(epochs) if e.best)


def test_the_recorded_rates_are_the_curve(engine):
    done = engine(epochs=2, schedule="polynomial", warmup=0.25, lr=3e-3)
    rates = [s.lr for s in done.log.of(StepDone)]
    assert rates == [lr_at(done.config.schedule, step / 16) for step in range(16)]


@pytest.mark.parametrize("name", ["adam", "sgd", "rmsprop", "adagrad", "lamb", "adamp"])
def test_every_optimizer_lowers_the_loss(engine, name):
    log = engine(optimizer=name, epochs=5).log
    assert np.mean(log.losses()[-8:]) < np.mean(log.losses()[:8])


@pytest.mark.parametrize("loss", ["cross_entropy", "bce", "mse", "focal"])
def test_every_loss_learns_with_mixing_smoothing_and_weights(engine, loss):
    done = engine(
        loss=loss, label_smoothing=0.1, class_weights="balanced", mixup=0.2, cutmix=0.5, epochs=3
    )
    assert np.isfinite(done.log.losses()).all()
    assert done.log.of(EpochDone)[-1].accuracy > 0.3


def test_pieces_of_a_batch_give_the_step_of_the_whole(engine):
    settings = {"model": "factories:no_norm", "augment": "none", "epochs": 1, "optimizer": "sgd"}
    whole = engine(**settings).weights()
    pieces = engine(**settings, accumulate=4).weights()
    for name, weights in whole.items():
        np.testing.assert_allclose(pieces[name], weights, rtol=1e-4, atol=1e-6)


def test_out_of_memory_halves_the_pieces_and_goes_on(engine):
    done = engine(model="factories:hungry", epochs=1)
    (reduced,) = done.log.of(BatchSizeReduced)
    assert reduced.micro_batch == 8
    assert "out of memory" in reduced.reason
    assert len(done.log.of(StepDone)) == 8


def test_a_loss_that_explodes_stops_the_run_and_keeps_the_last_good_checkpoint(engine):
    with pytest.raises(NonFiniteLoss, match="step 61") as failure:
        engine(model="factories:exploding", epochs=20, checkpoint_every_s=0.0)
    outcome = failure.value.outcome
    assert all(np.isfinite(w).all() for w in outcome.weights().values())
    assert all(np.isfinite(w).all() for w in outcome.weights("best").values())


def test_early_stopping_ends_the_run(engine):
    done = engine(early_stopping=2, monitor="val_loss", lr=1e-9, warmup=0.0, epochs=50)
    (end,) = done.log.of(RunFinished)
    assert end.reason == "early_stopping"
    assert len(done.log.of(EpochDone)) < 50


def test_a_time_budget_ends_with_a_usable_model(engine):
    done = engine(time_budget_s=1.0, epochs=10_000)
    (end,) = done.log.of(RunFinished)
    assert end.reason == "time_budget"
    assert done.weights("best")
    assert (done.folder / "predictions" / "best.npz").exists()


def test_a_frozen_backbone_keeps_its_weights_until_it_is_thawed(engine):
    done = engine(freeze="backbone", epochs=1)
    (started,) = done.log.of(RunStarted)
    assert 0 < started.trainable_parameters < started.parameters
    first = done.weights()
    again = engine(freeze="backbone", epochs=2).weights()
    assert np.array_equal(first["0.weight"], again["0.weight"])
    assert np.array_equal(first["1.running_mean"], again["1.running_mean"])
    assert not np.array_equal(first["8.weight"], again["8.weight"])
    thawed = engine(freeze_epochs=1, epochs=2)
    assert thawed.log.of(LayersUnfrozen)[0].step == 8
    assert not np.array_equal(first["0.weight"], thawed.weights()["0.weight"])


def test_the_moving_average_is_what_is_measured_and_kept(engine):
    done = engine(ema=0.9, epochs=1)
    last, best = done.weights("last"), done.weights("best")
    assert not np.array_equal(last["0.weight"], best["0.weight"])


def test_l1_and_clipping_change_the_steps(engine):
    plain = engine(epochs=1).weights()
    penalised = engine(epochs=1, l1=0.05).weights()
    clipped = engine(epochs=1, clip_norm=0.01, optimizer="sgd").weights()
    assert np.abs(penalised["3.weight"]).sum() < np.abs(plain["3.weight"]).sum()
    unclipped = engine(epochs=1, optimizer="sgd").weights()
    assert not np.array_equal(clipped["0.weight"], unclipped["0.weight"])


def test_a_plateau_lowers_the_rate(engine):
    curve = Plateau(lr=1e-9, patience=0, factor=0.5, threshold=0.5)
    rates = [s.lr for s in engine(schedule=curve, lr=1e-9, epochs=4).log.of(StepDone)]
    assert rates[0] == 1e-9
    assert rates[-1] < 1e-9


def test_commands_are_applied_between_steps_and_answered(engine):
    curve = Constant(lr=5e-4)
    script = {
        3: [SetSchedule(schedule=curve)],
        5: [SetOptimizer(weight_decay=0.2, momentum=0.8, l1=1e-6, clip_norm=1.0)],
        6: [Resume()],
        7: [SaveCheckpoint()],
        9: [Pause(), Resume()],
    }
    log = engine(script).log
    answers = {type(e.command): e.step for e in log.of(CommandApplied)}
    assert answers[SetSchedule] == 3
    assert log.of(ScheduleChanged)[0].step == 3
    assert [s.lr for s in log.of(StepDone)][3:] == [5e-4] * 13
    assert log.of(OptimizerChanged)[0].values == {
        "weight_decay": 0.2,
        "momentum": 0.8,
        "l1": 1e-6,
        "clip_norm": 1.0,
    }
    (refused,) = log.of(CommandDenied)
    assert "not paused" in refused.reason
    assert next(e.step for e in log.of(CheckpointSaved) if e.which == "last") == 7
    assert log.of(RunPaused)[0].step == log.of(RunResumed)[0].step == 9
    assert len(log.of(StepDone)) == 16


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (Unfreeze(), "nothing to unfreeze"),
        (SetOptimizer(), "no value was given"),
        (SetOptimizer(momentum=0.5), "no momentum"),
    ],
)
def test_an_edit_that_makes_no_sense_is_refused_and_changes_nothing(engine, command, sentence):
    quiet = engine(optimizer="adagrad", epochs=1)
    edited = engine({2: [command]}, optimizer="adagrad", epochs=1)
    (refused,) = edited.log.of(CommandDenied)
    assert sentence in refused.reason
    assert quiet.log.losses() == edited.log.losses()


def test_stop_leaves_a_usable_model_and_the_rest_can_be_trained_later(engine):
    whole = engine(epochs=3)
    stopped = engine({11: [Stop()]}, epochs=3)
    (end,) = stopped.log.of(RunStopped)
    assert end.step == 11
    assert stopped.weights("best")
    rest = engine(folder=stopped.folder, epochs=3)
    assert stopped.log.losses() + rest.log.losses() == whole.log.losses()
    for name, weights in whole.weights().items():
        assert np.array_equal(rest.weights()[name], weights), name


@pytest.mark.parametrize(
    "settings",
    [
        {"ema": 0.99, "optimizer": "sgd"},
        {"freeze_epochs": 1, "layer_decay": 0.7},
        {"mixup": 0.3, "cutmix": 0.3, "accumulate": 2, "augment": "strong"},
        {"schedule": "plateau", "optimizer": "rmsprop"},
        {"optimizer": "adagrad", "l1": 1e-4, "clip_norm": 1.0},
        {"optimizer": "lamb", "loss": "focal", "label_smoothing": 0.1},
    ],
    ids="-".join,
)
def test_a_stopped_run_goes_on_bit_for_bit(engine, settings):
    whole = engine(epochs=3, **settings)
    stopped = engine({13: [Stop()]}, epochs=3, **settings)
    rest = engine(folder=stopped.folder, epochs=3, **settings)
    assert stopped.log.losses() + rest.log.losses() == whole.log.losses()
    for name, weights in whole.weights().items():
        assert np.array_equal(rest.weights()[name], weights), name
    epochs = {e.epoch: e.val_loss for e in stopped.log.of(EpochDone) + rest.log.of(EpochDone)}
    assert epochs == {e.epoch: e.val_loss for e in whole.log.of(EpochDone)}


def test_edits_are_replayed_where_they_were_applied(engine):
    edit = SetSchedule(schedule=Constant(lr=2e-3))
    whole = engine({10: [edit]}, epochs=2)
    stopped = engine({6: [Stop()]}, epochs=2)
    rest = engine(folder=stopped.folder, edits=[AppliedEdit(1, 10, edit)], epochs=2)
    assert stopped.log.losses() + rest.log.losses() == whole.log.losses()
    assert rest.log.of(ScheduleChanged)[0].step == 10
    assert not rest.log.of(CommandApplied)


def test_a_newer_wish_at_an_earlier_step_outlives_a_replayed_one(engine):
    old, new = (SetSchedule(schedule=Constant(lr=lr)) for lr in (1e-4, 2e-3))
    decay = SetOptimizer(weight_decay=0.3)
    log = [AppliedEdit(1, 12, old), AppliedEdit(2, 13, decay)]
    stopped = engine({6: [Stop()]}, epochs=2)
    rest = engine({8: [new]}, folder=stopped.folder, edits=log, epochs=2)
    assert {s.lr for s in rest.log.of(StepDone) if s.step > 8} == {2e-3}
    assert rest.log.of(OptimizerChanged)[0].step == 13
    # The same, had the run been killed once more before its next checkpoint.
    again = engine({6: [Stop()]}, epochs=2)
    log = [*log, AppliedEdit(3, 8, new)]
    rest = engine(folder=again.folder, edits=log, epochs=2)
    assert {s.lr for s in rest.log.of(StepDone) if s.step > 8} == {2e-3}


def test_pruned_weights_stay_zero_while_the_rest_learns_and_after_a_resume(engine):
    settings = {"epochs": 3, "ema": 0.9}
    whole = engine({3: [Prune(amount=0.6)]}, **settings)
    (pruned,) = whole.log.of(Pruned)
    assert pruned.zeros == round(0.6 * pruned.weights)
    kept = ("8.weight",)
    for which in ("last", "best"):
        weights = [w for n, w in whole.weights(which).items() if w.ndim > 1 and n not in kept]
        assert sum(int((w == 0).sum()) for w in weights) == pruned.zeros
    stopped = engine({3: [Prune(amount=0.6)], 14: [Stop()]}, **settings)
    rest = engine(folder=stopped.folder, **settings)
    assert stopped.log.losses() + rest.log.losses() == whole.log.losses()
    for name, weights in whole.weights().items():
        assert np.array_equal(rest.weights()[name], weights), name


def test_a_run_that_is_stopped_before_its_first_step_claims_nothing(engine):
    stopped = engine({0: [Stop()]})
    assert stopped.log.of(RunStopped)[0].best_epoch is None
    assert not stopped.log.of(EpochDone)
    rest = engine(folder=stopped.folder)
    assert rest.log.losses() == engine().log.losses()

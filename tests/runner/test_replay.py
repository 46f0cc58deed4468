"""A run done again from its own record."""

from __future__ import annotations

import numpy as np
import pytest
from chart_runs import started
from msgspec.structs import replace

import nbfinetune as nf
from nbfinetune.data.index import build_index
from nbfinetune.data.sources import accept
from nbfinetune.data.splits import LEFT_OUT, TRAIN
from nbfinetune.engine.checkpoint import read
from nbfinetune.errors import ConfigError
from nbfinetune.records import (
    Exclude,
    FeaturesKept,
    FeaturesUnused,
    Folder,
    MoveTo,
    PlannedEdit,
    Relabel,
    StepTuned,
    Unfreeze,
)
from nbfinetune.runner import replay
from nbfinetune.runner.settings import configure
from nbfinetune.schedules import Constant, through
from nbfinetune.store import RunStore
from nbfinetune.store.layout import new_run_folder

SETTINGS = {
    "model": "factories:small_cnn",
    "pretrained": False,
    "image_size": 16,
    "batch_size": 16,
    "lr": 1e-2,
}


def weights(run: nf.Run) -> dict[str, np.ndarray]:
    state = read(run.path / "checkpoints" / "last.safetensors")
    return {name: tensor.numpy() for name, tensor in state.part("model").items()}


def test_a_run_that_was_edited_by_hand_is_done_again_bit_for_bit(tmp_path, monkeypatch, until):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(4), 60)
    images = rng.integers(0, 200, (240, 16, 16, 3)).astype(np.uint8) + labels[:, None, None, None]
    run = nf.fine_tune((images.astype(np.uint8), labels), epochs=100_000, **SETTINGS)
    answers = [run.set_schedule(through([(0, 1e-2), (1, 1e-3)], piece="log"), epochs=90_000)]
    answers.append(run.set_optimizer(weight_decay=0.2))
    first = len(run.metrics())
    until(lambda: len(run.metrics()) >= first + 2)
    run.pause()  # or the epoch that is to be the last is over by then
    answers.append(run.set_schedule(Constant(lr=1e-3), epochs=len(run.metrics()) + 3))
    run.resume()
    run.wait(progress=False, timeout_s=120)
    again = nf.fine_tune(replay=run)
    assert [p.step for p in again.config.planned] == [answer.step for answer in answers]
    again.wait(progress=False, timeout_s=120)
    theirs = weights(run)
    for name, values in weights(again).items():
        assert np.array_equal(values, theirs[name]), name
    assert again.metrics()["val_loss"].tolist() == run.metrics()["val_loss"].tolist()
    assert nf.fine_tune(replay=again).config.planned == again.config.planned


def test_what_a_self_test_chose_is_chosen_again():
    config = configure(Folder(path="photos"), {"epochs": 2})
    found = StepTuned(precision="bf16", channels_last=False, ms_per_image={}, threads=1)
    again = replay._as_tuned(config, [found])
    chosen = again.training
    assert (chosen.precision, chosen.channels_last, again.runner.threads) == ("bf16", False, 1)
    unsaid = replay._as_tuned(
        configure(Folder(path="photos"), {"threads": 3}),
        [replace(found, threads=None)],
    )
    assert unsaid.runner.threads == 3
    assert replay._as_tuned(config, []) == config


def test_as_many_views_are_kept_again_as_there_was_memory_for():
    config = configure(Folder(path="photos"), {"epochs": 9, "freeze": "backbone"})
    kept, unused = FeaturesKept(views=3, megabytes=1.0), FeaturesUnused(reason="no room")
    for told, views in (([kept, unused], 3), ([unused], 0), ([], None)):
        assert replay._with_views(config, told).training.feature_views == views


@pytest.mark.parametrize("folds", [None, 3])
def test_a_run_with_edits_has_its_split_and_the_edits(home, tmp_path, folds):
    rng = np.random.default_rng(0)
    labels = np.arange(30) % 3
    accepted = accept((rng.integers(0, 255, (30, 16, 16, 3)).astype(np.uint8), labels))
    settings = {"folds": folds, "fold": 1 if folds else 0, "seed": 4}
    config = configure(accepted.source, {**settings, "edits": [Exclude(item="0")]})
    folder = new_run_folder(home, "earlier")
    accepted.place(folder)
    RunStore.create(folder, config).close()
    before = build_index(config.data, config.seed, folder, lambda *_: None)

    moved = MoveTo(item="3", part="train")
    edits = (Relabel(item="1", label=before.classes[2]), moved)
    given, edited = replay.with_edits(nf.Run.open(folder), edits)
    assert edited == replace(config, data=replace(config.data, edits=edits))
    new = new_run_folder(home, "again")
    given.place(new)
    after = build_index(edited.data, edited.seed, new, lambda *_: None)
    assert after.labels[1] == 2
    assert after.split[3] == TRAIN
    assert before.split[0] == LEFT_OUT
    assert after.split[0] != LEFT_OUT
    others = np.delete(np.arange(30), [0, 3])
    assert np.array_equal(after.split[others], before.split[others])


def test_what_was_changed_live_is_changed_at_the_same_place_of_an_epoch_of_other_length(home):
    labels = np.arange(30) % 3
    accepted = accept((np.zeros((30, 16, 16, 3), np.uint8), labels))
    planned = (PlannedEdit(step=14, edit=Unfreeze()),)  # the third of the six steps of epoch 3
    config = replace(configure(accepted.source, {"batch_size": 4}), planned=planned)
    folder = new_run_folder(home, "earlier")
    accepted.place(folder)
    index = build_index(config.data, config.seed, folder, lambda *_: None)
    with RunStore.create(folder, config) as store:
        store.append([replace(started(), steps_per_epoch=len(index.train) // 4)])
    half = [Exclude(item=str(image)) for image in index.train[:12].tolist()]
    run = nf.Run.open(folder)
    assert [edit.step for edit in replay.with_edits(run, half)[1].planned] == [7]
    assert [edit.step for edit in replay.with_edits(run, [])[1].planned] == [14]


def test_replay_takes_nothing_beside_the_run():
    with pytest.raises(ConfigError, match="leave out the data and every other setting"):
        nf.fine_tune("digits", replay=object())
    with pytest.raises(ConfigError, match="there is no data"):
        nf.fine_tune(epochs=3)

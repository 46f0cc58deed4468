"""Event files as TensorBoard itself reads them."""

from __future__ import annotations

from pathlib import Path

import chart_runs
import pytest
from msgspec.structs import replace

from nbfinetune.errors import RunError
from nbfinetune.records import RunFinished, RunRestored, RunStopped
from nbfinetune.runner.trackers import bookmark, track
from nbfinetune.runner.trackers.pages import settings_of

pytest.importorskip("tensorboard", reason="pip install 'nbfinetune[tensorboard]'")


@pytest.fixture
def over(home: Path):
    """The open store of a run of 250 steps that has finished."""
    with chart_runs.filled(home / "over", 250) as store:
        store.append([RunFinished(step=250, reason="completed", best_epoch=2)])
        yield store


def read(folder: Path | str):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    everything = {"scalars": 0, "tensors": 0}
    return EventAccumulator(str(folder), size_guidance=everything).Reload()


def steps(folder: Path | str, tag: str = "step/loss") -> list[int]:
    return [point.step for point in read(folder).Scalars(tag)]


def test_every_measure_is_there_with_its_step_and_its_time(over):
    mirror = track(over.path, "tensorboard", {}).wait(120)
    assert mirror.where == str(over.path / "tensorboard")
    found = read(mirror.where)
    losses = found.Scalars("step/loss")
    known = over.events()
    assert [point.step for point in losses] == list(range(1, 251))
    assert losses[36].value == pytest.approx(chart_runs.loss_at(37), rel=1e-6)
    assert losses[0].wall_time == known[1].time
    assert [point.step for point in found.Scalars("epoch/accuracy")] == [100, 200]
    assert "epoch/roc_auc" not in found.Tags()["scalars"]
    best = found.Scalars("best/accuracy")
    assert [(point.step, point.value) for point in best] == [
        (250, pytest.approx(over.best_epoch().accuracy))
    ]


def test_notes_are_texts_at_their_step(over):
    mirror = track(over.path, "tensorboard", {}).wait(120)
    notes = read(mirror.where).Tensors("notes")
    assert [(note.step, note.tensor_proto.string_val[0].decode()[:8]) for note in notes] == [
        (0, "training"),
        (250, "finished"),
    ]


def test_the_settings_are_hyperparameters(over):
    from tensorboard.plugins.hparams import metadata, plugin_data_pb2

    mirror = track(over.path, "tensorboard", {}).wait(120)
    stored = read(mirror.where).PluginTagToContent("hparams")
    begun, ended = (
        plugin_data_pb2.HParamsPluginData.FromString(stored[tag])
        for tag in (metadata.SESSION_START_INFO_TAG, metadata.SESSION_END_INFO_TAG)
    )
    given = begun.session_start_info.hparams
    assert given["model.name"].string_value == "resnet18"
    assert given["training.epochs"].number_value == chart_runs.EPOCHS
    assert set(given) == set(settings_of(over.config))
    assert ended.session_end_info.status == 1


def test_a_folder_of_ones_own_has_a_folder_for_each_run(over, tmp_path):
    mirror = track(over.path, "tensorboard", {"folder": tmp_path / "logs"}).wait(120)
    assert mirror.where == str(tmp_path / "logs" / "over")
    assert len(steps(mirror.where)) == 250


def test_a_resumed_run_goes_on_without_doubled_points(home):
    with chart_runs.filled(home / "again", 150) as store:
        store.append([RunStopped(step=150, best_epoch=1)])
        where = track(store.path, "tensorboard", {}).wait(120).where
        store.rewind(120)
        store.append([RunRestored(step=120), *chart_runs.progress(121, 230)])
        store.append([RunFinished(step=230, reason="completed", best_epoch=2)])
        track(store.path, "tensorboard", {}).wait(120)
    assert steps(where) == list(range(1, 231))
    assert steps(where, "epoch/accuracy") == [100, 200]
    assert steps(where, "best/accuracy") == [150, 230]


def test_what_a_killed_mirror_wrote_but_did_not_mark_is_not_doubled(over):
    mirror = track(over.path, "tensorboard", {}).wait(120)
    mark = bookmark.load(mirror._path)
    before = replace(mark, status="mirroring", seq=100, steps_to=99, epochs_to=-1)
    bookmark.save(mirror._path, before)
    track(over.path, "tensorboard", {}).wait(120)
    assert steps(mirror.where) == list(range(1, 251))


def test_a_folder_that_is_a_file_ends_the_mirror_with_words(over, tmp_path, recwarn, until):
    (tmp_path / "logs").touch()
    mirror = track(over.path, "tensorboard", {"folder": tmp_path / "logs"})
    with pytest.raises(RunError, match=r"tensorboard takes no more \(NotADirectoryError"):
        mirror.wait(120)
    until(lambda: len(recwarn))


@pytest.mark.slow
def test_a_hundred_thousand_steps_are_mirrored_whole(home):
    with chart_runs.filled(home / "long", 100_000) as store:
        store.append([RunFinished(step=100_000, reason="completed", best_epoch=2)])
        mirror = track(store.path, "tensorboard", {}).wait(300)
    assert steps(mirror.where) == list(range(1, 100_001))

"""Runs that can't work: each says why in one sentence, and nothing is lost."""

from __future__ import annotations

import os
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest

import nbfinetune as nf
from nbfinetune.errors import (
    ConfigError,
    DataError,
    RunFailedError,
    StoreError,
    UnknownModel,
    UnsafeCheckpoint,
)
from nbfinetune.records import FileSkipped, RunStarted
from nbfinetune.store import RunStore


def sentence(run: nf.Run) -> str:
    with pytest.raises(RunFailedError) as failure:
        run.wait(progress=False)
    assert run.status == "failed"
    assert "Traceback" in failure.value.details
    return str(failure.value)


def test_an_unknown_model_offers_the_closest_names(small):
    with pytest.raises(UnknownModel, match=r"closest: .*resnet18"):
        small(model="resnet81")


def test_a_model_without_reachable_weights_names_the_ways_out(small, monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    message = sentence(small(model="resnet18", pretrained=True))
    assert "pretrained=False" in message
    assert "checkpoint=" in message


def test_a_model_too_large_for_this_machine_is_not_begun(small):
    message = sentence(small(model="eva02_enormous_patch14_clip_224", image_size=None))
    assert "GB" in message or "GiB" in message


class Hostile:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.target}",)


def test_a_hostile_pickle_is_refused_and_not_run(small, tmp_path):
    target = tmp_path / "executed"
    file = tmp_path / "weights.pth"
    file.write_bytes(pickle.dumps(Hostile(target)))
    with pytest.raises(UnsafeCheckpoint, match=file.name):
        small(model="resnet10t", checkpoint=str(file))
    assert not target.exists()


def test_an_exploding_loss_stops_at_its_step_and_keeps_the_last_good_model(small):
    run = small(model="factories:exploding", epochs=20)
    assert "step 61" in sentence(run)
    assert len(run.metrics("step")) == 60
    assert np.isfinite(run.predict(np.zeros((1, 24, 24, 3), np.uint8)).iloc[0, -4:]).all()


@pytest.mark.skipif(sys.platform != "linux", reason="another process's limits are Linux's to set")
def test_a_full_disk_fails_the_run_and_leaves_the_checkpoint_before_whole(small, until):
    import resource

    run = small(model="factories:wide_cnn", epochs=2000, checkpoint_every_s=0.2)
    until((run.path / "checkpoints" / "last.safetensors").exists)
    with RunStore.open(run.path) as store:
        worker = store.worker().pid
    # From here on it may write no file of a checkpoint's size.
    resource.prlimit(worker, resource.RLIMIT_FSIZE, (5_000_000, resource.RLIM_INFINITY))
    message = sentence(run)
    assert "last.safetensors" in message
    assert not list((run.path / "checkpoints").glob("*.tmp"))
    run.load_model("last")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_home_is_said_before_anything_is_spawned(small, home):
    home.mkdir()
    home.chmod(0o500)
    with pytest.raises(StoreError, match="nbfinetune-runs"):
        small()
    home.chmod(0o700)


def test_settings_that_can_t_work_are_said_before_anything_is_spawned(small, home):
    wrong = {
        "epochs": (0, "training.epochs is 0"),
        "lr": ("abc", "abc"),
        "optimiser": ("adam", "closest: optimizer"),
        "schedule": ("cosinus", "cosine"),
        "fold": (7, "folds"),
        "augment": (3, "augment is 3"),
        "accumulate": (99, "99"),
    }
    for name, (value, words) in wrong.items():
        extra = {"folds": 5} if name == "fold" else {}
        with pytest.raises(ConfigError, match=words):
            small(**{name: value}, **extra)
    with pytest.raises(DataError, match="no/such/folder"):
        small("no/such/folder")
    assert not home.exists() or not list(home.iterdir())


def test_a_factory_that_raises_is_quoted(small):
    assert "this network can't be built today" in sentence(small(model="factories:raising"))
    assert "no function 'absent'" in sentence(small(model="factories:absent"))


def folder_of_photos(folder: Path, photos: tuple[np.ndarray, np.ndarray], bad: int) -> list[Path]:
    from PIL import Image

    images, labels = photos
    for row in range(0, 200, 5):
        target = folder / f"class{labels[row]}"
        target.mkdir(parents=True, exist_ok=True)
        Image.fromarray(images[row]).save(target / f"{row}.jpg")
    (folder / ".ipynb_checkpoints").mkdir()
    spoiled = sorted(folder.glob("class*/*.jpg"))[:bad]
    for number, path in enumerate(spoiled):
        whole = path.read_bytes()
        path.write_bytes([b"", b"not a photo", whole[: len(whole) // 2]][number % 3])
    return spoiled


def test_photos_that_can_t_be_read_are_named_and_the_run_goes_on(small, tmp_path, photos):
    spoiled = folder_of_photos(tmp_path / "photos", photos, bad=3)
    run = small(tmp_path / "photos", epochs=2).wait(progress=False)
    skipped = [event for event in run.events() if isinstance(event, FileSkipped)]
    assert sorted(event.path for event in skipped) == [str(path) for path in spoiled]
    assert all(event.reason for event in skipped)
    started = next(event for event in run.events() if isinstance(event, RunStarted))
    assert started.train_images + started.val_images == 37
    assert started.classes == ("class0", "class1", "class2", "class3")


def test_too_many_unreadable_photos_stop_the_run_before_it_trains(small, tmp_path, photos):
    folder_of_photos(tmp_path / "photos", photos, bad=6)
    run = small(tmp_path / "photos")
    assert "6 of 40" in sentence(run)
    assert run.metrics("step").empty

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from nbfinetune.errors import (
    ConfigError,
    DataError,
    FoldFailed,
    ModelError,
    NoSuchRun,
    RunError,
    RunTimeout,
)
from nbfinetune.records import LIVE, Exclude
from nbfinetune.runner import cross_validation, fold_driver, standby
from nbfinetune.runner.cross_validation import CrossValidation, cross_validate
from nbfinetune.runner.run import runs

ONCE = """
from pathlib import Path
from torch import nn

SEEN = Path(__file__).with_name("seen")

class Net(nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.body = nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(12, num_classes))

    def forward(self, images):
        if not self.training:
            SEEN.touch()
        return self.body(images)

def net(num_classes):
    if SEEN.exists():
        raise RuntimeError("the second network can't be built")
    return Net(num_classes)
"""

SETTINGS = {
    "pretrained": False,
    "batch_size": 8,
    "epochs": 2,
    "image_size": 16,
    "device": "cpu",
    "augment": "none",
}
GOES_ON = {**SETTINGS, "epochs": 100_000}


@pytest.fixture(autouse=True)
def no_standby_is_left(nobody_left_behind: None) -> Iterator[None]:
    yield
    if standby._waiting is not None:
        standby._waiting.dismiss()
        standby._waiting = None


def shades(images: int = 30) -> tuple[np.ndarray, np.ndarray]:
    """Dark, middling and light squares."""
    labels = np.arange(images) % 3
    noise = np.random.default_rng(0).integers(0, 40, (images, 16, 16))
    return (labels[:, None, None] * 90 + noise).astype(np.uint8), labels


def test_each_image_validates_once_and_the_folds_have_a_mean_and_a_deviation():
    result = cross_validate(shades(), folds=2, model="factories:small_cnn", **SETTINGS)
    assert [run.config.data.fold for run in result.runs] == [0, 1]
    assert [run.status for run in result.runs] == ["finished", "finished"]

    ids = [np.load(run.path / "predictions" / "best.npz")["ids"] for run in result.runs]
    assert sorted(np.concatenate(ids).tolist()) == list(range(30))

    frame = result.frame()
    assert frame.index.tolist() == [0, 1]
    for run in result.runs:
        metrics = run.metrics()
        row = frame.loc[run.config.data.fold]
        assert row["accuracy"] == metrics["accuracy"].max()
        assert row["epoch"] == metrics["accuracy"].idxmax()

    summary = result.summary()
    values = frame["val_loss"].to_numpy()
    assert summary.loc["val_loss", "mean"] == pytest.approx(values.mean())
    assert summary.loc["val_loss", "std"] == pytest.approx(values.std(ddof=1))
    assert "2 of 2 folds: accuracy" in repr(result)
    assert "val_loss" in result._repr_html_()


def test_a_fold_that_fails_keeps_the_folds_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "once.py").write_text(ONCE)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(FoldFailed, match=r"fold 2 of 2 failed .*second network") as caught:
        cross_validate(shades(), folds=2, model="once:net", **SETTINGS)
    assert caught.value.fold == 1
    finished = caught.value.finished
    assert isinstance(finished, CrossValidation)
    assert [run.status for run in finished.runs] == ["finished"]
    assert finished.frame()["accuracy"].notna().all()
    assert "1 of 2 folds" in repr(finished)
    assert "RuntimeError" in caught.value.details
    assert len(runs()) == 2


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"folds": 1}, "folds is 1"),
        ({"fold": 2}, "fold=2: cross_validate sets fold"),
        ({"replay": "that"}, "replay='that': cross_validate sets replay"),
        ({"epoch": 3}, "no setting 'epoch'"),
    ],
)
def test_settings_that_make_no_sense_start_nothing(
    home: Path, settings: dict[str, object], sentence: str
):
    with pytest.raises(ConfigError, match=sentence):
        cross_validate(shades(), **settings)
    assert runs() == []
    assert list(home.glob("cross-validations/*")) == []


def test_data_that_can_not_be_read_starts_nothing(tmp_path: Path):
    with pytest.raises(DataError, match="nowhere"):
        cross_validate(tmp_path / "nowhere", folds=2)
    assert runs() == []


def test_what_speaks_against_the_first_fold_is_raised_and_nothing_is_left(home: Path):
    with pytest.raises(ModelError, match="resnet19"):
        cross_validate(shades(), folds=2, model="resnet19", wait=False)
    with pytest.raises(ConfigError, match="there is no image '77'"):
        cross_validate(shades(), folds=2, edits=[Exclude(item="77")], wait=False)
    assert runs() == []
    assert list(home.glob("cross-validations/*")) == []


@pytest.mark.slow
def test_folds_come_in_the_background_and_can_be_stopped_and_gone_on_with(until):
    cv = cross_validate(shades(), folds=2, wait=False, model="factories:small_cnn", **GOES_ON)
    assert cv.status == "running"
    until(lambda: cv.runs and len(cv.runs[0].metrics()) > 0)
    assert repr(cv) == "CrossValidation: 0 of 2 folds, running"
    with pytest.raises(RunError, match="is running already, here or in another kernel"):
        cv.resume()
    with pytest.raises(RunTimeout, match=r"has not ended within 0.01 s"):
        cv.wait(progress=False, timeout_s=0.01)
    with pytest.raises(RunError, match=r"no fold can be measured yet\. Fold 1 of 2 is not counted"):
        cv.evaluate()

    cv.stop()
    assert (cv.status, cv.runs[0].status) == ("stopped", "stopped")
    assert cv.frame().empty  # it will be gone on with
    with pytest.raises(RunError, match="was stopped before its end; resume it"):
        cv.evaluate()
    again = CrossValidation.open(cv.id)
    assert again.runs == cv.runs
    again.resume()
    seen = len(cv.runs[0].metrics())
    until(lambda: len(cv.runs[0].metrics()) > seen)
    cv.runs[0].stop()  # by hand: what it has learned counts, and the next fold begins
    until(lambda: len(cv.runs) == 2 and len(cv.runs[1].metrics()) > 0)
    assert [run.config.data.fold for run in cv.runs] == [0, 1]
    assert "1 of 2 folds, running: accuracy" in repr(cv)
    assert "±" not in repr(cv)
    assert cv.evaluate().left_out == (
        f"Fold 2 of 2 is not counted: run {cv.runs[1].id} is running.",
    )
    cv.runs[1].stop()
    cv.wait(progress=False, timeout_s=120)
    assert cv.status == "finished"
    assert len(cv.evaluate()) == 30


KERNEL = """
import sys, threading
sys.path[:0] = sys.argv[1:]
from nbfinetune.runner.cross_validation import cross_validate
from test_cross_validation import GOES_ON, shades
cv = cross_validate(shades(), folds=2, wait=False, model="factories:small_cnn", **GOES_ON)
print(cv.id, flush=True)
threading.Event().wait()
"""


@pytest.mark.slow
def test_folds_are_taken_up_after_their_kernel_was_killed(until):
    here = Path(__file__).parent
    words = [sys.executable, "-c", KERNEL, str(here), str(here.parent)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as kernel:
        try:
            cv = CrossValidation.open(kernel.stdout.readline().strip())
            until(lambda: cv.runs and len(cv.runs[0].metrics()) > 1)
            assert cv.status == "running"
        finally:
            kernel.kill()
    until(lambda: cv.status == "stopped")
    assert cv.runs[0].status in LIVE  # the run outlives the kernel, as any
    cv.resume()
    cv.runs[0].stop()
    until(lambda: len(cv.runs) == 2 and len(cv.runs[1].metrics()) > 0)
    cv.stop()
    assert (cv.status, cv.runs[1].status) == ("stopped", "stopped")


@pytest.mark.slow
def test_what_breaks_it_off_is_told_and_it_can_go_on(monkeypatch: pytest.MonkeyPatch):
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    begin = fold_driver.begin
    monkeypatch.setattr(fold_driver.FoldDriver, "_follow", full)
    cv = cross_validate(shades(), folds=2, wait=False, model="factories:small_cnn", **SETTINGS)
    with pytest.raises(RunError, match=r"broke off: .*No space left.*resume\(\) goes on"):
        cv.wait(progress=False, timeout_s=120)
    assert cv.status == "failed"
    assert "No space left" in cv.trouble
    monkeypatch.undo()
    assert fold_driver.begin is begin
    cv.resume().wait(progress=False, timeout_s=200)
    assert (cv.status, cv.trouble) == ("finished", "")
    cv.resume().wait(progress=False, timeout_s=60)
    assert len(cv.runs) == 2


def test_who_interrupts_the_wait_is_told_how_to_go_on(monkeypatch, capfd):
    def enough(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cross_validation, "watch", enough)
    with pytest.raises(KeyboardInterrupt):
        cross_validate(shades(), folds=2, model="factories:small_cnn", **GOES_ON)
    said = capfd.readouterr()
    name = re.search(r"CrossValidation\.open\('(.+?)'\)", said.out + said.err)[1]
    assert CrossValidation.open(name).stop().status == "stopped"


def test_one_that_is_not_there_is_told_with_the_closest():
    with pytest.raises(NoSuchRun, match="there are no cross-validations yet"):
        CrossValidation.open("20261122")


def test_runs_that_were_put_together_by_hand_are_led_by_nobody():
    for ask in (CrossValidation.resume, CrossValidation.stop, CrossValidation.wait):
        with pytest.raises(RunError, match="put together by hand"):
            ask(CrossValidation((), 5))


def test_without_a_finished_fold_there_is_nothing_to_sum_up():
    empty = CrossValidation((), 5)
    assert repr(empty) == "CrossValidation: 0 of 5 folds"
    assert "0 of 5 folds" in empty._repr_html_()
    assert empty.frame().empty
    assert empty.summary().empty

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nbfinetune.errors import ConfigError, DataError, FoldFailed
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
    with pytest.raises(FoldFailed, match=r"fold 1 of 2 failed .*second network") as caught:
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
        ({"wait": True}, "wait=True: cross_validate sets wait"),
        ({"epoch": 3}, "no setting 'epoch'"),
    ],
)
def test_settings_that_make_no_sense_start_nothing(settings: dict[str, object], sentence: str):
    with pytest.raises(ConfigError, match=sentence):
        cross_validate(shades(), **settings)
    assert runs() == []


def test_data_that_can_not_be_read_starts_nothing(tmp_path: Path):
    with pytest.raises(DataError, match="nowhere"):
        cross_validate(tmp_path / "nowhere", folds=2)
    assert runs() == []


def test_without_a_finished_fold_there_is_nothing_to_sum_up():
    empty = CrossValidation((), 5)
    assert repr(empty) == "CrossValidation: 0 of 5 folds"
    assert "0 of 5 folds" in empty._repr_html_()
    assert empty.frame().empty
    assert empty.summary().empty

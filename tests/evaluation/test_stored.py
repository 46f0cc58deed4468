"""A run's stored predictions are evaluated without torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from nbfinetune.data.image_index import ImageIndex, save_index
from nbfinetune.data.splits import TRAIN, VAL
from nbfinetune.errors import StoreError
from nbfinetune.evaluation.calibration import fit_temperature
from nbfinetune.evaluation.metrics import save_predictions
from nbfinetune.evaluation.stored import evaluate, stored_evaluation
from nbfinetune.records import DataConfig, FineTuneConfig, Folder

CONFIG = FineTuneConfig(data=DataConfig(source=Folder(path="photos")))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run of three classes, of whose 60 images every second one validates."""
    labels = np.arange(60) % 3
    split = np.where(np.arange(60) % 2, VAL, TRAIN).astype(np.uint8)
    items = tuple(f"{number}.jpg" for number in range(60))
    index = ImageIndex(("a", "b", "c"), labels, split, items, "/photos")
    save_index(index, tmp_path / "index.json")
    (tmp_path / "predictions").mkdir()
    logits = np.random.default_rng(0).normal(size=(30, 3)) + np.eye(3)[labels[index.val]]
    path = tmp_path / "predictions" / "best.npz"
    save_predictions(path, logits.astype(np.float32), labels[index.val], index.val)
    return tmp_path


def test_stored_images_keep_their_numbers_names_and_temperature(folder: Path):
    kept = evaluate(folder, CONFIG)
    assert kept.ids is not None
    assert kept.ids.tolist() == list(range(1, 60, 2))
    assert kept.names[1] == str(Path("/photos/3.jpg"))
    assert kept.temperature == fit_temperature(kept.logits, kept.labels)
    assert kept.calibration().temperature == kept.temperature


def test_a_run_without_predictions_has_no_stored_evaluation(folder: Path):
    (folder / "predictions" / "best.npz").unlink()
    assert stored_evaluation(folder) is None


def test_predictions_of_another_run_are_refused(folder: Path):
    path = folder / "predictions" / "best.npz"
    save_predictions(path, np.eye(4), np.arange(4), np.arange(4))
    with pytest.raises(StoreError, match=r"best\.npz has 4 outputs .* 3 classes and 60 images"):
        evaluate(folder, CONFIG)
    save_predictions(path, np.eye(3), np.arange(3), np.arange(58, 61))
    with pytest.raises(StoreError, match=r"up to number 60, .*60 images"):
        evaluate(folder, CONFIG)


def test_everything_that_is_asked_of_stored_predictions_goes_without_torch(folder: Path):
    script = f"""
import sys
from pathlib import Path
from nbfinetune.evaluation.stored import evaluate
found = evaluate(Path({str(folder)!r}), None)
found._repr_html_(), found.to_frame(), found.calibration()._repr_html_(), found.averages
assert "sklearn" not in sys.modules
found.per_class, found.roc_curve("a"), found.precision_recall_curve("a"), found.mistakes()
found.slices(len), found.compare(found), found.interval("roc_auc"), found.least_certain()
print(len(found), sorted({{"torch", "timm", "torchvision"}} & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "30 []"

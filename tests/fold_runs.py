"""Folds of a cross-validation on record, as their workers would have left them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from msgspec.structs import replace
from PIL import Image

from nbfinetune.data.image_index import ImageIndex, save_index
from nbfinetune.data.splits import split_folds
from nbfinetune.evaluation.metrics import save_predictions
from nbfinetune.records import DataConfig, Event, FineTuneConfig, Folder, RunFinished
from nbfinetune.runner.run import Run
from nbfinetune.store import RunStore, layout

CLASSES = ("daisy", "rose", "tulip")
IMAGES = 60
LABELS = np.arange(IMAGES) % len(CLASSES)
CONFIG = FineTuneConfig(data=DataConfig(source=Folder(path="photos"), folds=3))
FINISHED = RunFinished(step=0, reason="completed", best_epoch=1)


def logits_of(ids: np.ndarray, noise: float = 1.0) -> np.ndarray:
    """What the models say of images: of each always the same, mostly its label."""
    drawn = np.random.default_rng(0).normal(size=(IMAGES, len(CLASSES))) * noise
    return (drawn + 2 * np.eye(len(CLASSES))[LABELS])[ids].astype(np.float32)


def index_of(fold: int, folds: int = 3, root: str = "/photos") -> ImageIndex:
    """The images of one fold's run."""
    split = split_folds(LABELS, folds, fold, seed=0)
    items = tuple(f"{CLASSES[label]}/{n}.jpg" for n, label in enumerate(LABELS))
    return ImageIndex(CLASSES, LABELS, split, items, root)


def photos(folder: Path) -> FineTuneConfig:
    """Write the images, a colour for each class; the config of folds of them."""
    rng = np.random.default_rng(0)
    for n, label in enumerate(LABELS):
        pixels = rng.integers(0, 90, (64, 64, 3)).astype(np.uint8)
        pixels[16:48, 16:48, label] += 150
        path = folder / CLASSES[label] / f"{n}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    return replace(CONFIG, data=replace(CONFIG.data, source=Folder(path=str(folder))))


def fold_run(
    home: Path,
    fold: int,
    last: Event | None = FINISHED,
    *,
    index: ImageIndex | None = None,
    config: FineTuneConfig = CONFIG,
) -> Run:
    """A fold's run with its predictions, after its last event."""
    folder = layout.new_run_folder(home, "resnet18")
    index = index_of(fold) if index is None else index
    with RunStore.create(folder, replace(config, data=replace(config.data, fold=fold))) as store:
        store.append([] if last is None else [last])
    save_index(index, layout.index(folder))
    path = layout.predictions(folder)
    save_predictions(path, logits_of(index.val), index.labels[index.val], index.val)
    return Run.open(folder)

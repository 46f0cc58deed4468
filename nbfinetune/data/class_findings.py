"""Findings about classes: lacking in a part of the split, rare, or much larger than others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from nbfinetune.data.finding import Finding, Wording, class_of, used
from nbfinetune.data.image_index import ImageIndex
from nbfinetune.data.randomness import Ids
from nbfinetune.data.splits import TRAIN, VAL

MOST_IMBALANCE = 10.0
FEW = 5

_NO_TRAINING = Wording(
    "no_training", "class has", "classes have", "no training images",
    "move to train", "A run refuses to start: the model can't be measured on what it never saw.",
)  # fmt: skip
_NO_VALIDATION = Wording(
    "no_validation", "class has", "classes have", "no validation images",
    "take as is", "How well it is recognised is not measured.",
)  # fmt: skip
_FEW = Wording(
    "few_images", "class has", "classes have", f"fewer than {FEW} images",
    "take as is", "That is hardly enough to learn from, or to measure with.",
)  # fmt: skip
_IMBALANCE = Wording(
    "imbalance", "class is", "classes are", "rare",
    "take as is", 'A model may ignore rare classes; class_weights="balanced" weighs them up.',
)  # fmt: skip


def classes(index: ImageIndex) -> list[Finding]:
    """What the counts of the classes say."""
    train, val = _counts(index, TRAIN), _counts(index, VAL)
    every = train + val
    found = []
    for wording, odd in (
        (_NO_TRAINING, train == 0),
        (_NO_VALIDATION, val == 0),
        (_FEW, every < FEW),
    ):
        found += _about(wording, np.flatnonzero(odd & (every > 0)), index, every)
    return found + _imbalance(index, train)


def _imbalance(index: ImageIndex, train: Ids) -> list[Finding]:
    rare = np.flatnonzero((train > 0) & (train * MOST_IMBALANCE < train.max(initial=0)))
    if not len(rare):
        return []
    most, least = train.argmax(), rare[train[rare].argmin()]
    title = (
        f"there are {train[most]} training images of {index.classes[most]}, "
        f"but {train[least]} of {index.classes[least]}"
    )
    return [replace(one, title=title) for one in _about(_IMBALANCE, rare, index, train)]


def _about(wording: Wording, numbers: Ids, index: ImageIndex, counts: Ids) -> list[Finding]:
    found = used(np.isin(index.labels, numbers), index)
    details = [f"{class_of(image, index)}: {counts[index.labels[image]]}" for image in found]
    return wording.about(found, details, numbers)


def _counts(index: ImageIndex, part: int) -> Ids:
    return np.bincount(index.labels[index.split == part], minlength=len(index.classes))

"""Who trains and who validates: pure functions of the labels and the seed."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from nbfinetune.data.randomness import Ids, split_rng
from nbfinetune.errors import ConfigError, DataError

Split: TypeAlias = NDArray[np.uint8]

TRAIN, VAL, LEFT_OUT = range(3)


def split_stratified(labels: Ids, val_split: float, seed: int) -> Split:
    """Parts of each image: `val_split` of every class validates, chosen by `seed`.

    A class with two images or more has at least one in either part; a class with one trains.

    Parameters
    ----------
    labels : int64 array (N,)
    val_split : float in (0, 1)
    seed : int

    Returns
    -------
    uint8 array (N,)
        `TRAIN` or `VAL` for each image.

    Raises
    ------
    DataError
        If no class has two images.
    """
    split = np.full(len(labels), TRAIN, dtype=np.uint8)
    for members in _shuffled_classes(labels, seed):
        wanted = int(len(members) * val_split + 0.5)
        count = min(max(wanted, 1), len(members) - 1)
        split[members[:count]] = VAL
    if not (split == VAL).any():
        raise DataError(
            f"none of the {len(labels)} images can be spared for validation: no class has two; "
            "add images or pass a (train, val) pair of folders"
        )
    return split


def split_folds(labels: Ids, folds: int, fold: int, seed: int) -> Split:
    """Parts of each image in fold number `fold` of a stratified cross-validation.

    Every image validates in exactly one fold, except those that are alone in their class.

    Raises
    ------
    ConfigError
        If `fold` is not one of the folds.
    DataError
        If there are fewer images than folds.
    """
    if fold >= folds:
        raise ConfigError(f"fold is {fold}: with folds={folds} it runs from 0 to {folds - 1}")
    number = np.full(len(labels), folds, dtype=np.int64)
    dealt = 0
    for members in _shuffled_classes(labels, seed):
        if len(members) > 1:
            number[members] = (dealt + np.arange(len(members))) % folds
            dealt += len(members)
    split = np.where(number == fold, VAL, TRAIN).astype(np.uint8)
    if not (split == VAL).any() or not (split == TRAIN).any():
        raise DataError(f"{len(labels)} images are too few for folds={folds}: take fewer folds")
    return split


def _shuffled_classes(labels: Ids, seed: int) -> list[Ids]:
    rng = split_rng(seed)
    by_class = np.argsort(labels, kind="stable")
    edges = np.flatnonzero(np.diff(labels[by_class])) + 1
    return [rng.permutation(members) for members in np.split(by_class, edges)]

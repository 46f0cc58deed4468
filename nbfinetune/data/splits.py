"""Who trains and who validates: pure functions of the labels and the seed."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from nbfinetune.data.randomness import Ids, split_rng
from nbfinetune.errors import ConfigError, DataError

Split: TypeAlias = NDArray[np.uint8]

TRAIN, VAL, LEFT_OUT = range(3)

_LOOKS = 4_000
_MOST_TRIES = 40
"""Draws of a split by groups, as long as they look at no more than that many groups in all."""

_ALL = 1 - 1e-9


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
    _require_fold(folds, fold)
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


def split_grouped(labels: Ids, groups: Sequence[str], val_split: float, seed: int) -> Split:
    """Parts of each image, no group on both sides, and about `val_split` of every class validates.

    Groups are looked at in an order that `seed` draws; one validates if that brings the shares of
    the classes nearer to `val_split` and leaves every class a training image. Of several draws the
    nearest is kept.

    Parameters
    ----------
    labels : int64 array (N,)
    groups : sequence of N str
        Images of one group belong together: one patient, one burst of a camera.
    val_split : float in (0, 1)
    seed : int

    Returns
    -------
    uint8 array (N,)
        `TRAIN` or `VAL` for each image.

    Raises
    ------
    DataError
        If there are fewer than two groups, or none can validate.
    """
    members, counts = _group_counts(labels, groups)
    if len(counts) < 2:
        raise DataError(
            f"all {len(labels)} images are of group {groups[0]!r}: at least two groups are needed, "
            "one to train on and one to validate on"
        )
    shares = counts / counts.sum(axis=0)
    rng = split_rng(seed)
    tries = max(1, min(_MOST_TRIES, _LOOKS // len(counts)))
    draws = [_draw_groups(shares, val_split, rng.permutation(len(counts))) for _ in range(tries)]
    chosen = min(draws, key=lambda draw: _distance(shares[draw].sum(axis=0), val_split))
    if not chosen.any():
        raise DataError(
            f"none of the {len(counts)} groups can be spared for validation: each holds all images "
            "of a class; take smaller groups or pass a (train, val) pair of folders"
        )
    return np.where(chosen[members], VAL, TRAIN).astype(np.uint8)


def split_grouped_folds(
    labels: Ids, groups: Sequence[str], folds: int, fold: int, seed: int
) -> Split:
    """Parts of each image in one fold of a cross-validation by groups.

    Every image validates in exactly one fold, together with its group; classes are spread as
    evenly as groups allow (scikit-learn's `StratifiedGroupKFold`).

    Raises
    ------
    ConfigError
        If `fold` is not one of the folds.
    DataError
        If there are fewer groups than folds, or no class has as many images.
    """
    _require_fold(folds, fold)
    members, counts = _group_counts(labels, groups)
    if len(counts) < folds or counts.sum(axis=0).max() < folds:
        raise DataError(
            f"{len(labels)} images in {len(counts)} groups are too few for folds={folds}: "
            "take fewer folds"
        )
    from sklearn.model_selection import StratifiedGroupKFold

    dealer = StratifiedGroupKFold(folds, shuffle=True, random_state=seed % 2**32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of classes with fewer images than folds
        dealt = [val for _, val in dealer.split(members, labels, members)]
    split = np.full(len(labels), TRAIN, dtype=np.uint8)
    split[dealt[fold]] = VAL
    return split


def _require_fold(folds: int, fold: int) -> None:
    if fold >= folds:
        raise ConfigError(f"fold is {fold}: with folds={folds} it runs from 0 to {folds - 1}")


def _group_counts(labels: Ids, groups: Sequence[str]) -> tuple[Ids, NDArray[np.int64]]:
    """Group number of each image, and images by group and class."""
    numbers = {name: number for number, name in enumerate(dict.fromkeys(groups))}
    members = np.fromiter((numbers[name] for name in groups), np.int64, len(labels))
    classes, places = np.unique(labels, return_inverse=True)
    counts = np.zeros((len(numbers), len(classes)), dtype=np.int64)
    np.add.at(counts, (members, places), 1)
    return members, counts


def _draw_groups(shares: NDArray[np.float64], wanted: float, order: Ids) -> NDArray[np.bool_]:
    chosen = np.zeros(len(shares), dtype=bool)
    held = np.zeros(shares.shape[1])
    distance = np.inf  # the first that may validate does: an empty part measures nothing
    for group in order.tolist():
        with_it = held + shares[group]
        nearer = _distance(with_it, wanted)
        if nearer < distance and with_it.max() < _ALL:
            chosen[group], held, distance = True, with_it, nearer
    return chosen


def _distance(held: NDArray[np.float64], wanted: float) -> float:
    return float(np.square(held - wanted).sum())


def _shuffled_classes(labels: Ids, seed: int) -> list[Ids]:
    rng = split_rng(seed)
    by_class = np.argsort(labels, kind="stable")
    edges = np.flatnonzero(np.diff(labels[by_class])) + 1
    return [rng.permutation(members) for members in np.split(by_class, edges)]

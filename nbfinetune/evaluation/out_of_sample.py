"""What a classifier says of each image that has seen only the others: a logistic regression."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nbfinetune.errors import DataError

__all__ = ["check_rows", "out_of_sample"]

FOLDS = 5

VARIANCES = (1.0, 10.0, 100.0, 1000.0)
"""What the logistic regression may expect of its logits: the inverse of its regularisation, on
features whose mean square length is one."""

MOST_FEATURES = 256
"""Directions in which the images differ most; what lies beside them costs time and says little."""

_MOST_STEPS = 200


def out_of_sample(
    features: NDArray[Any],
    labels: NDArray[Any],
    class_count: int,
    seed: int = 0,
    between: Callable[[], None] | None = None,
) -> NDArray[np.float64]:
    """Probabilities of each image's classes, by a logistic regression on the other images.

    Its regularisation is the one of `VARIANCES` that gives the first part of the images the
    smallest log loss.

    Parameters
    ----------
    features : ndarray, (N, D)
    labels : ndarray of int, (N,)
    class_count : int
        C.
    seed : int
        Decides the folds, which are stratified: five, or fewer where classes are smaller.
    between : callable, optional
        Called before each fit; what it raises ends the work.

    Returns
    -------
    ndarray, (N, C)

    Raises
    ------
    DataError
        If the lengths do not fit each other, a feature is not finite, or no two classes have two
        images.
    """
    features, labels = np.asarray(features, np.float32), np.asarray(labels)
    check_rows(features, labels, class_count, "features")
    scaled = _scaled(features)
    parts = _parts(labels, class_count, seed)

    def judged(part: NDArray[np.int64], variance: float) -> NDArray[np.float64]:
        if between is not None:
            between()
        return _judged(scaled, labels, class_count, part, variance)

    trials = [judged(parts[0], each) for each in VARIANCES]
    losses = [_log_loss(trial, labels[parts[0]]) for trial in trials]
    best = int(np.argmin(losses))
    probabilities = np.empty((len(labels), class_count))
    probabilities[parts[0]] = trials[best]
    for part in parts[1:]:
        probabilities[part] = judged(part, VARIANCES[best])
    return probabilities


def check_rows(rows: NDArray[Any], labels: NDArray[Any], class_count: int, what: str) -> None:
    """Refuse rows that do not fit their labels, or are not finite.

    Parameters
    ----------
    rows : ndarray, (N, ...)
    labels : ndarray of int, (N,)
    class_count : int
    what : str
        What the rows are, for messages.

    Raises
    ------
    DataError
        With the shapes, the labels or the count that do not fit.
    """
    if rows.ndim != 2 or labels.shape != (len(rows),):
        raise DataError(
            f"{what} of shape {rows.shape} do not fit labels of shape {labels.shape}: "
            "one row for each label is needed"
        )
    if not len(labels):
        raise DataError("there are no labels to judge: give at least two images of two classes")
    if labels.min() < 0 or labels.max() >= class_count:
        raise DataError(
            f"labels run from {labels.min()} to {labels.max()}, but there are {class_count} "
            f"classes: they must run from 0 to {class_count - 1}"
        )
    bad = int((~np.isfinite(rows)).any(axis=1).sum())
    if bad:
        raise DataError(
            f"{what} of {bad} of {len(rows)} images are not finite: the model gives NaN or "
            "infinity for them; take an earlier checkpoint"
        )


def _parts(labels: NDArray[Any], class_count: int, seed: int) -> list[NDArray[np.int64]]:
    """Places of the images of each fold, classes dealt out evenly."""
    counts = np.sort(np.bincount(labels, minlength=class_count))
    if len(counts) < 2 or counts[-2] < 2:
        raise DataError(
            f"label errors can't be looked for among {len(labels)} images: at least two classes "
            "must have two images each, so that some are judged by others"
        )
    order = np.random.default_rng(seed).permutation(len(labels))
    order = order[np.argsort(labels[order], kind="stable")]
    folds = min(FOLDS, int(counts[-2]))
    return [np.sort(order[fold::folds]) for fold in range(folds)]


def _scaled(features: NDArray[np.float32]) -> NDArray[np.float32]:
    """Features of equal spread along their main directions; mean zero, mean square length one."""
    spread = features.std(axis=0)
    used = spread > 0
    if not used.any():
        raise DataError("all images have the same features: the model tells nothing apart")
    centred = (features[:, used] - features[:, used].mean(axis=0)) / spread[used]
    if centred.shape[1] > MOST_FEATURES:
        _, directions = np.linalg.eigh(centred.T @ centred)
        centred = centred @ directions[:, -MOST_FEATURES:]
    return np.asarray(centred / np.sqrt(np.square(centred).sum(axis=1).mean()), np.float32)


def _judged(
    features: NDArray[np.float32],
    labels: NDArray[Any],
    class_count: int,
    part: NDArray[np.int64],
    variance: float,
) -> NDArray[np.float64]:
    """Probabilities of a part's images by all others; a class that no other has gets 0."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    known = np.ones(len(labels), dtype=bool)
    known[part] = False
    judge = LogisticRegression(C=variance, max_iter=_MOST_STEPS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # near enough for a ranking
        judge.fit(features[known], labels[known])
    probabilities = np.zeros((len(part), class_count))
    probabilities[:, judge.classes_] = judge.predict_proba(features[part])
    return probabilities


def _log_loss(probabilities: NDArray[np.float64], labels: NDArray[Any]) -> float:
    own = probabilities[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(own, 1e-12)).mean())

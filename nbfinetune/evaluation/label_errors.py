"""Images whose label is probably wrong, by what a classifier says that never saw them.

Confident learning: Northcutt, Jiang and Chuang, "Confident Learning: Estimating Uncertainty in
Dataset Labels", JAIR 70 (2021), arXiv:1911.00068.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nbfinetune.errors import DataError

if TYPE_CHECKING:
    from nbfinetune.evaluation.trained import Which
    from nbfinetune.records import FineTuneConfig

__all__ = ["find_label_errors", "label_errors", "likely_errors", "out_of_sample", "ranked"]

Floats = NDArray[np.floating[Any]]
Labels = NDArray[np.integer[Any]]

FOLDS = 5

VARIANCES = (1.0, 10.0, 100.0, 1000.0)
"""What the logistic regression may expect of its logits: the inverse of its regularisation, on
features whose mean square length is one."""

MOST_FEATURES = 256
"""Directions in which the images differ most; what lies beside them costs time and says little."""

_MOST_STEPS = 200


def label_errors(
    features: Floats,
    labels: Labels,
    classes: Sequence[str],
    names: Sequence[object] | None = None,
    *,
    seed: int = 0,
) -> pd.DataFrame:
    """Labelled images, the one whose label is most probably wrong first.

    Parameters
    ----------
    features : ndarray, (N, D)
        Of a trained model: what arrives at its head, or its logits.
    labels : ndarray of int, (N,)
    classes : sequence of str, (C,)
    names : sequence, (N,), optional
        Default their places in `features`.
    seed : int
        Decides the folds.

    Returns
    -------
    DataFrame
        As `ranked` gives it.

    Raises
    ------
    DataError
        If the lengths do not fit each other, a feature is not finite, or there are too few images
        to judge some by others.
    """
    return ranked(out_of_sample(features, labels, len(classes), seed), labels, classes, names)


def find_label_errors(
    run_folder: Path, config: FineTuneConfig, which: Which = "best"
) -> pd.DataFrame:
    """All images of a run, training and validation, as `label_errors` judges them.

    The features are those of the run's model. Only its last layer is trained anew for each part
    of the images, without that part: the layers before it have seen the training images with
    their labels, and what they learned by heart they go on believing.

    Returns
    -------
    DataFrame
        As `ranked` gives it; its index are the numbers of the images in the run.

    Raises
    ------
    DataError
        As `label_errors`, or if the images are gone.
    ModelError
        If the checkpoint can't be loaded.
    """
    from nbfinetune.evaluation.features import run_features

    found = run_features(run_folder, config, which)
    index = found.images.index
    names = [index.name(int(number)) for number in found.ids]
    labels = index.labels[found.ids]
    frame = label_errors(found.features, labels, index.classes, names, seed=config.seed)
    return frame.set_index(pd.Index(found.ids[frame.index], name="image"))


def ranked(
    probabilities: Floats,
    labels: Labels,
    classes: Sequence[str],
    names: Sequence[object] | None = None,
) -> pd.DataFrame:
    """Labelled images by how little a classifier that never saw them believes in their labels.

    Parameters
    ----------
    probabilities : ndarray, (N, C)
        Out of sample: of `out_of_sample`, or of the folds of a cross-validation.
    labels : ndarray of int, (N,)
    classes : sequence of str, (C,)
    names : sequence, (N,), optional

    Returns
    -------
    DataFrame
        Columns name, label, suggested (the most probable other class), score (from 0, surely
        right, to 1, surely wrong: the margin between the two) and likely (whether confident
        learning counts the label as an error), by falling score. The index are the places of the
        images in `labels`.

    Raises
    ------
    DataError
        If the lengths do not fit each other.
    """
    probabilities, labels = np.asarray(probabilities, np.float64), np.asarray(labels)
    _check(probabilities, labels, len(classes), "probabilities")
    if probabilities.shape[1] != len(classes):
        raise DataError(
            f"probabilities of shape {probabilities.shape} do not fit {len(classes)} classes: "
            "give a column for each"
        )
    names = range(len(labels)) if names is None else names
    if len(names) != len(labels):
        raise DataError(f"{len(names)} names were given for {len(labels)} images: give each one")
    rows = np.arange(len(labels))
    others = probabilities.copy()
    others[rows, labels] = -np.inf
    suggested = others.argmax(axis=1)
    scores = (1 + probabilities[rows, suggested] - probabilities[rows, labels]) / 2
    frame = pd.DataFrame(
        {
            "name": [str(name) for name in names],
            "label": [classes[label] for label in labels],
            "suggested": [classes[label] for label in suggested],
            "score": scores,
            "likely": likely_errors(probabilities, labels),
        }
    )
    return frame.sort_values("score", ascending=False, kind="stable")


def likely_errors(probabilities: Floats, labels: Labels) -> NDArray[np.bool_]:
    """Images that the confident joint counts under another class than their label's.

    An image counts under the most probable of the classes that it has at least as probably as the
    images of that class have it on the average; under none if there is no such class.

    Parameters
    ----------
    probabilities : ndarray, (N, C)
        Out of sample.
    labels : ndarray of int, (N,)

    Returns
    -------
    ndarray of bool, (N,)
    """
    own = labels[:, None] == np.arange(probabilities.shape[1])
    count = own.sum(axis=0)
    # Of a class that no image has, nobody knows how sure it should be.
    usual = np.where(count, (probabilities * own).sum(axis=0) / np.maximum(count, 1), np.inf)
    confident = probabilities >= usual - 1e-6  # as many digits as the mean of equal numbers keeps
    counted = np.where(confident, probabilities, -1.0).argmax(axis=1)
    others = (counted != labels) & (probabilities.argmax(axis=1) != labels)
    return np.asarray(confident.any(axis=1) & others)


def out_of_sample(
    features: Floats, labels: Labels, class_count: int, seed: int = 0
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
    _check(features, labels, class_count, "features")
    scaled = _scaled(features)
    parts = _parts(labels, class_count, seed)
    trials = [_judged(scaled, labels, class_count, parts[0], each) for each in VARIANCES]
    losses = [_log_loss(trial, labels[parts[0]]) for trial in trials]
    best = int(np.argmin(losses))
    probabilities = np.empty((len(labels), class_count))
    probabilities[parts[0]] = trials[best]
    for part in parts[1:]:
        probabilities[part] = _judged(scaled, labels, class_count, part, VARIANCES[best])
    return probabilities


def _check(rows: NDArray[Any], labels: NDArray[Any], class_count: int, what: str) -> None:
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

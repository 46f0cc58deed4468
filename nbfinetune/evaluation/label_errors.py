"""Images whose label is probably wrong, by what a classifier says that never saw them.

Confident learning: Northcutt, Jiang and Chuang, "Confident Learning: Estimating Uncertainty in
Dataset Labels", JAIR 70 (2021), arXiv:1911.00068.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nbfinetune.errors import DataError
from nbfinetune.evaluation.out_of_sample import check_rows, out_of_sample

if TYPE_CHECKING:
    from nbfinetune.evaluation.batches import OnBatch
    from nbfinetune.evaluation.trained import Which
    from nbfinetune.records import FineTuneConfig

__all__ = ["find_label_errors", "label_errors", "likely_errors", "ranked"]

Floats = NDArray[np.floating[Any]]
Labels = NDArray[np.integer[Any]]


def label_errors(
    features: Floats,
    labels: Labels,
    classes: Sequence[str],
    names: Sequence[object] | None = None,
    *,
    seed: int = 0,
    between: Callable[[], None] | None = None,
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
    between : callable, optional
        As in `nbfinetune.evaluation.out_of_sample.out_of_sample`.

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
    said = out_of_sample(features, labels, len(classes), seed, between)
    return ranked(said, labels, classes, names)


def find_label_errors(
    run_folder: Path,
    config: FineTuneConfig,
    which: Which = "best",
    on_batch: OnBatch | None = None,
) -> pd.DataFrame:
    """All images of a run, training and validation, as `label_errors` judges them.

    The features are those of the run's model. Only its last layer is trained anew for each part
    of the images, without that part: the layers before it have seen the training images with
    their labels, and what they learned by heart they go on believing.

    Parameters
    ----------
    on_batch : OnBatch, optional
        As in `nbfinetune.evaluation.batches.rows_as_seen`; told that all images are done, again
        and again, while their features are judged.

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

    def judging() -> None:
        if on_batch is not None:
            on_batch(len(found.ids), len(found.ids))

    found = run_features(run_folder, config, which, on_batch)
    index = found.images.index
    names = [index.name(int(number)) for number in found.ids]
    labels = index.labels[found.ids]
    frame = label_errors(
        found.features, labels, index.classes, names, seed=config.seed, between=judging
    )
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
    check_rows(probabilities, labels, len(classes), "probabilities")
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

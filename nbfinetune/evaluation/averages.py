"""Figures over all classes, equal to scikit-learn's, from counts of images; also of many resamples.

Every array of counts may have leading axes, such as one of resamples.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Counts(NamedTuple):
    """Images of each class.

    Parameters
    ----------
    labelled, told, right : ndarray of int, (..., C)
        Images with its label; images that the model gave to it; images that are both.
    """

    labelled: np.ndarray
    told: np.ndarray
    right: np.ndarray


def count(labels: np.ndarray, predicted: np.ndarray, classes: int) -> Counts:
    """Images of each class.

    Parameters
    ----------
    labels, predicted : ndarray of int, (N,) or (D, N)
        The second of D resamples.
    classes : int
        How many there are.
    """
    # What is wrong is counted in a column of its own, which is dropped.
    right = np.where(labels == predicted, labels, classes)
    return Counts(
        bincounts(labels, classes),
        bincounts(predicted, classes),
        bincounts(right, classes + 1)[..., :-1],
    )


def bincounts(numbers: np.ndarray, length: int) -> np.ndarray:
    """How often each of 0 ... length - 1 occurs in each row, int64, (length,) or (D, length)."""
    rows = np.atleast_2d(numbers)
    shifted = rows + length * np.arange(len(rows))[:, None]
    counted = np.bincount(shifted.ravel(), minlength=length * len(rows))
    return counted.reshape(*numbers.shape[:-1], length)


def precisions(counts: Counts) -> np.ndarray:
    """Precision of each class, float64, (..., C); 0 where no image was given to it."""
    return _parts(counts.right, counts.told)


def recalls(counts: Counts) -> np.ndarray:
    """Recall of each class, float64, (..., C); 0 where no image has its label."""
    return _parts(counts.right, counts.labelled)


def f1s(counts: Counts) -> np.ndarray:
    """F1 of each class, float64, (..., C); 0 where it does not occur."""
    return _parts(2.0 * counts.right, counts.labelled + counts.told)


def precision(counts: Counts) -> np.ndarray:
    """Macro precision, over the classes that occur among labels or predictions."""
    return _mean(precisions(counts), _occur(counts))


def recall(counts: Counts) -> np.ndarray:
    """Macro recall, over the classes that occur among labels or predictions."""
    return _mean(recalls(counts), _occur(counts))


def macro_f1(counts: Counts) -> np.ndarray:
    """Macro F1, over the classes that occur among labels or predictions."""
    return _mean(f1s(counts), _occur(counts))


def balanced_accuracy(counts: Counts) -> np.ndarray:
    """Mean recall of the classes that occur among the labels."""
    return _mean(recalls(counts), counts.labelled > 0)


def averages(counts: Counts) -> dict[str, list[float]]:
    """Macro, micro and weighted mean, in this order, of precision, recall and f1.

    Parameters
    ----------
    counts : Counts
        Without leading axes.
    """
    occur = _occur(counts)
    micro = float(counts.right.sum() / counts.labelled.sum())
    weights = counts.labelled[occur]
    return {
        name: [float(mean(counts)), micro, float(np.average(each(counts)[occur], weights=weights))]
        for name, mean, each in (
            ("precision", precision, precisions),
            ("recall", recall, recalls),
            ("f1", macro_f1, f1s),
        )
    }


def _occur(counts: Counts) -> np.ndarray:
    return (counts.labelled > 0) | (counts.told > 0)


def _parts(some: np.ndarray, wholes: np.ndarray) -> np.ndarray:
    return np.asarray(np.divide(some, wholes, out=np.zeros(wholes.shape), where=wholes > 0))


def _mean(figures: np.ndarray, counted: np.ndarray) -> np.ndarray:
    if figures.ndim == 1:
        # The order in which numpy adds decides the last bit.
        return np.asarray(figures[counted].mean())
    return np.asarray((figures * counted).sum(axis=-1) / counted.sum(axis=-1))

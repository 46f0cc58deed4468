"""Figures of merit from gathered logits, equal to scikit-learn's; and the logits on disk.

scikit-learn itself takes 1.3 s and 100 MB to import, which every run would pay before its first
step.
"""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from nbfinetune.errors import DataError, NonFiniteLoss, StoreError
from nbfinetune.evaluation import averages
from nbfinetune.whole_files import whole_file

TOP = 5

# By curves it takes 0.9 s for 10,000 images of 1,000 classes on one core, by ranks 0.08 s.
MANY_SCORES = 1_000_000


@dataclass(frozen=True)
class Measures:
    """How good a model is on labelled images.

    Parameters
    ----------
    val_loss : float
        Mean log loss in nats, in float64, without clipping.
    accuracy, top5 : float
        Part of the images whose class has the highest score, or one of the five highest.
    precision, recall, macro_f1 : float
        Means over the classes that occur among the labels or the predictions (scikit-learn's
        ``average="macro"``); 0 where a class is never predicted.
    roc_auc : float or None
        Mean over classes of the area for one class against the rest, on probabilities;
        None where a class has no or only positives.
    """

    val_loss: float
    accuracy: float
    top5: float
    precision: float
    recall: float
    macro_f1: float
    roc_auc: float | None


@dataclass(frozen=True)
class Predictions:
    """What `save_predictions` keeps.

    Parameters
    ----------
    logits : ndarray, float32, (N, C)
    labels : ndarray, int64, (N,)
    ids : ndarray, (N,)
        Which images they are: numbers in the run's index.
    """

    logits: np.ndarray
    labels: np.ndarray
    ids: np.ndarray


class ByClass(NamedTuple):
    """Figures of each class; 0 where nothing is divided by nothing.

    Parameters
    ----------
    precision, recall, f1 : ndarray, float64, (C,)
    support : ndarray, int64, (C,)
        Images with its label.
    """

    precision: np.ndarray
    recall: np.ndarray
    f1: np.ndarray
    support: np.ndarray


def measure(logits: np.ndarray, labels: np.ndarray, *, classes: Sequence[str]) -> Measures:
    """Measures of a model on labelled images.

    Parameters
    ----------
    logits : ndarray, (N, C)
    labels : ndarray of int, (N,)
        Columns of `logits`.
    classes : sequence of str, (C,)

    Raises
    ------
    DataError
        If the shapes do not fit each other, or there is nothing to measure.
    NonFiniteLoss
        If a logit is NaN or infinite.
    """
    logits, labels = np.asarray(logits), np.asarray(labels)
    check_logits(logits, labels, classes)
    log_p = log_softmax(logits)
    predicted = logits.argmax(axis=1)
    counts = averages.count(labels, predicted, len(classes))
    return Measures(
        val_loss=float(_losses(log_p, labels).mean()),
        accuracy=float((predicted == labels).mean()),
        top5=top_k(logits, labels, TOP),
        precision=float(averages.precision(counts)),
        recall=float(averages.recall(counts)),
        macro_f1=float(averages.macro_f1(counts)),
        roc_auc=roc_auc(np.exp(log_p), labels),
    )


def by_class(labels: np.ndarray, predicted: np.ndarray, classes: int) -> ByClass:
    """Figures of each class, as `sklearn.metrics.precision_recall_fscore_support` has them.

    Parameters
    ----------
    labels, predicted : ndarray of int, (N,)
    classes : int
        How many there are.
    """
    counts = averages.count(labels, predicted, classes)
    return ByClass(
        precision=averages.precisions(counts),
        recall=averages.recalls(counts),
        f1=averages.f1s(counts),
        support=counts.labelled,
    )


def confusion(labels: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Images by label (rows) and predicted class (columns), int64, (C, C)."""
    places = np.ravel_multi_index((labels, predicted), (classes, classes))
    return np.bincount(places, minlength=classes * classes).reshape(classes, classes)


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Logarithms of the class probabilities, float64, (N, C)."""
    shifted = np.asarray(logits, dtype=np.float64)
    shifted = shifted - shifted.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))


def losses(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Log loss of each image in nats, float64, (N,)."""
    return _losses(log_softmax(logits), labels)


def _losses(log_p: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return np.asarray(-log_p[np.arange(len(labels)), labels])


def top_k(logits: np.ndarray, labels: np.ndarray, k: int) -> float:
    """Part of the images whose class is among the `k` with the highest score.

    Equal to `sklearn.metrics.top_k_accuracy_score`, ties included: of equal scores the later
    class comes first. It counts what is ahead of the label instead of sorting every row.
    """
    return float(within_top(logits, labels, k).mean())


def within_top(logits: np.ndarray, labels: np.ndarray, k: int) -> np.ndarray:
    """Whether `top_k` counts an image, bool, (N,)."""
    own = logits[np.arange(len(labels)), labels][:, None]
    later = np.arange(logits.shape[1]) > labels[:, None]
    ahead = ((logits > own) | ((logits == own) & later)).sum(axis=1)
    return np.asarray(ahead < k)


def roc_auc(probabilities: np.ndarray, labels: np.ndarray) -> float | None:
    """Mean area under the ROC curves of each class against the rest.

    Parameters
    ----------
    probabilities : ndarray, float64, (N, C)
    labels : ndarray of int, (N,)

    Returns
    -------
    float or None
        None where a class has no or only positives. Up to a million scores it is that of
        `sklearn.metrics.roc_auc_score` bit for bit, beyond that by ranks (to 1e-12).
    """
    positives = np.bincount(labels, minlength=probabilities.shape[1])
    if (positives == 0).any() or len(positives) < 2:
        return None
    # Of two classes scikit-learn measures the second alone.
    return float(np.mean(class_areas(probabilities, labels)[1 if len(positives) == 2 else 0 :]))


def class_areas(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Area under the ROC curve of each class against the rest, float64, (C,).

    NaN where a class has no or only positives; computed as `roc_auc` says.
    """
    positives = np.bincount(labels, minlength=probabilities.shape[1])
    area = _auc_by_rank if probabilities.size > MANY_SCORES else _auc_by_curve
    areas = np.full(len(positives), np.nan)
    for c in np.flatnonzero((positives > 0) & (positives < len(labels))):
        areas[c] = area(probabilities[:, c], labels == c)
    return areas


def _auc_by_curve(scores: np.ndarray, positive: np.ndarray) -> float:
    """Trapezoids below the curve through the points where it turns, as scikit-learn adds them."""
    order = np.argsort(scores, kind="stable")[::-1]
    last = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)  # of equal scores
    hits = np.cumsum(positive[order])[last]
    misses = 1 + last - hits
    bends = (np.diff(misses, 2) != 0) | (np.diff(hits, 2) != 0)
    turns = np.concatenate([[True], bends, [True]]) if len(last) > 2 else np.full(len(last), True)
    x = np.append(0, misses[turns]) / misses[-1]
    y = np.append(0, hits[turns]) / hits[-1]
    return float((np.diff(x) * (y[1:] + y[:-1]) / 2.0).sum())


def _auc_by_rank(scores: np.ndarray, positive: np.ndarray) -> float:
    """Mann-Whitney's U of the positives over its largest value; ties have their mean rank."""
    ordered, own = np.sort(scores), scores[positive]
    below = ordered.searchsorted(own, side="left")
    up_to = ordered.searchsorted(own, side="right")
    ranks = (below + up_to + 1).sum() / 2
    count = len(own)
    return float((ranks - count * (count + 1) / 2) / (count * (len(scores) - count)))


def check_logits(logits: np.ndarray, labels: np.ndarray, classes: Sequence[str]) -> None:
    """Refuse what can't be measured, with the errors of `measure`."""
    if logits.ndim != 2 or logits.shape[1] != len(classes) or labels.shape != logits.shape[:1]:
        raise DataError(
            f"logits of shape {logits.shape} and labels of shape {labels.shape} do not fit "
            f"{len(classes)} classes: (N, {len(classes)}) and (N,) are needed"
        )
    if not len(labels):
        raise DataError("there are 0 images to measure; give at least one with its label")
    if labels.min() < 0 or labels.max() >= len(classes):
        raise DataError(
            f"labels reach from {labels.min()} to {labels.max()}, but the {len(classes)} classes "
            f"are numbered 0 to {len(classes) - 1}"
        )
    bad = int((~np.isfinite(logits).all(axis=1)).sum())
    if bad:
        raise NonFiniteLoss(
            f"the model's output is not finite for {bad} of {len(labels)} images; "
            "lower the learning rate, or train with precision='fp32'"
        )


def save_predictions(
    path: Path, logits: np.ndarray, labels: np.ndarray, ids: np.ndarray | Sequence[str]
) -> None:
    """Write predictions as a whole, or leave the file that was there before.

    Parameters
    ----------
    path : Path
        An `.npz` file in a folder that exists.
    logits, labels, ids
        As in `Predictions`.

    Raises
    ------
    StoreError
        If the disk is full or can't be written, or an array holds Python objects.
    """
    arrays = {"logits": np.asarray(logits), "labels": np.asarray(labels), "ids": np.asarray(ids)}
    for name, array in arrays.items():
        if array.dtype.hasobject:
            raise StoreError(f"{name} holds Python objects, which only a pickle could keep")
    try:
        with whole_file(path) as unfinished, unfinished.open("wb") as file:
            np.savez(file, logits=arrays["logits"], labels=arrays["labels"], ids=arrays["ids"])
    except OSError as error:
        raise StoreError(
            f"the predictions {path} could not be written ({error}); "
            "make room or mend the permissions"
        ) from error


def load_predictions(path: Path) -> Predictions:
    """Read what `save_predictions` wrote.

    Raises
    ------
    StoreError
        If there is no such file, or it is damaged; nothing in it is ever executed.
    """
    try:
        # numpy leaves a damaged file open when it opens the file itself.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return Predictions(arrays["logits"], arrays["labels"], arrays["ids"])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise StoreError(
            f"{path} holds no readable predictions ({error}); remove it and evaluate the run again"
        ) from error

"""Figures of merit from gathered logits, by scikit-learn; and the logits on disk."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.metrics import precision_recall_fscore_support, roc_auc_score

from nbfinetune.errors import DataError, NonFiniteLoss, StoreError
from nbfinetune.whole_files import whole_file

TOP = 5

# On one core scikit-learn takes 2.2 s for 10,000 images of 1,000 classes, `_auc_by_rank` 0.07 s.
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
    _check(logits, labels, classes)
    log_p = log_softmax(logits)
    predicted = logits.argmax(axis=1)
    precision, recall, f1, _ = precision_recall_fscore_support(
        labels, predicted, average="macro", zero_division=0
    )
    return Measures(
        val_loss=float(-log_p[np.arange(len(labels)), labels].mean()),
        accuracy=float((predicted == labels).mean()),
        top5=top_k(logits, labels, TOP),
        precision=float(precision),
        recall=float(recall),
        macro_f1=float(f1),
        roc_auc=roc_auc(np.exp(log_p), labels),
    )


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Logarithms of the class probabilities, float64, (N, C)."""
    shifted = np.asarray(logits, dtype=np.float64)
    shifted = shifted - shifted.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))


def top_k(logits: np.ndarray, labels: np.ndarray, k: int) -> float:
    """Part of the images whose class is among the `k` with the highest score.

    Equal to `sklearn.metrics.top_k_accuracy_score`, ties included: of equal scores the later
    class comes first. It counts what is ahead of the label instead of sorting every row.
    """
    own = logits[np.arange(len(labels)), labels][:, None]
    later = np.arange(logits.shape[1]) > labels[:, None]
    ahead = ((logits > own) | ((logits == own) & later)).sum(axis=1)
    return float((ahead < k).mean())


def roc_auc(probabilities: np.ndarray, labels: np.ndarray) -> float | None:
    """Mean area under the ROC curves of each class against the rest.

    Parameters
    ----------
    probabilities : ndarray, float64, (N, C)
    labels : ndarray of int, (N,)

    Returns
    -------
    float or None
        None where a class has no or only positives. Up to a million scores it is
        `sklearn.metrics.roc_auc_score` itself, beyond that the same by ranks (to 1e-12).
    """
    positives = np.bincount(labels, minlength=probabilities.shape[1])
    if (positives == 0).any() or len(positives) < 2:
        return None
    if probabilities.size > MANY_SCORES:
        areas = [_auc_by_rank(p, labels == c) for c, p in enumerate(probabilities.T)]
        return float(np.mean(areas))
    scores = probabilities[:, 1] if len(positives) == 2 else probabilities
    return float(roc_auc_score(labels, scores, multi_class="ovr", average="macro"))


def _auc_by_rank(scores: np.ndarray, positive: np.ndarray) -> float:
    """Mann-Whitney's U of the positives over its largest value; ties have their mean rank."""
    ordered, own = np.sort(scores), scores[positive]
    below = ordered.searchsorted(own, side="left")
    up_to = ordered.searchsorted(own, side="right")
    ranks = (below + up_to + 1).sum() / 2
    count = len(own)
    return float((ranks - count * (count + 1) / 2) / (count * (len(scores) - count)))


def _check(logits: np.ndarray, labels: np.ndarray, classes: Sequence[str]) -> None:
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
            f"{path} holds no readable predictions ({error}); evaluate the run again"
        ) from error

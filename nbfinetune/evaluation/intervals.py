"""How sure a figure is: percentile intervals of the bootstrap over images (Efron 1979)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from statistics import NormalDist
from typing import TypeAlias

import numpy as np

from nbfinetune.errors import ConfigError
from nbfinetune.evaluation import averages
from nbfinetune.evaluation.averages import Counts, bincounts, count
from nbfinetune.evaluation.metrics import TOP, log_softmax, losses, within_top

Interval: TypeAlias = tuple[float, float]
Statistic: TypeAlias = Callable[[np.ndarray], np.ndarray]
"""Figures (D,) of D resamples, of which each row of (D, N) has the places of its images."""

AT_ONCE = 4_000_000
"""Resampled images that are held in memory at a time; 32 MB of places."""

COUNTED: Mapping[str, Callable[[Counts], np.ndarray]] = {
    "balanced_accuracy": averages.balanced_accuracy,
    "precision": averages.precision,
    "recall": averages.recall,
    "macro_f1": averages.macro_f1,
}
"""Figures that follow from how many images of each class there are, told and right."""

AVERAGED: Mapping[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "accuracy": lambda logits, labels: logits.argmax(axis=1) == labels,
    "top5": lambda logits, labels: within_top(logits, labels, TOP),
    "loss": losses,
}
"""Figures that are the mean over images of a value that each has."""

MEASURES = (*AVERAGED, *COUNTED, "roc_auc")


def bootstrap(
    statistic: Statistic, images: int, *, level: float = 0.95, draws: int = 1000, seed: int = 0
) -> Interval:
    """Interval between the quantiles of a figure over resamples of the images.

    Parameters
    ----------
    statistic : Statistic
        NaN where a resample has no such figure; it is left out then.
    images : int
        N, at least 1.
    level : float in (0, 1)
        Part of the resamples whose figure lies between.
    draws : int
        How many resamples of N images, drawn with replacement; at least 1.
    seed : int
        Decides which.

    Returns
    -------
    (float, float)
        NaN where no resample has the figure.

    Raises
    ------
    ConfigError
        If level or draws can't be.
    """
    check_level(level)
    if draws < 1:
        raise ConfigError(f"draws is {draws!r}: at least one resample is needed, say 1000")
    rng = np.random.default_rng(seed)
    rows = max(1, AT_ONCE // images)
    sizes = [min(rows, draws - start) for start in range(0, draws, rows)]
    figures = np.concatenate([statistic(rng.integers(0, images, (size, images))) for size in sizes])
    defined = figures[~np.isnan(figures)]
    if not len(defined):
        return math.nan, math.nan
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def share(hits: float, images: int, level: float = 0.95) -> Interval:
    """Wilson's interval (1927) of a part of the images; sound for few of them, and for all.

    Parameters
    ----------
    hits : int
        How many of the images.
    images : int
        At least 1.
    level : float in (0, 1)

    Raises
    ------
    ConfigError
        If level can't be.
    """
    check_level(level)
    z = NormalDist().inv_cdf((1 + level) / 2)
    whole = images + z * z
    centre = (hits + z * z / 2) / whole
    half = z * math.sqrt(hits * (images - hits) / images + z * z / 4) / whole
    return (0.0 if hits == 0 else centre - half), (1.0 if hits == images else centre + half)


def check_level(level: float) -> None:
    """Refuse what is no level of an interval.

    Raises
    ------
    ConfigError
        Names it.
    """
    if not 0 < level < 1:
        raise ConfigError(f"level is {level!r}: a number between 0 and 1 is needed, say 0.95")


def statistic_of(measure: str, logits: np.ndarray, labels: np.ndarray) -> Statistic:
    """Figure of merit over resamples of the images.

    Parameters
    ----------
    measure : str
        One of `MEASURES`.
    logits : ndarray, (N, C)
    labels : ndarray of int, (N,)

    Raises
    ------
    ConfigError
        If there is no such measure.
    """
    if measure in COUNTED:
        return partial(_of_counts, measure, labels, logits.argmax(axis=1), logits.shape[1])
    if measure in AVERAGED:
        values = AVERAGED[measure](logits, labels)
        return lambda places: np.asarray(values[places].mean(axis=1))
    if measure == "roc_auc":
        return _mean_area(np.exp(log_softmax(logits)), labels)
    raise ConfigError(f"measure is {measure!r}; intervals are there for {', '.join(MEASURES)}")


def _of_counts(
    measure: str, labels: np.ndarray, predicted: np.ndarray, classes: int, places: np.ndarray
) -> np.ndarray:
    return COUNTED[measure](count(labels[places], predicted[places], classes))


def _mean_area(probabilities: np.ndarray, labels: np.ndarray) -> Statistic:
    """Statistic that is the mean area under the ROC curves of the classes that have one."""
    classes = np.unique(labels)
    areas = [partial(_areas, probabilities[:, c], labels == c) for c in classes]

    def statistic(places: np.ndarray) -> np.ndarray:
        weights = bincounts(places, len(labels))
        each = np.stack([area(weights) for area in areas])
        defined = ~np.isnan(each)
        total = np.where(defined, each, 0.0).sum(axis=0)
        with np.errstate(invalid="ignore"):
            return np.asarray(total / defined.sum(axis=0))

    return statistic


def _areas(scores: np.ndarray, positive: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Mann-Whitney's U over its largest value, of images that count so often (D, N)."""
    others = np.flatnonzero(~positive)
    others = others[np.argsort(scores[others])]
    own = np.flatnonzero(positive)
    below = np.searchsorted(scores[others], scores[own], side="left")
    up_to = np.searchsorted(scores[others], scores[own], side="right")
    passed = np.zeros((len(weights), len(others) + 1))
    np.cumsum(weights[:, others], axis=1, out=passed[:, 1:])
    wins = (weights[:, own] * (passed[:, below] + passed[:, up_to])).sum(axis=1) / 2
    with np.errstate(invalid="ignore"):
        return np.asarray(wins / (weights[:, own].sum(axis=1) * passed[:, -1]))

"""What a model said of each image, at a glance: all that needs no curve and no resampling.

An `Evaluation` of 50,000 images and 1,000 classes takes a minute; this takes part of a second.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from nbfinetune.evaluation.metrics import TOP, check_logits, within_top

AT_ONCE = 1 << 15
"""Scores that are looked at together, so few that the processor keeps them at hand."""


class Verdicts(NamedTuple):
    """What a model said of labelled images.

    Parameters
    ----------
    labels, predicted : ndarray of int64, (N,)
        Class numbers; predicted is the class with the highest score.
    confidence : ndarray of float64, (N,)
        Probability of the predicted class.
    losses : ndarray of float64, (N,)
        Log loss of each image in nats.
    first_five : ndarray of bool, (N,)
        Whether the label is among the five classes with the highest scores.
    """

    labels: np.ndarray
    predicted: np.ndarray
    confidence: np.ndarray
    losses: np.ndarray
    first_five: np.ndarray

    @property
    def wrong(self) -> np.ndarray:
        """Places of the images that it got wrong, ascending."""
        return np.flatnonzero(self.predicted != self.labels)


def verdicts(logits: np.ndarray, labels: np.ndarray, classes: Sequence[str]) -> Verdicts:
    """What a model said, in the precision of its logits.

    Parameters
    ----------
    logits : ndarray, (N, C)
    labels : ndarray of int, (N,)
    classes : sequence of str, (C,)

    Raises
    ------
    DataError, NonFiniteLoss
        As `nbfinetune.evaluation.metrics.measure`.
    """
    check_logits(logits, labels, classes)
    rows = max(1, AT_ONCE // logits.shape[1])
    parts = [
        _part(logits[start : start + rows], labels[start : start + rows])
        for start in range(0, len(labels), rows)
    ]
    joined = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Verdicts(np.asarray(labels, np.int64), *joined)


def _part(logits: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, ...]:
    places = np.arange(len(labels))
    predicted = logits.argmax(axis=1)
    highest = logits[places, predicted]
    spread = np.exp(logits - highest[:, None]).sum(axis=1, dtype=np.float64)
    behind = (highest - logits[places, labels]).astype(np.float64)
    return predicted, 1 / spread, np.log(spread) + behind, within_top(logits, labels, TOP)

"""ROC and precision-recall curves of one class against the rest, by scikit-learn.

It is imported where a curve is asked for: that takes more than a second.
"""

from __future__ import annotations

import numpy as np
import pandas as pd


def roc_curve(scores: np.ndarray, positive: np.ndarray) -> pd.DataFrame:
    """Points of the ROC curve, from the highest threshold down.

    Parameters
    ----------
    scores : ndarray, (N,)
    positive : ndarray of bool, (N,)
        Some of them, not all.

    Returns
    -------
    DataFrame
        Columns threshold (inf where no image counts as positive), false_positive_rate and
        true_positive_rate; points on a straight line between two others are left out.
    """
    from sklearn import metrics

    false, true, threshold = metrics.roc_curve(positive, scores)
    return pd.DataFrame(
        {"threshold": threshold, "false_positive_rate": false, "true_positive_rate": true}
    )


def precision_recall_curve(scores: np.ndarray, positive: np.ndarray) -> pd.DataFrame:
    """Points of the precision-recall curve, from the lowest threshold up.

    Parameters
    ----------
    scores, positive
        As for `roc_curve`.

    Returns
    -------
    DataFrame
        Columns threshold, precision and recall. The last point, at threshold inf, is
        precision 1 and recall 0 by convention.
    """
    from sklearn import metrics

    precision, recall, threshold = metrics.precision_recall_curve(positive, scores)
    return pd.DataFrame(
        {"threshold": np.append(threshold, np.inf), "precision": precision, "recall": recall}
    )


def average_precisions(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Average precision of each class against the rest, float64, (C,).

    NaN where a class has no or only positives.

    Parameters
    ----------
    probabilities : ndarray, (N, C)
    labels : ndarray of int, (N,)
    """
    from sklearn import metrics

    found = np.full(probabilities.shape[1], np.nan)
    for c in range(len(found)):
        positive = labels == c
        if positive.any() and not positive.all():
            found[c] = metrics.average_precision_score(positive, probabilities[:, c])
    return found

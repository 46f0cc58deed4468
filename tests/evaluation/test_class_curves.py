"""Curves of a class against the rest equal scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.metrics as sk

from nbfinetune.evaluation.class_curves import precision_recall_curve, roc_curve
from nbfinetune.evaluation.report import Evaluation


@pytest.fixture
def evaluation() -> Evaluation:
    rng = np.random.default_rng(5)
    labels = rng.integers(0, 4, 300)
    logits = np.round(rng.normal(size=(300, 4)) + np.eye(4)[labels], 1)
    return Evaluation.from_logits(logits, labels, ["a", "b", "c", "d"])


@pytest.mark.parametrize("name", ["a", "d"])
def test_curves_are_scikit_learns_to_the_bit(evaluation: Evaluation, name: str):
    place = evaluation.classes.index(name)
    positive, scores = evaluation.labels == place, evaluation.probabilities[:, place]
    roc = evaluation.roc_curve(name)
    for ours, theirs in zip(
        ("false_positive_rate", "true_positive_rate", "threshold"),
        sk.roc_curve(positive, scores),
        strict=True,
    ):
        assert np.array_equal(roc[ours], theirs)
    curve = evaluation.precision_recall_curve(name)
    precision, recall, threshold = sk.precision_recall_curve(positive, scores)
    assert np.array_equal(curve["precision"], precision)
    assert np.array_equal(curve["recall"], recall)
    assert np.array_equal(curve["threshold"][:-1], threshold)


def test_the_area_below_the_curve_is_the_classs_auc(evaluation: Evaluation):
    roc = evaluation.roc_curve("b")
    area = sk.auc(roc["false_positive_rate"], roc["true_positive_rate"])
    assert area == evaluation.per_class.loc["b", "roc_auc"]


def test_hand_made_curves():
    scores, positive = np.array([0.9, 0.8, 0.7, 0.1]), np.array([True, False, True, False])
    roc = roc_curve(scores, positive)
    assert roc["threshold"].tolist() == [np.inf, 0.9, 0.8, 0.7, 0.1]
    assert roc["true_positive_rate"].tolist() == [0, 0.5, 0.5, 1, 1]
    assert roc["false_positive_rate"].tolist() == [0, 0, 0.5, 0.5, 1]
    curve = precision_recall_curve(scores, positive)
    assert curve["threshold"].tolist() == [0.1, 0.7, 0.8, 0.9, np.inf]
    assert curve["precision"].tolist() == [0.5, 2 / 3, 0.5, 1, 1]
    assert curve["recall"].tolist() == [1, 1, 0.5, 0.5, 0]


def test_a_hand_made_auc_counts_the_pairs_that_stand_right_and_half_of_the_ties():
    scores = np.array([0.9, 0.6, 0.6, 0.2, 0.4])
    logits = np.log(np.stack([1 - scores, scores], axis=1))
    evaluation = Evaluation.from_logits(logits, np.array([1, 1, 0, 0, 1]), ["no", "yes"])
    assert evaluation.roc_auc == pytest.approx((2 + 1.5 + 1) / 6)

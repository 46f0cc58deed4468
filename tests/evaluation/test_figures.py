"""Figures equal scikit-learn's on whatever logits there are."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import sklearn.metrics as sk
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from nbfinetune.errors import ConfigError
from nbfinetune.evaluation.report import Evaluation


@st.composite
def outputs(draw) -> tuple[np.ndarray, np.ndarray]:
    """Logits with many ties, of 1 to 30 images and 2 to 7 classes, some of which may lack."""
    images, classes = draw(st.integers(1, 30)), draw(st.integers(2, 7))
    score = st.integers(-8, 8).map(lambda n: n / 2)
    logits = draw(arrays.arrays(np.float32, (images, classes), elements=score))
    labels = draw(arrays.arrays(np.int64, images, elements=st.integers(0, classes - 1)))
    return logits, labels


def evaluated(made: tuple[np.ndarray, np.ndarray]) -> Evaluation:
    return Evaluation.from_logits(*made, [f"class {c}" for c in range(made[0].shape[1])])


@given(outputs())
@settings(max_examples=150, deadline=None)
def test_figures_over_all_classes_are_scikit_learns_to_the_bit(made):
    evaluation = evaluated(made)
    labels, predicted = evaluation.labels, evaluation.predicted
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a prediction is no label: we count as it does
        assert evaluation.balanced_accuracy == sk.balanced_accuracy_score(labels, predicted)
    assert evaluation.accuracy == sk.accuracy_score(labels, predicted)
    for average in ("macro", "micro", "weighted"):
        theirs = sk.precision_recall_fscore_support(
            labels, predicted, average=average, zero_division=0
        )
        assert evaluation.averages.loc[average].tolist() == list(theirs[:3])
    macro = evaluation.averages.loc["macro"].tolist()
    assert macro == [evaluation.precision, evaluation.recall, evaluation.macro_f1]


@given(outputs())
@settings(max_examples=150, deadline=None)
def test_figures_of_each_class_are_scikit_learns_to_the_bit(made):
    evaluation = evaluated(made)
    frame, probabilities = evaluation.per_class, evaluation.probabilities
    for c in range(len(evaluation.classes)):
        positive = evaluation.labels == c
        row = frame.iloc[c]
        assert row["support"] == positive.sum()
        if positive.all() or not positive.any():
            assert np.isnan([row["roc_auc"], row["average_precision"]]).all()
            continue
        assert row["roc_auc"] == sk.roc_auc_score(positive, probabilities[:, c])
        assert row["average_precision"] == sk.average_precision_score(positive, probabilities[:, c])


@given(outputs(), st.integers(1, 6))
@settings(max_examples=100, deadline=None)
def test_top_k_is_scikit_learns_to_the_bit(made, k):
    logits, labels = made
    evaluation = evaluated(made)
    if k >= logits.shape[1]:
        assert evaluation.top_k(k) == 1.0
    elif logits.shape[1] > 2:
        theirs = sk.top_k_accuracy_score(labels, logits, k=k, labels=range(logits.shape[1]))
        assert evaluation.top_k(k) == theirs


@given(outputs())
@settings(max_examples=50, deadline=None)
def test_log_loss_is_scikit_learns(made):
    evaluation = evaluated(made)
    theirs = sk.log_loss(
        evaluation.labels, evaluation.probabilities, labels=range(len(evaluation.classes))
    )
    assert evaluation.log_loss == evaluation.loss == pytest.approx(theirs, rel=1e-9)


def test_no_image_is_among_the_first_none():
    evaluation = evaluated((np.eye(3), np.arange(3)))
    with pytest.raises(ConfigError, match="k is 0"):
        evaluation.top_k(0)

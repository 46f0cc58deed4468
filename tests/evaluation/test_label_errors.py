"""Wrong labels are found by what a classifier says that never saw them."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from nbfinetune.errors import DataError
from nbfinetune.evaluation.label_errors import (
    label_errors,
    likely_errors,
    ranked,
)
from nbfinetune.evaluation.out_of_sample import MOST_FEATURES, out_of_sample

CLASSES = ("daisy", "rose", "tulip")


def planted(images=300, share=0.05, seed=0, width=20):
    """Three clouds of features, with a few labels flipped: features, labels, who was flipped."""
    rng = np.random.default_rng(seed)
    true = rng.integers(0, 3, images)
    features = rng.normal(size=(images, width)).astype(np.float32)
    features[np.arange(images), true] += 4
    flipped = rng.choice(images, round(share * images), replace=False)
    labels = true.copy()
    labels[flipped] = (labels[flipped] + rng.integers(1, 3, len(flipped))) % 3
    return features, labels, true, flipped


def test_flipped_labels_come_first_with_the_true_class_suggested():
    features, labels, true, flipped = planted()
    frame = label_errors(features, labels, CLASSES, [f"{n}.jpg" for n in range(300)])
    first = frame.head(len(flipped))
    assert list(frame.columns) == ["name", "label", "suggested", "score", "likely"]
    assert frame["score"].is_monotonic_decreasing
    assert frame["score"].between(0, 1).all()
    assert len(set(first.index) & set(flipped)) >= 0.9 * len(flipped)
    found = first.loc[first.index.isin(flipped)]
    assert list(found["suggested"]) == [CLASSES[true[place]] for place in found.index]
    assert list(found["label"]) == [CLASSES[labels[place]] for place in found.index]
    assert list(first["name"]) == [f"{place}.jpg" for place in first.index]
    likely = set(frame.index[frame["likely"]])
    assert len(likely & set(flipped)) >= 0.6 * len(flipped)
    assert len(likely - set(flipped)) <= 2


def test_right_labels_are_hardly_doubted():
    features, labels, _, _ = planted(share=0.0)
    frame = label_errors(features, labels, CLASSES)
    assert frame["likely"].mean() < 0.02
    assert frame["score"].median() < 0.1


def test_many_features_are_condensed_and_tell_as_much():
    features, labels, _, flipped = planted()
    spread = np.random.default_rng(1).normal(size=(20, 2 * MOST_FEATURES))
    frame = label_errors(features @ spread, labels, CLASSES)
    assert len(set(frame.index[: len(flipped)]) & set(flipped)) >= 0.9 * len(flipped)


def test_no_image_judges_itself():
    features, labels, _, _ = planted(images=60, share=0)
    before = out_of_sample(features, labels, 3)
    judged = before.argmax(axis=1)
    # An image that is alone in its corner is judged by others, whatever label it has.
    features[0], labels[0] = 0, 2
    features[0, 10] = 30
    alone = out_of_sample(features, labels, 3)[0]
    labels[0] = 1
    assert (judged == labels)[1:].mean() > 0.9
    assert out_of_sample(features, labels, 3)[0] == pytest.approx(alone, abs=0.35)


def test_the_confident_joint_of_a_hand_made_case():
    # On the average, images of class 0 have it with 0.8, those of class 1 with 0.6.
    probabilities = np.array([[0.9, 0.1], [0.7, 0.3], [0.2, 0.8], [0.62, 0.38], [0.02, 0.98]])
    labels = np.array([0, 0, 1, 1, 1])
    low = probabilities[labels == 1, 1].mean()
    assert low == pytest.approx(0.72)
    # Image 3 is more probably of class 0, but less so than is usual there: it stays.
    assert likely_errors(probabilities, labels).tolist() == [False] * 5
    labels = np.array([0, 0, 1, 1, 0])
    # Now class 0 has 0.54 on the average, and image 4 is confidently of class 1, 3 of class 0.
    assert likely_errors(probabilities, labels).tolist() == [False, False, False, True, True]


def test_an_image_that_is_usual_for_its_class_is_no_error_though_another_is_more_probable():
    probabilities = np.array([[0.95, 0.05], [0.9, 0.1], [0.55, 0.45], [0.6, 0.4]])
    labels = np.array([0, 0, 1, 1])
    assert likely_errors(probabilities, labels).tolist() == [False] * 4


def test_a_class_without_images_is_never_the_reason():
    probabilities = np.array([[0.1, 0.0, 0.9], [0.6, 0.4, 0.0], [0.1, 0.9, 0.0], [0.3, 0.7, 0.0]])
    labels = np.array([0, 0, 1, 1])
    assert not likely_errors(probabilities, labels)[0]
    assert ranked(probabilities, labels, CLASSES)["suggested"].iloc[0] == "tulip"


def test_equal_scores_keep_their_order_and_two_runs_agree():
    features, labels, _, _ = planted()
    one, other = (label_errors(features, labels, CLASSES, seed=3) for _ in range(2))
    assert one.equals(other)
    same = ranked(np.full((4, 3), 1 / 3), np.array([0, 1, 2, 0]), CLASSES)
    assert same.index.tolist() == [0, 1, 2, 3]


def test_a_class_of_one_image_does_not_end_the_search():
    features, labels, _, _ = planted(images=80)
    labels[labels == 2] = 0
    labels[5] = 2
    probabilities = out_of_sample(features, labels, 3)
    assert probabilities.shape == (80, 3)
    assert probabilities[5, 2] == 0
    assert probabilities.sum(axis=1) == pytest.approx(1)


def test_two_images_of_two_classes_are_enough():
    features = np.array([[0.0, 1], [0.1, 1], [1, 0.0], [1, 0.1]])
    frame = label_errors(features, np.array([0, 0, 1, 1]), ("a", "b"))
    assert len(frame) == 4
    assert not frame["likely"].any()


@pytest.mark.parametrize(
    ("features", "labels", "sentence"),
    [
        (np.zeros((3, 2)), np.zeros(4, int), r"features of shape \(3, 2\) .*\(4,\)"),
        (np.zeros(3), np.zeros(3, int), r"features of shape \(3,\)"),
        (np.zeros((0, 2)), np.zeros(0, int), "no labels"),
        (np.zeros((2, 2)), np.array([0, 3]), "from 0 to 3"),
        (np.array([[np.nan, 0], [0, 1.0]]), np.array([0, 1]), "1 of 2 images"),
        (np.eye(4), np.array([0, 0, 0, 1]), "two classes must have two images"),
        (np.ones((4, 2)), np.array([0, 0, 1, 1]), "the same features"),
    ],
)
def test_what_can_not_be_judged_is_said(features, labels, sentence):
    with pytest.raises(DataError, match=sentence):
        label_errors(features, labels, CLASSES)


def test_names_and_probabilities_that_do_not_fit_are_refused():
    labels = np.array([0, 1])
    with pytest.raises(DataError, match="1 names were given for 2 images"):
        ranked(np.full((2, 3), 1 / 3), labels, CLASSES, ["one"])
    with pytest.raises(DataError, match="3 classes"):
        ranked(np.full((2, 2), 1 / 2), labels, CLASSES)


def test_ranking_needs_neither_torch_nor_scikit_learn():
    code = (
        "import sys, nbfinetune.evaluation.label_errors;"
        "print([name for name in ('torch', 'timm', 'sklearn') if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"

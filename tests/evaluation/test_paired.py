"""Two models compared on the images that both were asked about."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from nbfinetune.errors import ConfigError, DataError
from nbfinetune.evaluation.paired import EXACT_BELOW, mcnemar
from nbfinetune.evaluation.report import Evaluation

CLASSES = ["cat", "<dog>"]


def answering(right: np.ndarray, names=None, classes=CLASSES, labels=None) -> Evaluation:
    """A model that is right about these images, which all show a cat unless said otherwise."""
    labels = np.zeros(len(right), int) if labels is None else np.asarray(labels)
    predicted = np.where(right, labels, 1 - labels)
    return Evaluation.from_logits(np.eye(2)[predicted] * 3, labels, classes, names)


def test_images_that_only_one_has_right_are_counted():
    this = answering(np.array([1] * 70 + [1] * 20 + [0] * 4 + [0] * 6, bool))
    other = answering(np.array([1] * 70 + [0] * 20 + [1] * 4 + [0] * 6, bool))
    found = this.compare(other)
    assert (found.images, found.only_this, found.only_other) == (100, 20, 4)
    assert (found.accuracy, found.other_accuracy) == (0.9, 0.74)
    assert found.difference == pytest.approx(0.16)
    assert found.low < 0.16 < found.high
    assert found.p_value == pytest.approx(stats.binomtest(4, 24).pvalue)
    assert found.sentence.startswith("This one is better on 100 shared images: accuracy 0.9000")
    back = other.compare(this)
    assert back.difference == -found.difference
    assert back.sentence.startswith("The other one is better")
    assert "<td>70</td><td>20</td>" in found._repr_html_()
    assert "<td>4</td><td>6</td>" in found._repr_html_()


@pytest.mark.parametrize(("this", "other"), [(0, 0), (5, 0), (12, 12), (3, 21), (24, 0)])
def test_few_discordant_images_are_judged_by_the_binomial(this: int, other: int):
    expected = stats.binomtest(this, this + other).pvalue if this + other else 1.0
    assert mcnemar(this, other) == (pytest.approx(expected), "exact binomial")


@pytest.mark.parametrize(("this", "other"), [(25, 0), (13, 12), (20, 20), (300, 250)])
def test_many_are_judged_by_chi_square_with_continuity(this: int, other: int):
    assert this + other >= EXACT_BELOW
    chi_square = max(0, abs(this - other) - 1) ** 2 / (this + other)
    assert mcnemar(this, other) == (pytest.approx(stats.chi2.sf(chi_square, 1)), "chi-square")


def test_equal_models_are_seldom_told_apart():
    rng = np.random.default_rng(0)
    told = 0
    for _ in range(300):
        one, other = (answering(rng.random(200) < 0.8) for _ in range(2))
        told += "better" in one.compare(other, draws=2).sentence
    assert told / 300 <= 0.08


def test_intervals_of_the_difference_cover_the_truth():
    rng = np.random.default_rng(3)
    covered = 0
    for trial in range(300):
        hard = rng.random(200) < 0.4  # the same images are hard for both
        one = answering(rng.random(200) < np.where(hard, 0.6, 0.95))
        other = answering(rng.random(200) < np.where(hard, 0.5, 0.9))
        found = one.compare(other, draws=200, seed=trial)
        covered += found.low <= 0.4 * 0.1 + 0.6 * 0.05 <= found.high
    assert 0.91 <= covered / 300 <= 0.98


def test_images_are_paired_by_name_whatever_their_order():
    right = np.array([True, False, True, False])
    this = answering(right, ["a", "b", "c", "d"])
    other = answering(np.array([True, True, False]), ["d", "a", "x"])
    found = this.compare(other)
    assert (found.images, found.only_this, found.only_other) == (2, 0, 1)


def test_classes_in_another_order_are_the_same_classes():
    this = answering(np.array([True, True]), labels=[0, 1])
    other = answering(np.array([True, False]), labels=[1, 0], classes=CLASSES[::-1])
    found = this.compare(other)
    assert (found.images, found.relabelled, found.only_this) == (2, 0, 1)


def test_images_with_another_label_are_left_out_and_counted():
    this = answering(np.array([True] * 3), labels=[0, 0, 1])
    other = answering(np.array([True] * 3), labels=[0, 1, 1])
    found = this.compare(other)
    assert (found.images, found.relabelled) == (2, 1)
    assert "2 shared images (1 with another label left out)" in repr(found)
    with pytest.raises(DataError, match="all 1 shared images have another label"):
        answering(np.array([True])).compare(answering(np.array([True]), labels=[1]))


def test_an_image_that_is_there_twice_is_paired_twice():
    twice = answering(np.array([True, False]), ["a", "a"])
    assert twice.compare(twice).images == 2


def test_what_can_not_be_compared_is_refused():
    this = answering(np.array([True]), ["a"])
    with pytest.raises(DataError, match="share no image: one has 'a' and the like, the other 'b'"):
        this.compare(answering(np.array([True]), ["b"]))
    with pytest.raises(DataError, match="the classes differ by <dog>, owl: 2 here, 2 in the other"):
        this.compare(answering(np.array([True]), ["a"], classes=["cat", "owl"]))
    with pytest.raises(ConfigError, match="level is 2"):
        this.compare(this, level=2)

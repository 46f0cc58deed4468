"""Intervals cover the truth as often as they say."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.metrics as sk
from scipy.special import softmax

from nbfinetune.errors import ConfigError
from nbfinetune.evaluation import intervals
from nbfinetune.evaluation.intervals import MEASURES, bootstrap, share, statistic_of
from nbfinetune.evaluation.report import Evaluation


def made(images: int, seed: int, classes: int = 3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = rng.choice(
        classes, images, p=np.array([5, 3, 2, 1][:classes]) / sum([5, 3, 2, 1][:classes])
    )
    return rng.normal(size=(images, classes)) + 1.2 * np.eye(classes)[labels], labels


def evaluated(logits: np.ndarray, labels: np.ndarray) -> Evaluation:
    return Evaluation.from_logits(logits, labels, [f"class {c}" for c in range(logits.shape[1])])


@pytest.mark.parametrize("measure", MEASURES)
def test_every_resample_has_the_figure_that_its_images_have(measure: str):
    logits, labels = made(40, 0, 4)
    logits = np.round(logits)  # so that scores are equal now and then
    places = np.random.default_rng(1).integers(0, 40, (50, 40))
    figures = statistic_of(measure, logits, labels)(places)
    expected = [getattr(evaluated(logits[row], labels[row]), measure) for row in places]
    assert figures == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    "measure", ["accuracy", "balanced_accuracy", "macro_f1", "loss", "roc_auc"]
)
def test_intervals_cover_the_truth(measure: str):
    logits, labels = made(50_000, 0)
    truth = getattr(evaluated(logits, labels), measure)
    rng = np.random.default_rng(7)
    trials, covered = 400, 0
    for trial in range(trials):
        drawn = rng.integers(0, len(labels), 150)
        low, high = evaluated(logits[drawn], labels[drawn]).interval(measure, draws=200, seed=trial)
        covered += low <= truth <= high
    assert 0.91 <= covered / trials <= 0.98


def test_wilsons_interval_covers_the_truth_of_few_images():
    hits = np.random.default_rng(0).binomial(12, 0.9, 5000)
    limits = [share(float(h), 12) for h in range(13)]
    covered = [limits[h][0] <= 0.9 <= limits[h][1] for h in hits]
    assert 0.93 <= np.mean(covered) <= 0.99


def test_wilsons_interval_is_the_textbooks():
    # 81 of 263: Newcombe (1998), table I, method 3.
    assert share(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert share(0, 20) == (0.0, pytest.approx(0.1611, abs=5e-5))
    assert share(20, 20)[1] == 1.0


def test_where_all_are_right_the_interval_is_not_a_point():
    faultless = evaluated(np.eye(3)[np.arange(20) % 3], np.arange(20) % 3)
    low, high = faultless.interval("accuracy")
    assert (low, high) == share(20, 20)
    assert low < 0.9


def test_the_seed_decides_and_a_higher_level_is_wider():
    evaluation = evaluated(*made(200, 3))
    usual = evaluation.interval("macro_f1")
    assert (
        usual == evaluation.interval("macro_f1", seed=0) != evaluation.interval("macro_f1", seed=1)
    )
    wide = evaluation.interval("macro_f1", level=0.99)
    assert wide[0] < usual[0] < evaluation.macro_f1 < usual[1] < wide[1]
    assert evaluation.interval("log_loss") == evaluation.interval("loss")


def test_images_that_do_not_fit_in_memory_at_once_are_resampled_in_parts(monkeypatch):
    seen = []

    def statistic(places: np.ndarray) -> np.ndarray:
        seen.append(places.shape)
        return places.mean(axis=1)

    whole = bootstrap(statistic, 100, draws=25)
    monkeypatch.setattr(intervals, "AT_ONCE", 1000)
    assert bootstrap(statistic, 100, draws=25) == pytest.approx(whole, rel=0.1)
    assert seen == [(25, 100), (10, 100), (10, 100), (5, 100)]


def test_resamples_without_a_class_are_measured_by_the_others():
    labels = np.array([0] * 20 + [1] * 20 + [2])
    logits = np.random.default_rng(0).normal(size=(41, 3)) + np.eye(3)[labels]
    evaluation = evaluated(logits, labels)
    low, high = evaluation.interval("roc_auc")
    assert 0.5 < low < evaluation.roc_auc < high < 1
    # Every third resample lacks the third class, and then has the mean of the other two.
    lacking = np.random.default_rng(1).integers(0, 40, (1, 41))
    both = [sk.roc_auc_score(labels[lacking[0]] == c, softmax(logits[lacking[0]], 1)[:, c])
            for c in (0, 1)]  # fmt: skip
    assert statistic_of("roc_auc", logits, labels)(lacking) == pytest.approx(np.mean(both))


def test_resamples_that_have_no_such_figure_are_left_out():
    two = evaluated(np.eye(2), np.arange(2))
    assert two.interval("roc_auc", draws=50) == (1.0, 1.0)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"measure": "acuracy"}, "measure is 'acuracy'; .*accuracy"),
        ({"level": 95}, "level is 95"),
        ({"level": 1.0}, "level is 1.0"),
        ({"draws": 0}, "draws is 0"),
    ],
)
def test_what_can_not_be_is_refused(wrong: dict[str, object], sentence: str):
    with pytest.raises(ConfigError, match=sentence):
        evaluated(*made(20, 0)).interval(**wrong)

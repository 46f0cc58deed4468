"""How far confidence is from accuracy, and the temperature that mends it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from nbfinetune.errors import ConfigError
from nbfinetune.evaluation.calibration import COLDEST, HOTTEST, calibrate, fit_temperature
from nbfinetune.evaluation.metrics import log_softmax
from nbfinetune.evaluation.report import Evaluation


def confident(*groups: tuple[float, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Logits of two classes and labels: of each group, the confidence, images, and those right."""
    rows, labels = [], []
    for confidence, images, right in groups:
        rows += [np.log([confidence, 1 - confidence])] * images
        labels += [0] * right + [1] * (images - right)
    return np.array(rows), np.array(labels)


def test_hand_made_errors():
    found = calibrate(*confident((0.9, 10, 7), (0.6, 30, 15), (0.75, 60, 45)), bins=10)
    assert found.ece == pytest.approx((10 * 0.2 + 30 * 0.1 + 60 * 0.0) / 100)
    assert found.max_error == pytest.approx(0.2)
    filled = found.table[found.table["images"] > 0]
    assert filled["images"].tolist() == [30, 60, 10]
    assert filled["confidence"].tolist() == pytest.approx([0.6, 0.75, 0.9])
    assert filled["accuracy"].tolist() == pytest.approx([0.5, 0.75, 0.7])
    assert len(found.table) == 10
    assert found.table["confidence"].isna().sum() == 7


def test_a_confidence_on_an_edge_belongs_to_the_bin_below():
    found = calibrate(np.zeros((4, 2)), np.array([0, 0, 1, 1]), bins=2)
    assert found.table["images"].tolist() == [4, 0]
    certain = calibrate(np.array([[1000.0, 0.0]]), np.array([0]), bins=4)
    assert certain.table["images"].tolist() == [0, 0, 0, 1]


@pytest.mark.parametrize("true", [0.3, 1.0, 2.5])
def test_the_temperature_that_logits_were_made_with_is_found(true: float):
    rng = np.random.default_rng(1)
    logits = rng.normal(size=(20_000, 5)) * 2
    draws = rng.gumbel(size=logits.shape)
    labels = (logits + draws).argmax(axis=1)  # drawn from the softmax
    assert fit_temperature(logits * true, labels) == pytest.approx(true, rel=0.03)


def test_the_temperature_minimises_the_log_loss():
    rng = np.random.default_rng(2)
    logits, labels = rng.normal(size=(50, 3)) * 3, rng.integers(0, 3, 50)
    logits[np.arange(50), labels] += 2

    def loss(temperature: float) -> float:
        return float(-log_softmax(logits / temperature)[np.arange(50), labels].mean())

    found = fit_temperature(logits, labels)
    searched = minimize_scalar(loss, bounds=(0.1, 10), method="bounded", options={"xatol": 1e-9})
    assert found == pytest.approx(searched.x, rel=1e-6)
    calibration = calibrate(logits, labels)
    assert calibration.log_loss_after == loss(found) < calibration.log_loss


def test_a_hand_made_temperature():
    # Confidence 0.9 where 0.6 is right: log(9) / T = log(1.5).
    logits, labels = confident((0.9, 100, 60))
    assert fit_temperature(logits, labels) == pytest.approx(np.log(9) / np.log(1.5))
    assert calibrate(logits, labels).ece_after == pytest.approx(0, abs=1e-12)


def test_extremes_stay_in_bounds():
    assert fit_temperature(np.eye(3) * 5, np.arange(3)) == COLDEST
    assert fit_temperature(np.eye(3) * 5, np.array([1, 2, 0])) == HOTTEST
    assert fit_temperature(np.zeros((4, 3)), np.arange(4) % 3) == 1.0


def test_the_runs_own_temperature_is_used_where_there_is_one():
    logits, labels = confident((0.9, 100, 60))
    own = Evaluation.from_logits(logits, labels, ["a", "b"], temperature=2.0).calibration()
    here = Evaluation.from_logits(logits, labels, ["a", "b"]).calibration()
    assert (own.temperature, own.fitted_here) == (2.0, False)
    assert here.fitted_here
    assert "fitted on the run's validation" in repr(own)
    assert "fitted on these images" in repr(here)


def test_it_says_which_way_it_leans_and_draws_it():
    bold, modest = calibrate(*confident((0.9, 10, 6))), calibrate(*confident((0.6, 10, 9)))
    assert "30.0 percentage points too high" in bold.sentence
    assert "30.0 percentage points too low" in modest.sentence
    html = bold._repr_html_()
    assert "<svg" in html
    assert "10 images: confidence 0.900, accuracy 0.600" in html


def test_no_bins_are_refused():
    with pytest.raises(ConfigError, match="bins is 0"):
        calibrate(np.eye(2), np.arange(2), bins=0)

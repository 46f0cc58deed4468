"""What curves of known shape suggest."""

from __future__ import annotations

import numpy as np
import pytest

from nbfinetune.schedules import Constant, Cosine, lr_at, through
from nbfinetune.schedules.lr_suggestions import (
    RULE,
    has_diverged,
    smooth,
    suggest,
    with_peak,
)

RATES = np.geomspace(1e-7, 10, 100)
LOGS = np.log10(RATES)


def falling_at(where: float, floor: float = 0.5) -> np.ndarray:
    """A loss of 2.3 that falls around the rate ``10**where`` and diverges 1.5 decades above."""
    fall = (2.3 - floor) / (1 + np.exp(-6 * (LOGS - where)))
    return 2.3 - fall + np.exp(6 * (LOGS - where - 1.5))


def with_noise(losses: np.ndarray, deviation: float = 0.05) -> np.ndarray:
    return losses + np.random.default_rng(0).normal(0, deviation, len(losses))


@pytest.mark.parametrize("where", [-4.0, -2.5, -1.0])
def test_the_steepest_point_lies_where_the_loss_falls(where):
    found = suggest(RATES, with_noise(falling_at(where)))
    assert found.lr == found.by_rule[RULE]
    # The average lags behind the losses, by less than half a decade.
    assert where <= np.log10(found.by_rule["steepest"]) <= where + 0.6
    lowest = RATES[smooth(with_noise(falling_at(where))).argmin()]
    assert found.by_rule["minimum/10"] == pytest.approx(lowest / 10)
    assert found.sentence.startswith(f"take {found.lr:.2g} ({RULE})")


def fastai_valley(losses: list[float]) -> int:
    """The longest valley as fastai looks for it, in the plainest words."""
    count = len(losses)
    longest = [1] * count
    end = 0
    for i in range(1, count):
        for j in range(i):
            if losses[i] < losses[j] and longest[i] < longest[j] + 1:
                longest[i] = longest[j] + 1
        if longest[end] < longest[i]:
            end = i
    start = max(0, end - longest[end])
    third = (end - start) / 3
    return start + int(third) + int(third / 2)


def test_the_valley_is_fastais():
    losses = with_noise(falling_at(-2))
    place = fastai_valley(smooth(losses).tolist())
    assert suggest(RATES, losses).by_rule["valley"] == pytest.approx(RATES[place])


def test_the_first_jumps_of_the_average_are_no_slope():
    losses = with_noise(falling_at(-2))
    losses[0] = 4.0
    assert suggest(RATES, losses).by_rule["steepest"] > 1e-3


def test_the_average_has_no_pull_towards_its_start():
    np.testing.assert_allclose(smooth([3.0] * 20), 3.0)
    raw = [4.0, 2.0, 1.0]
    weights = np.array([[1, 0, 0], [0.9, 1, 0], [0.81, 0.9, 1]])
    expected = (weights @ raw) / weights.sum(1)
    np.testing.assert_allclose(smooth(raw, 0.9), expected)


@pytest.mark.parametrize(
    ("losses", "told"),
    [
        (np.full(100, 2.3), "flat"),
        (with_noise(np.full(100, 2.3)), "flat"),
        (2.3 + np.exp(4 * (LOGS + 2)), "never fell clearly below the 2.3"),
        (with_noise(2.3 + np.exp(4 * (LOGS + 2))), "stay well below"),
        (np.where(np.arange(100) < 8, 2.3, np.nan), "only 8 rates"),
        (np.full(100, np.nan), "not finite from the first step"),
    ],
)
def test_without_a_fall_nothing_is_suggested_and_the_reason_is_told(losses, told):
    found = suggest(RATES, losses)
    assert found.lr is None
    assert found.by_rule == {}
    assert found.sentence.startswith("no clear minimum: ")
    assert told in found.sentence


def test_a_trained_model_with_losses_of_all_sizes_is_told_to_have_nothing_left_to_fall():
    small = np.random.default_rng(1).lognormal(-5, 1.0, 100)
    losses = small + np.exp(4 * (LOGS + 2))
    assert not any(has_diverged(losses[:count].tolist()) for count in range(1, 40))
    found = suggest(RATES, losses)
    assert found.lr is None
    assert "A trained model has nothing left to fall" in found.sentence


def test_losses_after_the_first_that_is_not_finite_do_not_count():
    losses = falling_at(-2)
    cut = losses.copy()
    cut[80:] = np.nan
    cut[90:] = 0.0
    assert suggest(RATES, cut).by_rule == suggest(RATES[:80], losses[:80]).by_rule


def test_a_loss_that_still_falls_at_the_end_is_told_of():
    found = suggest(RATES[:60], falling_at(-2.2)[:60])
    assert "still fell at the highest rate" in found.sentence
    assert found.lr is not None


def test_a_loss_of_four_times_its_best_ends_the_search():
    assert not has_diverged([1.0, 1.1, 1.2])
    assert not has_diverged([1.0, 1.1, 40.0])
    assert not has_diverged([1.0] * 12 + [5.0])
    assert has_diverged([1.0] * 12 + [40.0])
    assert not has_diverged([1.0] * 12 + [0.1] * 40 + [1.5])
    assert has_diverged([1.0] * 12 + [0.1] * 40 + [15.0])
    assert has_diverged([1.0, float("nan")])
    assert has_diverged([float("inf")])


@pytest.mark.parametrize(
    "schedule", [Cosine(lr=1.0, warmup=0.1), Constant(), through([(0, 1e-4), (0.4, 7e-2), (1, 0)])]
)
def test_the_found_rate_becomes_the_highest_of_any_curve(schedule):
    curve = with_peak(schedule, 3e-3)
    assert type(curve) is type(schedule)
    highest = max(lr_at(curve, at) for at in np.linspace(0, 1, 1001))
    assert highest == pytest.approx(3e-3, rel=1e-3)

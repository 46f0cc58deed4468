"""Accuracy between measured points, where to measure next, and what time a pruning takes."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbfinetune.errors import ConfigError
from nbfinetune.pruning.prediction import (
    CLOSE,
    Measured,
    Timed,
    macs_by_time,
    never_rising,
    next_amount,
    predicted,
    time_saved,
)

part = st.floats(0, 1)


def point(amount: float, accuracy: float, images: int = 1000) -> Measured:
    return Measured(amount, amount, amount, accuracy, images)


def told(points: list[Measured], amount: float) -> tuple[float, ...]:
    return tuple(float(row[0]) for row in predicted(points, np.array([amount])))


def test_a_measured_point_is_told_as_it_was_and_between_two_accuracy_falls_evenly():
    points = [point(0.5, 0.7), point(0, 0.9), point(0.8, 0.1)]
    assert told(points, 0.5) == pytest.approx((0.7, 0.7, 0.7))
    assert told(points, 0.25) == pytest.approx((0.8, 0.7, 0.9))
    assert told(points, 0.9) == pytest.approx((0.1, 0.0, 0.1))


def test_few_images_leave_room_for_doubt_and_all_of_them_do_not():
    points = [point(0, 0.9), point(0.5, 0.5, images=100)]
    accuracy, low, high = told(points, 0.5)
    assert accuracy == 0.5
    assert high - low == pytest.approx(2 * 1.64 * 0.05)
    assert told([point(0, 0.9), point(0.5, 0.5)], 0.5) == pytest.approx((0.5, 0.5, 0.5))


@given(st.lists(st.tuples(part, st.integers(1, 1000)), min_size=1, max_size=20))
def test_the_nearest_curve_never_rises_and_leaves_the_mean_as_it_is(rows):
    values, weights = (np.array(column, float) for column in zip(*rows, strict=True))
    levels = never_rising(values, weights)
    assert (np.diff(levels) <= 1e-12).all()
    assert np.average(levels, weights=weights) == pytest.approx(np.average(values, weights=weights))
    falling = np.sort(values)[::-1]
    assert never_rising(falling, weights) == pytest.approx(falling)


@given(st.lists(st.tuples(part, part), min_size=1, max_size=12), part)
def test_what_is_told_never_rises_with_the_amount_and_lies_within_its_bounds(rows, amount):
    points = [point(0, 0.8), *(point(place, accuracy, 50) for place, accuracy in rows)]
    accuracy, low, high = predicted(points, np.array([amount, 1.0]))
    assert accuracy[0] >= accuracy[1]
    assert (low <= accuracy + 1e-12).all()
    assert (accuracy <= high + 1e-12).all()


def test_it_is_measured_in_the_middle_then_at_the_quarters_then_where_neighbours_differ_most():
    def truth(amount: float) -> float:
        return 0.9 if amount < 0.55 else 0.1

    known = [(0.0, 0.9)]
    while (amount := next_amount(known, most=0.8)) is not None:
        known.append((amount, truth(amount)))
    assert [place for place, _ in known[1:5]] == pytest.approx([0.4, 0.2, 0.6, 0.8])
    assert all(0.4 < place < 0.6 for place, _ in known[5:])
    assert len(known) < 12
    ordered = sorted(known)
    falls = itertools.pairwise(ordered)
    assert all(a[1] - b[1] <= CLOSE or b[0] - a[0] <= 0.02 for a, b in falls)


def test_parts_of_the_time_are_met_by_what_was_timed_and_no_further():
    rows = [
        Timed("macs", 0.5, 0.5, 1, 10.0, 8.0),
        Timed("macs", 0.8, 0.8, 1, 20.0, 8.0),
        Timed("macs", 0.5, 0.5, 32, 10.0, 1.0),
    ]
    assert macs_by_time(rows, np.array([0.0, 0.2, 0.4])) == pytest.approx([0, 0.5, 0.65])
    assert time_saved(rows) == pytest.approx(0.6)
    with pytest.raises(ConfigError, match=r"amount is 0\.7, but .* save 0\.60 of the time"):
        macs_by_time(rows, np.array([0.7]))
    with pytest.raises(ConfigError, match="measure_latency"):
        time_saved(rows[2:])


def test_a_pruning_that_was_slower_by_chance_saves_no_less_than_a_smaller_one():
    rows = [Timed("macs", a, a, 1, 10.0, ms) for a, ms in ((0.2, 8.0), (0.4, 9.0), (0.6, 5.0))]
    assert time_saved(rows) == pytest.approx(0.5)
    assert (np.diff(macs_by_time(rows, np.linspace(0, 0.5, 9))) >= 0).all()

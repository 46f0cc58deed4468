"""Curves through knots: pieces, jumps, and every preset as knots."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.interpolate import PchipInterpolator

from nbfinetune.errors import ScheduleError
from nbfinetune.records import decode, encode
from nbfinetune.schedules import (
    Constant,
    Cosine,
    Exponential,
    Knot,
    Knots,
    Linear,
    MultiStep,
    OneCycle,
    Plateau,
    Polynomial,
    Schedule,
    Step,
    check,
    lr_at,
    lr_curve,
    through,
    to_knots,
)

STEPS = 997
EXACT = [
    Constant(warmup=0.1),
    Linear(final_factor=0.1, warmup=0.2),
    Step(every=0.25, gamma=0.3),
    Step(every=1 / 3, gamma=0.1, warmup=0.05),
    MultiStep(milestones=(0.0, 0.4, 0.9), gamma=0.2),
    MultiStep(milestones=(0.4, 1.0), gamma=0.2, warmup=0.3),
    Exponential(final_factor=0.01, warmup=0.1),
    Polynomial(power=1.0, final_factor=0.3),
    Cosine(final_factor=0.01, warmup=0.1),
    Cosine(cycles=3, cycle_mul=2.0, cycle_decay=0.5, warmup=0.1, final_factor=0.05),
    OneCycle(),
]

HEIGHTS = st.floats(0.0, 4.0)
PLACES = st.lists(st.integers(0, 1000), min_size=2, max_size=12, unique=True).map(sorted)


@pytest.mark.parametrize("schedule", EXACT, ids=lambda s: type(s).__name__)
def test_a_preset_and_its_knots_are_one_curve(schedule: Schedule):
    knots = check(to_knots(schedule))
    np.testing.assert_allclose(
        lr_curve(knots, STEPS), lr_curve(schedule, STEPS), rtol=1e-12, atol=1e-15
    )


@pytest.mark.parametrize("power", [0.5, 0.9, 2.0, 4.0])
def test_a_bent_polynomial_is_met_within_a_fifth_of_a_percent(power: float):
    schedule = Polynomial(power=power, final_factor=0.01, warmup=0.1)
    apart = np.abs(lr_curve(to_knots(schedule), STEPS) - lr_curve(schedule, STEPS))
    assert apart.max() < 2e-3 * schedule.lr


def test_a_plateau_becomes_the_level_it_has_come_to():
    assert set(lr_curve(to_knots(Plateau(lr=0.5), multiple=0.1), 10)) == {0.05}


@given(PLACES, st.data())
def test_smooth_pieces_are_those_of_scipy(places: list[int], data: st.DataObject):
    at = [place / 1000 for place in places]
    heights = data.draw(st.lists(HEIGHTS, min_size=len(at), max_size=len(at)))
    if not any(heights):
        heights[0] = 1.0
    knots = Knots(
        lr=1.0, points=tuple(Knot(a, h, "pchip") for a, h in zip(at, heights, strict=True))
    )
    inside = [p for p in np.linspace(at[0], at[-1], 57).tolist() if p < at[-1] - 2e-9]
    ours = [lr_at(knots, p) for p in inside]
    np.testing.assert_allclose(ours, PchipInterpolator(at, heights)(inside), atol=1e-8)


@given(PLACES, st.data())
def test_a_curve_goes_through_its_knots_and_stays_between_them(places, data):
    at = [place / 1000 for place in places]
    heights = data.draw(st.lists(st.floats(0.01, 4.0), min_size=len(at), max_size=len(at)))
    pieces = data.draw(
        st.lists(
            st.sampled_from(["linear", "log", "cosine", "pchip"]),
            min_size=len(at),
            max_size=len(at),
        )
    )
    points = tuple(Knot(*one) for one in zip(at, heights, pieces, strict=True))
    knots = Knots(lr=1.0, points=points)
    for one, next_one in itertools.pairwise(points):
        assert lr_at(knots, one.at) == pytest.approx(one.factor, rel=1e-6)
        low, high = sorted((one.factor, next_one.factor))
        for part in (0.1, 0.5, 0.9):
            rate = lr_at(knots, one.at + part * (next_one.at - one.at))
            assert low * (1 - 1e-9) <= rate <= high * (1 + 1e-9)


def test_two_knots_at_one_place_are_a_jump_to_the_second():
    knots = through([(0.2, 1e-3), (0.5, 1e-3), (0.5, 1e-4), (0.9, 1e-5, "log")])
    assert lr_at(knots, 0.0) == 1e-3  # level before the first
    assert lr_at(knots, 0.4999) == pytest.approx(1e-3)
    assert lr_at(knots, 0.5) == pytest.approx(1e-4)
    assert lr_at(knots, 1.0) == pytest.approx(1e-5)  # and after the last


def test_a_straight_piece_on_a_log_axis_has_the_geometric_mean_in_its_middle():
    knots = through([(0, 1e-2), (1, 1e-4)], piece="log")
    assert lr_at(knots, 0.5) == pytest.approx(1e-3)


def test_knots_survive_json():
    knots = through([(0, 1e-5), (0.1, 1e-3, "cosine"), (1, 0)])
    assert decode(encode(knots), Schedule) == knots


@pytest.mark.parametrize(
    ("points", "sentence"),
    [
        ([(0.5, 1e-3), (0.2, 1e-4)], "knot 2 at 0.2 comes after knot 1 at 0.5; they must ascend"),
        ([(0, 1e-3), (1, -1e-4)], "factor"),
        ([(0, float("nan")), (1, 1e-4)], "nan is no point of a curve"),
        ([(0, 0.0), (1, 0.0)], "at least one must be above 0"),
        ([], "at least one must be above 0"),
        ([(0, 1e-3, "log"), (1, 0.0)], "is logarithmic but ends at 0"),
        ([(0.5, 1e-3), (0.5, 1e-4), (0.5, 1e-5)], "two make a jump"),
        ([(-0.1, 1e-3), (1, 1e-4)], "at"),
        ([(0, 1e-3), (1.2, 1e-4)], "at"),
        ([(0, 1e-3), (1, 1e-4, "wavy")], "wavy"),
        ([(k / 10_000, 1e-3) for k in range(10_000)], "1000"),
    ],
)
def test_knots_that_make_no_sense_are_refused_in_words(points: list, sentence: str):
    with pytest.raises(ScheduleError, match=sentence):
        through(points)


def test_a_warm_up_before_knots_becomes_a_knot_of_its_own():
    knots = Knots(lr=1e-2, points=(Knot(0.5, 1.0), Knot(1.0, 0.1)), warmup=0.2)
    whole = to_knots(knots)
    assert (len(whole.points), whole.warmup) == (4, 0.0)
    np.testing.assert_allclose(lr_curve(whole, STEPS), lr_curve(knots, STEPS), rtol=1e-12)

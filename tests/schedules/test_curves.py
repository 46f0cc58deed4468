from __future__ import annotations

import itertools
import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nbfinetune.errors import ScheduleError
from nbfinetune.schedules import (
    Constant,
    Cosine,
    Exponential,
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
)

part = st.floats(0.0, 1.0)
positive_part = st.floats(1e-6, 1.0)
common = {
    "lr": st.floats(1e-12, 1e6),
    "warmup": st.one_of(st.just(0.0), st.floats(0.0, 1.0, exclude_max=True)),
    "warmup_start": part,
}
milestones = st.lists(part, max_size=5, unique=True).map(lambda values: tuple(sorted(values)))
schedules = st.one_of(
    st.builds(Constant, **common),
    st.builds(Linear, **common, final_factor=part),
    st.builds(Step, **common, every=positive_part, gamma=part),
    st.builds(MultiStep, **common, milestones=milestones, gamma=part),
    st.builds(Exponential, **common, final_factor=positive_part),
    st.builds(Polynomial, **common, power=st.floats(1e-3, 1e3), final_factor=part),
    st.builds(Cosine, **common, final_factor=part),
    st.builds(OneCycle, **common, final_factor=part),
    st.builds(Plateau, **common, factor=positive_part, min_factor=part),
)
histories = st.lists(st.floats(0.0, 1e6), max_size=30)


@given(schedules, part, histories)
@example(Cosine(warmup=5e-324), 1.0, [])
@example(Step(every=1e-6, gamma=0.0), 1.0, [])
def test_a_rate_is_finite_and_lies_between_zero_and_the_peak(
    schedule: Schedule, progress: float, history: list[float]
):
    assert check(schedule) == schedule
    assert 0.0 <= lr_at(schedule, progress, history) <= schedule.lr


@given(schedules, st.integers(1, 300), histories)
def test_the_curve_is_the_rate_at_each_step_to_the_bit(
    schedule: Schedule, steps: int, history: list[float]
):
    expected = [lr_at(schedule, step / steps, history) for step in range(steps)]
    assert lr_curve(schedule, steps, history).tolist() == expected


@given(schedules.filter(lambda schedule: schedule.warmup > 1e-3), histories)
def test_the_warm_up_ends_where_the_curve_begins(schedule: Schedule, history: list[float]):
    before = lr_at(schedule, np.nextafter(schedule.warmup, 0.0), history)
    after = lr_at(schedule, schedule.warmup, history)
    assert before == pytest.approx(after, rel=1e-9)


@given(schedules.filter(lambda schedule: not isinstance(schedule, (MultiStep, Plateau))))
def test_the_peak_is_reached_when_the_warm_up_is_done(schedule: Schedule):
    assert lr_at(schedule, schedule.warmup) == pytest.approx(schedule.lr, rel=1e-12)


@given(schedules, st.lists(part, min_size=2, max_size=20))
def test_after_the_warm_up_a_rate_never_climbs(schedule: Schedule, points: list[float]):
    later = sorted(point for point in points if point >= schedule.warmup)
    rates = [lr_at(schedule, point) for point in later]
    assert all(b <= a * (1 + 1e-12) for a, b in itertools.pairwise(rates))


@pytest.mark.parametrize("every", [1 / 3, 0.1, 0.2, 1 / 7, 1 / 30])
def test_a_step_falls_exactly_on_its_epoch(every: float):
    epochs, per_epoch = round(1 / every), 49
    curve = lr_curve(Step(lr=1.0, every=every, gamma=0.5), epochs * per_epoch)
    expected = np.repeat(0.5 ** np.arange(epochs), per_epoch)
    assert curve.tolist() == expected.tolist()


def test_milestones_count_from_the_end_of_the_warm_up():
    schedule = MultiStep(lr=1.0, warmup=0.2, milestones=(0.25, 0.5), gamma=0.1)
    curve = lr_curve(schedule, 100)
    assert curve[39] == pytest.approx(1.0)
    assert curve[40] == pytest.approx(0.1)
    assert curve[60] == pytest.approx(0.01)


def test_warm_up_is_a_straight_line_and_one_cycle_rises_in_half_a_cosine():
    straight = Cosine(lr=1.0, warmup=0.5, warmup_start=0.2)
    assert lr_at(straight, 0.125) == pytest.approx(0.4)
    curved = OneCycle(lr=1.0, warmup=0.5, warmup_start=0.2)
    assert lr_at(curved, 0.125) == pytest.approx(0.2 + 0.8 * (1 - math.cos(math.pi / 4)) / 2)
    assert lr_at(curved, 0.25) == pytest.approx(0.6)


@pytest.mark.parametrize("progress", [-1e-9, 1.0000001, math.nan, math.inf])
def test_a_point_outside_the_run_is_refused_by_its_value(progress: float):
    with pytest.raises(ScheduleError, match=str(progress)):
        lr_at(Cosine(), progress)


def test_a_curve_without_steps_is_refused():
    with pytest.raises(ScheduleError, match="steps is 0"):
        lr_curve(Cosine(), 0)


def test_schedules_need_no_torch():
    code = (
        "import sys, nbfinetune.schedules as s; s.lr_at(s.Cosine(), 0.5); "
        "print('torch' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"

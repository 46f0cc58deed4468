"""A run of any length in a bounded number of buckets."""

from __future__ import annotations

import numpy as np
import pytest
from chart_runs import filled
from hypothesis import given
from hypothesis import strategies as st

from nbfinetune.widgets.digest import (
    COLUMN,
    MOST_BUCKETS,
    Digest,
    smoothed,
    width_for,
)


def rows_of(losses):
    steps = np.arange(1, len(losses) + 1, dtype=np.float64)
    one = np.ones_like(steps)
    measures = [losses, losses, losses, one * 1e-3, one * 300, one * 0.01, one * 512]
    return np.column_stack([steps, steps, one, *measures])


@given(st.lists(st.integers(1, 2000), min_size=1, max_size=6), st.integers(0, 2**32 - 1))
def test_extremes_and_sums_are_exact_however_the_steps_came(pieces, seed):
    losses = np.random.default_rng(seed).normal(size=sum(pieces))
    rows, digest, start = rows_of(losses), Digest(), 0
    for piece in pieces:
        digest.extend(rows[start : start + piece])
        start += piece
    assert len(digest.rows) <= MOST_BUCKETS
    assert digest.last_step == len(losses)
    assert digest.rows[:, COLUMN["loss_low"]].min() == losses.min()
    assert digest.rows[:, COLUMN["loss_high"]].max() == losses.max()
    assert digest.rows[:, COLUMN["count"]].sum() == len(losses)
    assert digest.rows[:, COLUMN["loss_sum"]].sum() == pytest.approx(losses.sum())


def test_buckets_follow_one_another_without_overlap():
    digest = Digest()
    digest.extend(rows_of(np.zeros(5000)))
    first, last = digest.rows[:, COLUMN["first"]], digest.rows[:, COLUMN["last"]]
    assert (first[1:] == last[:-1] + 1).all()


def test_the_store_and_the_digest_make_the_same_buckets(tmp_path):
    with filled(tmp_path / "run", 3000) as store:
        digest = Digest()
        digest.extend(store.digest(1))
        np.testing.assert_allclose(store.digest(digest.width), digest.rows)


def test_a_window_of_the_store_holds_just_its_steps(tmp_path):
    with filled(tmp_path / "run", 300) as store:
        rows = store.digest(1, 36, 38)
    assert rows[:, COLUMN["first"]].tolist() == [36, 37, 38]
    assert rows[1, COLUMN["loss_high"]] > 5.0


@pytest.mark.parametrize("steps", [0, 1, 1022, 1023, 1024, 5000, 1_000_000])
def test_the_width_that_is_chosen_fits(steps):
    width = width_for(steps)
    # Steps from 1 on, in the worst place: they touch one bucket more than they fill.
    assert (steps + width - 1) // width + 1 <= MOST_BUCKETS + 1
    assert width & (width - 1) == 0


def test_smoothing_is_that_of_tensorboard_for_single_steps():
    values = np.random.default_rng(0).normal(size=50)
    average, expected = 0.0, []
    for number, value in enumerate(values, 1):
        average = 0.9 * average + 0.1 * value
        expected.append(average / (1 - 0.9**number))
    np.testing.assert_allclose(smoothed(values, np.ones(50), 0.9), expected)


def test_smoothing_of_nothing_leaves_the_values():
    values = np.array([3.0, 1.0, 2.0])
    np.testing.assert_array_equal(smoothed(values, np.ones(3), 0.0), values)


def test_a_value_that_is_missing_leaves_the_average_as_it_was():
    made = smoothed(np.array([1.0, np.nan, 1.0]), np.ones(3), 0.5)
    np.testing.assert_allclose(made, [1.0, 1.0, 1.0])

"""Stratified parts and folds, for any labels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nbfinetune.data.splits import (
    TRAIN,
    VAL,
    split_folds,
    split_grouped,
    split_grouped_folds,
    split_stratified,
)
from nbfinetune.errors import ConfigError, DataError

LABELS = st.lists(st.integers(0, 5), min_size=12, max_size=80).map(np.array)


@settings(max_examples=60, deadline=None)
@given(LABELS, st.floats(0.01, 0.99), st.integers(0, 2**63 - 1))
def test_every_class_with_two_images_is_in_both_parts(labels, val_split, seed):
    split = split_stratified(labels, val_split, seed)
    for number in np.unique(labels):
        part = split[labels == number]
        if len(part) == 1:
            assert part.tolist() == [TRAIN]
            continue
        wanted = np.clip(len(part) * val_split, 1, len(part) - 1)
        assert abs((part == VAL).sum() - wanted) <= 0.5


def test_a_split_is_a_function_of_the_seed():
    labels = np.arange(100) % 4
    first = split_stratified(labels, 0.2, seed=1)
    assert first.tolist() == split_stratified(labels, 0.2, seed=1).tolist()
    assert first.tolist() != split_stratified(labels, 0.2, seed=2).tolist()
    # Written down once: a run that is repeated years later must validate on the same images.
    assert np.flatnonzero(first == VAL)[:6].tolist() == [0, 3, 4, 17, 21, 22]


def test_a_set_without_two_images_of_a_class_has_nothing_to_validate_on():
    with pytest.raises(DataError, match="none of the 3 images"):
        split_stratified(np.arange(3), 0.5, seed=0)


@settings(max_examples=60, deadline=None)
@given(LABELS, st.integers(2, 6), st.integers(0, 9))
def test_each_image_validates_in_one_fold_and_folds_are_alike(labels, folds, seed):
    parts = np.stack([split_folds(labels, folds, fold, seed) for fold in range(folds)])
    counts = np.bincount(labels)
    alone = counts[labels] == 1
    assert ((parts == VAL).sum(axis=0) == np.where(alone, 0, 1)).all()
    sizes = (parts == VAL).sum(axis=1)
    assert sizes.max() - sizes.min() <= 1
    for number in np.flatnonzero(counts > 1):
        members = (parts[:, labels == number] == VAL).sum(axis=1)
        assert members.max() - members.min() <= 1


def test_a_fold_out_of_range_is_refused():
    with pytest.raises(ConfigError, match="fold is 3: with folds=3 it runs from 0 to 2"):
        split_folds(np.zeros(9, np.int64), folds=3, fold=3, seed=0)


def test_more_folds_than_images_are_refused():
    with pytest.raises(DataError, match="2 images are too few for folds=5"):
        split_folds(np.zeros(2, np.int64), folds=5, fold=3, seed=0)


def grouped(draw_labels, groups):
    return st.lists(st.tuples(draw_labels, groups), min_size=2, max_size=120)


@settings(max_examples=150, deadline=None)
@given(grouped(st.integers(0, 3), st.integers(0, 12)), st.floats(0.05, 0.95), st.integers(0, 2**40))
def test_no_group_is_on_both_sides_and_every_class_trains(images, val_split, seed):
    labels, groups = np.array([one for one, _ in images]), [f"g{one}" for _, one in images]
    try:
        split = split_grouped(labels, groups, val_split, seed)
    except DataError:
        # Only where each group holds the whole of a class: there is no other way.
        whole = {g for g in groups for c in set(labels.tolist())
                 if {groups[i] for i in np.flatnonzero(labels == c)} == {g}}  # fmt: skip
        assert whole == set(groups)
        return
    sides = {}
    for group, part in zip(groups, split.tolist(), strict=True):
        sides.setdefault(group, set()).add(part)
    assert all(len(parts) == 1 for parts in sides.values())
    assert set(labels[split == TRAIN]) == set(labels.tolist())
    assert (split == VAL).any()
    assert split.tolist() == split_grouped(labels, groups, val_split, seed).tolist()


@pytest.mark.parametrize("val_split", [0.1, 0.2, 0.3, 0.5, 0.7])
def test_shares_of_classes_are_as_near_as_groups_allow(val_split):
    rng = np.random.default_rng(0)
    labels, groups = rng.integers(0, 4, 2000), rng.integers(0, 100, 2000)
    split = split_grouped(labels, list(map(str, groups)), val_split, seed=3)
    shares = [(split[labels == number] == VAL).mean() for number in range(4)]
    assert np.abs(np.array(shares) - val_split).max() < 0.02
    other = split_grouped(labels, list(map(str, groups)), val_split, seed=4)
    assert other.tolist() != split.tolist()


@settings(max_examples=60, deadline=None)
@given(grouped(st.integers(0, 2), st.integers(0, 9)), st.integers(2, 4), st.integers(0, 99))
def test_each_group_validates_in_one_fold(images, folds, seed):
    labels, groups = np.array([one for one, _ in images]), [f"g{one}" for _, one in images]
    try:
        parts = [split_grouped_folds(labels, groups, folds, k, seed) == VAL for k in range(folds)]
    except DataError:
        assert len(set(groups)) < folds or np.bincount(labels).max() < folds
        return
    assert (np.sum(parts, axis=0) == 1).all()
    assert all(part.any() for part in parts)
    for group in set(groups):
        members = [i for i, name in enumerate(groups) if name == group]
        assert len({tuple(part[i] for part in parts) for i in members}) == 1


def test_groups_that_cannot_be_split_are_refused_in_words():
    labels = np.array([0, 0, 1, 1])
    with pytest.raises(DataError, match="all 4 images are of group 'a': at least two groups"):
        split_grouped(labels, ["a"] * 4, 0.2, 0)
    with pytest.raises(DataError, match="none of the 2 groups can be spared"):
        split_grouped(labels, ["a", "a", "b", "b"], 0.2, 0)
    with pytest.raises(DataError, match="4 images in 2 groups are too few for folds=3"):
        split_grouped_folds(labels, ["a", "a", "b", "b"], 3, 0, 0)
    with pytest.raises(ConfigError, match="fold is 2"):
        split_grouped_folds(labels, ["a", "a", "b", "b"], 2, 2, 0)

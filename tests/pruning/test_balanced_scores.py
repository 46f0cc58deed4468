"""Scores of layers that differ in what they do and in what they cost, on one scale."""

from __future__ import annotations

import numpy as np

from nbfinetune.pruning.importance import balanced, comparable
from nbfinetune.pruning.structure import Group, Layer, Member, Structure

UNITS = 4


def _chain(macs: dict[str, int]) -> Structure:
    """Layers side by side, each with as many units, that only differ in their products."""
    each = np.arange(UNITS)[:, None]
    groups = tuple(Group(name, UNITS, "channels", (Member(name, "out", each),)) for name in macs)
    layers = tuple(Layer(name, UNITS, 1, 1.0, 0.0, cost) for name, cost in macs.items())
    return Structure(groups, layers, 0)


def test_of_units_that_matter_alike_the_dear_one_goes_first() -> None:
    scores = {"cheap": np.ones(UNITS), "dear": np.ones(UNITS)}
    told = balanced(scores, _chain({"cheap": 100, "dear": 400}), "macs")
    np.testing.assert_allclose(told["cheap"] / told["dear"], 2.0)  # the square root of the costs


def test_parameters_are_the_cost_where_they_are_the_target() -> None:
    scores = {"cheap": np.ones(UNITS), "dear": np.ones(UNITS)}
    told = balanced(scores, _chain({"cheap": 100, "dear": 400}), "parameters")
    np.testing.assert_allclose(told["cheap"], told["dear"])


def test_a_layer_that_matters_more_counts_more_which_shares_alone_forget() -> None:
    scores = {"little": np.arange(1.0, 5.0), "much": 100 * np.arange(1.0, 5.0)}
    told = balanced(scores, _chain({"little": 100, "much": 100}), "macs")
    np.testing.assert_allclose(told["much"], 10 * told["little"])
    np.testing.assert_allclose(comparable(scores)["much"], comparable(scores)["little"])


def test_a_layer_without_any_importance_has_scores_of_zero() -> None:
    told = balanced({"dead": np.zeros(UNITS)}, _chain({"dead": 100}), "macs")
    np.testing.assert_array_equal(told["dead"], 0.0)

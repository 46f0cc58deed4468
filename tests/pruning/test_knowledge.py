"""What follows from what a study has said so far: prospects, predictions, a slider's board."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest

from nbfinetune.errors import ConfigError
from nbfinetune.pruning.board import WholeModel
from nbfinetune.pruning.knowledge import Knowledge
from nbfinetune.pruning.prediction import Measured, Timed
from nbfinetune.pruning.structure import Group, Layer, Member, Structure
from nbfinetune.pruning.structure_record import from_record, to_record
from nbfinetune.records import PruningConfig

WIDTHS = (64, 128, 256, 512)


def chain() -> Structure:
    """Convolutions one behind the other."""
    groups, layers, inputs = [], [], 3
    for place, width in enumerate(WIDTHS):
        each = np.arange(width)[:, None]
        members = (Member(f"conv{place}", "out", each), Member(f"conv{place + 1}", "in", each))
        groups.append(Group(f"conv{place}", width, "channels", members))
        layers.append(Layer(f"conv{place}", width, inputs, 9.0, 1.0, width * inputs * 9 * 64))
        inputs = width
    return Structure(tuple(groups), tuple(layers), 10)


def scores(seed: int = 0) -> dict[str, list[float]]:
    rng = np.random.default_rng(seed)
    return {f"conv{place}": rng.random(width).tolist() for place, width in enumerate(WIDTHS)}


@pytest.fixture
def known() -> Knowledge:
    structure, knowledge = chain(), Knowledge(PruningConfig())
    macs, parameters = round(structure.cost("macs")), round(structure.cost("parameters"))
    whole = WholeModel(0.9, parameters, macs, 4 * parameters, 32, ("a", "b"), 1000)
    for said in ({"whole": asdict(whole)}, {"structure": to_record(structure)}):
        knowledge.hear(json.loads(json.dumps(said)))
    knowledge.hear({"scores": scores()})
    return knowledge


def measure(known: Knowledge, amount: float, accuracy: float) -> None:
    """A point as the process measures it."""
    damage = known.prospect(amount, "macs").damage
    known.hear({"point": asdict(Measured(amount, amount, damage, accuracy, 1000))})


def test_a_structure_is_the_same_after_its_way_through_a_pipe():
    structure = chain()
    again = from_record(json.loads(json.dumps(to_record(structure))))
    removed = structure.units // 3
    for target in ("macs", "parameters"):
        assert again.cost(target, removed) == structure.cost(target, removed)
    assert again.groups[1].members[1].indices.shape == (128, 1)


def test_before_anything_is_known_it_says_so_and_without_a_point_it_predicts_nothing(known):
    with pytest.raises(ConfigError, match="nothing is known"):
        Knowledge(PruningConfig()).board("macs")
    assert known.predicted(known.prospect(0.5, "macs")) is None
    assert np.isnan(known.board("macs").accuracy).all()
    for amount in (1.0, -0.1, 1.5):
        with pytest.raises(ConfigError, match="at least 0 and below 1"):
            known.prospect(amount, "macs")


def test_a_board_says_for_every_amount_what_its_prospect_says(known):
    measure(known, 0.5, 0.6)
    measure(known, 0.9, 0.2)
    for target in ("macs", "parameters"):
        board = known.board(target)
        place = 40
        what = known.prospect(float(board.amounts[place]), target)
        assert (board.macs[place], board.parameters[place]) == (what.macs, what.parameters)
        assert {name: row[place] for name, row in board.left.items()} == what.left
        assert known.predicted(what).accuracy == pytest.approx(board.accuracy[place], abs=1e-6)
        assert board.accuracy[0] == pytest.approx(0.9)
        assert (np.diff(board.accuracy) <= 1e-9).all()
    assert known.predicted(known.prospect(0.5, "macs")).accuracy == pytest.approx(0.6, abs=0.01)


def test_along_the_plan_that_was_measured_damage_says_nothing_more(known):
    # By their rounding, narrow networks are damaged now less, now more by a larger amount.
    measure(known, 0.5, 0.6)
    measure(known, 0.9, 0.2)
    known._draft().like_damage = None
    assert known.predicted(known.prospect(0.7, "macs")).accuracy == pytest.approx(0.4, abs=0.02)


def test_the_slider_is_answered_from_a_board_that_is_kept(known):
    measure(known, 0.5, 0.6)
    board = known.board("macs")
    measure(known, 0.7, 0.4)
    after = known.board("macs")
    assert after.macs is board.macs
    assert after.accuracy[70] == pytest.approx(0.4, abs=0.02)


def test_a_pruning_that_spares_what_matters_is_predicted_by_its_damage(known):
    measure(known, 0.5, 0.6)
    measure(known, 0.9, 0.2)
    plain = known.predicted(known.prospect(0.5, "macs"))
    known.turn_to(known.wishes_with({"protect": ("conv3",)}))
    harder = known.prospect(0.4, "macs")
    assert harder.left["conv3"] == 512
    told = known.predicted(harder)
    assert told.accuracy < known.predicted(known.prospect(0.2, "macs")).accuracy <= 0.9
    assert told.accuracy != pytest.approx(plain.accuracy, abs=1e-3)


def test_points_of_new_wishes_take_the_place_of_those_before(known):
    measure(known, 0.25, 0.8)
    measure(known, 0.5, 0.6)
    known.turn_to(known.wishes_with({"criterion": "random"}))
    assert [one.accuracy for one in known.points] == [0.9, 0.8, 0.6]
    known.hear({"scores": scores(seed=1)})
    measure(known, 0.5, 0.3)
    assert [one.accuracy for one in known.points] == [0.9, 0.8, 0.3]
    known.settle()
    assert [one.accuracy for one in known.points] == [0.9, 0.3]


@pytest.mark.parametrize(
    ("wishes", "said"),
    [
        ({"criterion": "taste"}, "criterion is 'taste'"),
        ({"protect": ("conv9",)}, "'conv9', which is no layer .* closest: conv"),
        ({"pushed": {"conv1": -1.0}}, "pushed"),
        ({"amount": 0.5}, "there is no wish 'amount'; there are criterion"),
    ],
)
def test_wishes_that_cannot_be_are_refused_and_change_nothing(known, wishes, said):
    before = known.wishes
    with pytest.raises(ConfigError, match=said):
        known.wishes_with(wishes)
    assert known.wishes is before


def test_amounts_are_parts_of_the_time_once_times_are_known(known):
    measure(known, 0.5, 0.6)
    with pytest.raises(ConfigError, match="no time was measured"):
        known.board("latency")
    known.hear({"timed": asdict(Timed("macs", 0.5, 0.5, 1, 10.0, 6.0))})
    board = known.board("latency")
    assert board.amounts[-1] == pytest.approx(0.4)
    assert board.macs[-1] / board.macs[0] == pytest.approx(0.5, abs=0.02)
    assert board.accuracy[-1] == pytest.approx(0.6, abs=0.02)
    assert known.prospect(0.4, "latency").macs == pytest.approx(board.macs[-1], rel=0.03)


def test_why_a_time_was_not_measured_is_kept(known):
    known.hear({"note": "the time was not measured: amount is 0.9"})
    assert "0.9" in known.note

"""A script's tables and functions do what the run did."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from script_plans import LINES, functions, plan, text, values_at
from torch import nn

from nbfinetune.export.script_course_lines import prunings
from nbfinetune.export.script_model import FirstModel, Group, cover
from nbfinetune.pruning.gradual import amount_at, round_steps
from nbfinetune.pruning.magnitude import magnitude_masks, threshold_masks
from nbfinetune.records import (
    AppliedEdit,
    Constant,
    Cosine,
    Exponential,
    Knot,
    Knots,
    Linear,
    ModelConfig,
    MultiStep,
    OneCycle,
    OptimizerConfig,
    PlannedEdit,
    Plateau,
    Polynomial,
    Prune,
    PruningConfig,
    RemoveChannels,
    SetOptimizer,
    SetSchedule,
    Step,
    TrainingConfig,
    Unfreeze,
)
from nbfinetune.schedules import lr_at, momentum_at

CURVES = [
    Constant(lr=0.3),
    Linear(lr=0.3, warmup=0.1),
    Step(lr=0.3, every=1 / 3),
    MultiStep(lr=0.3, milestones=(0.4, 0.6), warmup=0.05),
    Exponential(lr=0.3, warmup=0.2),
    Cosine(lr=0.3, warmup=0.1, final_factor=0.01),
    Cosine(lr=0.3, cycles=3, cycle_mul=2.0, cycle_decay=0.5),
    OneCycle(lr=0.3),
    Plateau(lr=0.3, warmup=0.1),
    Knots(lr=0.3, points=(Knot(0.2, 0.5, "log"), Knot(0.5, 1.0), Knot(0.5, 0.1), Knot(0.9, 0.2))),
]
BENT = [
    Polynomial(lr=0.3, power=2.0),
    Knots(lr=1.0, points=(Knot(0, 0.0, "pchip"), Knot(0.3, 1.0, "pchip"), Knot(1, 0.1))),
]
HEAD_ALONE = FirstModel(LINES, None, ("fc",), ("conv1", "layer1"), ())


def rates(curve, steps=90, epochs=3):
    asked = plan(steps=steps, schedule=curve, training=TrainingConfig(epochs=epochs))
    space = functions(asked)
    return [values_at(space, step)["lr"] for step in range(steps * epochs)]


@pytest.mark.parametrize("curve", CURVES, ids=lambda curve: type(curve).__name__)
def test_a_script_follows_the_curve_of_its_run(curve):
    expected = [lr_at(curve, step / 270) for step in range(270)]
    np.testing.assert_allclose(rates(curve), expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("curve", BENT, ids=lambda curve: type(curve).__name__)
def test_a_cubic_is_followed_by_straight_pieces(curve):
    expected = [lr_at(curve, step / 270) for step in range(270)]
    np.testing.assert_allclose(rates(curve), expected, atol=0.01 * curve.lr)


@pytest.mark.parametrize("curve", [*CURVES, *BENT], ids=lambda curve: type(curve).__name__)
def test_curves_that_were_changed_are_followed_by_step(curve):
    new = Cosine(lr=0.1, warmup=0.1)
    made = [AppliedEdit(1, 50, SetSchedule(schedule=new, epochs=8))]
    space = functions(plan(made, schedule=curve, training=TrainingConfig(epochs=5)))
    assert space["EPOCHS"] == 8
    found = [values_at(space, step)["lr"] for step in range(720)]
    expected = [lr_at(curve, step / 450) for step in range(50)]
    expected += [lr_at(new, step / 720) for step in range(50, 720)]
    np.testing.assert_allclose(found, expected, atol=0.01 * curve.lr if curve in BENT else 1e-4)


def test_values_that_were_changed_hold_from_their_steps_on():
    made = [
        AppliedEdit(1, 40, SetOptimizer(weight_decay=0.5, clip_norm=1.0, momentum=0.6)),
        AppliedEdit(2, 41, SetOptimizer(weight_decay=0.25, l1=0.1)),
        AppliedEdit(3, 60, SetSchedule(schedule=OneCycle(lr=0.3, base_momentum=0.8))),
        AppliedEdit(4, 80, SetSchedule(schedule=Constant(lr=0.3))),
    ]
    space = functions(plan(made))
    told = {step: values_at(space, step) for step in (0, 39, 40, 41, 60, 79, 80, 400)}
    assert [told[s]["weight_decay"] for s in (0, 39, 40, 41, 400)] == [0.01, 0.01, 0.5, 0.25, 0.25]
    assert [told[s]["clip_norm"] for s in (39, 40, 400)] == [0.0, 1.0, 1.0]
    assert [told[s]["l1"] for s in (40, 41)] == [0.0, 0.1]
    assert [told[s]["momentum"] for s in (39, 40, 80, 400)] == [0.9, 0.6, 0.6, 0.6]
    curve = OneCycle(lr=0.3, base_momentum=0.8)
    assert told[79]["momentum"] == pytest.approx(momentum_at(curve, 79 / 450), abs=1e-4)


def test_the_momentum_follows_the_curve_that_asks_for_it():
    curve = OneCycle(lr=0.3, base_momentum=0.8)
    space = functions(plan(schedule=curve))
    told = [space["value_at"](space["MOMENTA"], step) for step in range(450)]
    np.testing.assert_allclose(told, [momentum_at(curve, s / 450) for s in range(450)], atol=1e-5)


def test_edits_become_rows_at_their_steps_and_planned_ones_too():
    planned = (PlannedEdit(step=7, edit=Unfreeze()),)
    made = [AppliedEdit(1, 40, SetOptimizer(weight_decay=0.5, clip_norm=1.0))]
    course = plan(made, planned=planned, model=ModelConfig(freeze_epochs=2)).course
    assert course.rows == (
        (7, "unfreeze", None),
        (40, "weight_decay", 0.5),
        (40, "clip_norm", 1.0),
        (180, "unfreeze", None),
    )


def test_a_gradual_pruning_becomes_a_row_for_every_round():
    asked = PruningConfig(amount=0.5, method="unstructured", gradual_epochs=1.0)
    course = plan([AppliedEdit(1, 30, RemoveChannels(pruning=asked))]).course
    expected = [(s, "prune", (amount_at(0.5, (s - 30) / 90), None, "network"))
                for s in round_steps(30, 90)]  # fmt: skip
    assert list(course.rows) == expected


def test_what_can_not_be_repeated_is_noted():
    channels = RemoveChannels(pruning=PruningConfig(amount=0.5))
    made = [AppliedEdit(1, 3, channels), AppliedEdit(2, 4, Prune(pattern="2:4"))]
    notes = plan(made).course.notes
    assert ["channels" in notes[0], "2:4" in notes[1]] == [True, True]


@pytest.mark.parametrize(
    ("edit", "masks"),
    [
        (Prune(amount=0.4), lambda w: magnitude_masks(w, 0.4)),
        (Prune(amount=0.4, scope="layer"), lambda w: magnitude_masks(w, 0.4, "layer")),
        (Prune(below=0.2), lambda w: threshold_masks(w, 0.2)),
        (Prune(amount=0.0), lambda w: magnitude_masks(w, 0.0)),
    ],
)
def test_a_script_prunes_the_weights_that_the_run_pruned(edit, masks):
    torch.manual_seed(0)
    model = nn.ModuleDict({"a": nn.Linear(9, 7), "b": nn.Linear(7, 5), "fc": nn.Linear(5, 2)})
    asked = plan([AppliedEdit(1, 40, edit)])
    ((_, *values),) = prunings(asked)
    found = functions(asked)["masks_of"](model, *values)
    expected = masks({f"{k}.weight": model[k].weight for k in "ab"})
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_frozen_layers_keep_still_until_they_are_thawed():
    space = functions(plan([AppliedEdit(1, 40, Unfreeze())], first=HEAD_ALONE))
    model = nn.ModuleDict(
        {"conv1": nn.Linear(2, 2), "layer1": nn.BatchNorm1d(2), "fc": nn.Linear(2, 2)}
    )
    space["train_mode"](model, space["FROZEN"])
    assert [p.requires_grad for p in model.parameters()] == [False] * 4 + [True] * 2
    assert [m.training for m in model.values()] == [False, False, True]
    space["train_mode"](model, ())
    assert all(p.requires_grad for p in model.parameters())
    assert all(m.training for m in model.values())


def test_parameters_are_grouped_by_rate_and_decay():
    named = (
        Group(0.1, True, ("conv1.weight",)),
        Group(0.1, False, ("conv1.pos_embed", "conv1.bias")),
        Group(1.0, True, ("fc.weight",)),
    )
    model = nn.ModuleDict({"conv1": nn.Linear(2, 2), "fc": nn.Linear(2, 2)})
    model["conv1"].register_parameter("pos_embed", nn.Parameter(torch.zeros(1, 2, 2)))
    optimizer = OptimizerConfig(weight_decay=0.3)
    first = FirstModel(LINES, None, ("fc",), (), named)
    found = functions(plan(first=first, optimizer=optimizer))["optimizer_of"](model).param_groups
    told = {(g["factor"], g["weight_decay"], g["decays"]): len(g["params"]) for g in found}
    assert told == {(0.1, 0.3, True): 1, (0.1, 0.0, False): 2, (1.0, 0.3, True): 1}


@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_what_the_architecture_exempts_has_no_weight_decay_and_no_l1(decay):
    first = FirstModel(LINES, None, ("fc",), (), (), ("conv1.pos*",))
    model = nn.ModuleDict({"conv1": nn.Linear(2, 2), "fc": nn.Linear(2, 2)})
    model["conv1"].register_parameter("pos_embed", nn.Parameter(torch.zeros(1, 2, 2)))
    asked = plan(
        [AppliedEdit(1, 9, SetOptimizer(weight_decay=0.5))],
        first=first,
        optimizer=OptimizerConfig(weight_decay=decay, l1=0.1),
    )
    found = functions(asked)["optimizer_of"](model).param_groups
    told = {(bool(g["decays"]), g["weight_decay"]): len(g["params"]) for g in found}
    assert told == {(False, 0.0): 3, (True, decay): 2}
    assert "decaying = [p for g in optimizer.param_groups if g['decays']" in text(asked)


def test_modules_stand_for_all_their_parameters_and_no_others():
    names = ["stem.weight", "body.0.weight", "body.0.bias", "body.1.weight", "cls", "head.bias"]
    assert cover(["stem.weight", "body.0.weight", "body.0.bias", "cls"], names) == (
        "stem",
        "body.0",
        "cls",
    )
    assert cover(["body.0.weight"], names) == ("body.0.weight",)
    assert cover([], names) == ()

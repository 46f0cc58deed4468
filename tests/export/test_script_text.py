"""A script's tables and functions do what the run did, and its text stays short."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from script_plans import LINES, functions, plan, text
from torch import nn

from nbfinetune.export.compact import MOST_LINES, fitted
from nbfinetune.export.script_model import FirstModel, cover
from nbfinetune.pruning.gradual import amount_at, round_steps
from nbfinetune.pruning.magnitude import magnitude_masks, threshold_masks
from nbfinetune.records import (
    AppliedEdit,
    AugmentConfig,
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
HEAD_ALONE = FirstModel(LINES, None, ("fc",), ("conv1", "layer1"), {})


def rates(curve, steps=90, epochs=3):
    asked = plan(steps=steps, schedule=curve, training=TrainingConfig(epochs=epochs))
    space = functions(asked)
    return [space["value_at"](space["RATES"], step) for step in range(steps * epochs)]


@pytest.mark.parametrize("curve", CURVES, ids=lambda curve: type(curve).__name__)
def test_a_script_follows_the_curve_of_its_run(curve):
    expected = [lr_at(curve, step / 270) for step in range(270)]
    np.testing.assert_allclose(rates(curve), expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("curve", BENT, ids=lambda curve: type(curve).__name__)
def test_a_cubic_is_followed_by_straight_pieces(curve):
    expected = [lr_at(curve, step / 270) for step in range(270)]
    np.testing.assert_allclose(rates(curve), expected, atol=0.01 * curve.lr)


def test_a_curve_that_was_changed_holds_from_its_step_on():
    new = Cosine(lr=0.1)
    space = functions(plan([AppliedEdit(1, 50, SetSchedule(schedule=new, epochs=8))]))
    first = lr_at(Cosine(warmup=0.1), 49 / (90 * 5))
    assert space["EPOCHS"] == 8
    assert space["value_at"](space["RATES"], 49) == pytest.approx(first, rel=1e-5)
    assert space["value_at"](space["RATES"], 50) == pytest.approx(lr_at(new, 50 / 720), rel=1e-5)


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
    space = functions(plan([AppliedEdit(1, 40, edit)]))
    for _, what, value in space["EDITS"]:
        space["edit"](what, value, model, None)
    expected = masks({f"{k}.weight": model[k].weight for k in "ab"})
    assert space["MASKS"].keys() == expected.keys()
    assert all(torch.equal(space["MASKS"][name], expected[name]) for name in expected)


def test_frozen_layers_keep_still_until_they_are_thawed():
    space = functions(plan([AppliedEdit(1, 40, Unfreeze())], first=HEAD_ALONE))
    model = nn.ModuleDict(
        {"conv1": nn.Linear(2, 2), "layer1": nn.BatchNorm1d(2), "fc": nn.Linear(2, 2)}
    )
    space["train_mode"](model)
    assert [p.requires_grad for p in model.parameters()] == [False] * 4 + [True] * 2
    assert [m.training for m in model.values()] == [False, False, True]
    space["edit"]("unfreeze", None, model, None)
    assert all(p.requires_grad for p in model.parameters())
    assert all(m.training for m in model.values())


def test_parameters_are_grouped_by_rate_and_decay():
    first = FirstModel(LINES, None, ("fc",), (), {"conv1": 0.1, "fc": 1.0}, ("conv1.pos*",))
    model = nn.ModuleDict({"conv1": nn.Linear(2, 2), "fc": nn.Linear(2, 2)})
    model["conv1"].register_parameter("pos_embed", nn.Parameter(torch.zeros(1, 2, 2)))
    optimizer = OptimizerConfig(weight_decay=0.3)
    found = functions(plan(first=first, optimizer=optimizer))["parameter_groups"](model)
    told = {(g["factor"], g["weight_decay"], g["decays"]): len(g["params"]) for g in found}
    assert told == {(0.1, 0.3, True): 1, (0.1, 0.0, False): 2, (1.0, 0.3, True): 1,
                    (1.0, 0.0, False): 1}  # fmt: skip


def test_modules_stand_for_all_their_parameters_and_no_others():
    names = ["stem.weight", "body.0.weight", "body.0.bias", "body.1.weight", "cls", "head.bias"]
    assert cover(["stem.weight", "body.0.weight", "body.0.bias", "cls"], names) == (
        "stem",
        "body.0",
        "cls",
    )
    assert cover(["body.0.weight"], names) == ("body.0.weight",)
    assert cover([], names) == ()


EVERYTHING = {
    "augment": AugmentConfig(preset="strong", mixup=0.2, cutmix=1.0),
    "training": TrainingConfig(
        ema=0.99, accumulate=2, loss="focal", class_weights="balanced", monitor="macro_f1"
    ),
    "optimizer": OptimizerConfig(name="lion", l1=0.1, clip_weights=2.0, momentum=0.5),
}
EDITED = [
    AppliedEdit(1, 30, SetSchedule(schedule=Cosine(lr=1e-3), epochs=8)),
    AppliedEdit(2, 40, SetOptimizer(weight_decay=0.05, clip_norm=1.0)),
    AppliedEdit(3, 50, Unfreeze()),
    AppliedEdit(4, 60, Prune(amount=0.5)),
]


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"kind": "arrays", "augment": AugmentConfig(preset="none")},
        {"augment": AugmentConfig(preset="light", flip=False), "precision": "bf16"},
        {"edits": EDITED, "first": HEAD_ALONE, "last": 400},
        {"edits": [AppliedEdit(1, 9, SetSchedule(schedule=Plateau()))], "precision": "fp16"},
        {"schedule": Plateau(metric="macro_f1"), "training": TrainingConfig(loss="bce")},
    ],
    ids=["plain", "arrays", "light", "edited", "plateau later", "plateau"],
)
def test_a_script_is_python_of_less_than_150_lines(asked):
    written = text(plan(**asked))
    compile(written, "again.py", "exec")
    assert len(written.splitlines()) < 150


def test_a_run_that_used_nearly_everything_is_python_as_well():
    asked = plan(EDITED, first=HEAD_ALONE, precision="fp16", schedule=OneCycle(base_momentum=0.8),
                 **EVERYTHING)  # fmt: skip
    compile(text(asked), "again.py", "exec")


def test_lines_are_put_closer_only_where_there_are_too_many():
    lines = ["import a", "import b", "", "def one():", "    return 1", "", "if a:", "    b()"]
    assert fitted(lines) == lines
    closer = fitted([*lines, *(["x = 1"] * MOST_LINES)])
    assert closer[:3] == ["import a, b", "def one(): return 1", "if a: b()"]


def test_a_block_of_two_lines_keeps_its_lines():
    lines = ["def one():", "    a()", "    return 1", "for a in b:", "    if a:", "        c()"]
    closer = fitted([*lines, *(["x = 1"] * MOST_LINES)])
    assert closer[:5] == ["def one():", "    a()", "    return 1", "for a in b:", "    if a: c()"]


def test_a_block_stays_below_the_header_of_another():
    lines = ["for a in b:", "    if a: c()", "d()"]
    assert fitted([*lines, *(["x = 1"] * MOST_LINES)])[:3] == lines

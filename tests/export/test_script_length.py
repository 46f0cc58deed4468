"""Every script has fewer than 150 lines of Python that fit a screen, whatever its run used."""

from __future__ import annotations

import ast
import dataclasses
import io
import random
import tokenize

import pytest
from script_plans import LINES, plan

from nbfinetune.export.compact import MOST_LINES, fitted
from nbfinetune.export.script import script_files
from nbfinetune.export.script_model import FirstModel, Group
from nbfinetune.export.script_tables import WIDEST, beside, wrapped
from nbfinetune.records import (
    AppliedEdit,
    AugmentConfig,
    Constant,
    Cosine,
    Exponential,
    Knot,
    Knots,
    ModelConfig,
    OneCycle,
    OptimizerConfig,
    Plateau,
    Polynomial,
    Prune,
    PruningConfig,
    RemoveChannels,
    SetOptimizer,
    SetSchedule,
    TrainingConfig,
    Unfreeze,
)

SCHEDULES = [
    Constant(lr=0.3),
    Cosine(warmup=0.1),
    Cosine(lr=0.3, cycles=3, cycle_mul=2.0, cycle_decay=0.5),
    Exponential(lr=0.3, warmup=0.2),
    OneCycle(base_momentum=0.8),
    Plateau(metric="val_loss"),
    Plateau(lr=0.3, metric="macro_f1"),
    Polynomial(power=2.0),
    Knots(lr=0.3, points=(Knot(0.2, 0.5, "log"), Knot(0.5, 1.0), Knot(0.5, 0.1), Knot(0.9, 0.2))),
]
GRADUAL = PruningConfig(amount=0.5, method="unstructured", gradual_epochs=1.0)
EDITS = [
    *(SetSchedule(schedule=schedule, epochs=8) for schedule in SCHEDULES),
    SetOptimizer(weight_decay=0.05, clip_norm=1.0),
    SetOptimizer(momentum=0.5, l1=0.1, clip_weights=2.0),
    Unfreeze(),
    Prune(amount=0.5),
    Prune(amount=0.5, scope="layer"),
    Prune(below=0.2),
    Prune(pattern="2:4"),
    RemoveChannels(pruning=GRADUAL),
    RemoveChannels(pruning=PruningConfig(amount=0.5)),
]
GROUPS = (
    Group(0.1, True, tuple(f"layer1.{n}.weight" for n in range(40))),
    Group(0.1, False, tuple(f"layer1.{n}.bias" for n in range(40))),
    Group(1.0, True, ("fc.weight",)),
)
# A head of several layers, a pooling of ours, blocks taken out and layers made narrower.
CHANGED = (
    "class GlobalPool(nn.Module):",
    "    def __init__(self):",
    "        super().__init__()",
    "        self.exponent = nn.Parameter(torch.full((1,), 3.0))",
    "    def forward(self, x):",
    "        powers = x.float().clamp(min=1e-6) ** self.exponent",
    "        return (powers.mean((2, 3), keepdim=False) ** (1 / self.exponent)).to(x.dtype)",
    "    def is_identity(self):",
    "        return False",
    "import timm",
    "model = timm.create_model('resnet18', num_classes=2)",
    "model.reset_classifier(2, 'avg')",
    "model.global_pool = GlobalPool()",
    "model.fc = nn.Sequential(nn.Linear(512, 256), nn.GELU(), nn.Dropout(0.2), nn.Linear(256, 2))",
    f"skipped = {[f'layer2.{n}' for n in range(30)]!r}",
    "for path in skipped:  # what comes to them passes by",
    "    model.set_submodule(path, nn.Identity())",
    "    model.get_submodule(path).forward = lambda x, *_, **__: x",
    f"attributes = { {f'blocks.{n}.attn': {'num_heads': 3} for n in range(30)}!r}",
    "for path, values in attributes.items():",
    "    vars(model.get_submodule(path)).update(values)",
    "weights = load_file(START)",
    "for name, value in model.state_dict(keep_vars=True).items():",
    "    value.data = weights[name].clone()  # narrower than it was built",
)


def hold(asked):
    """Raise unless all that is written is short, narrow Python."""
    files, _ = script_files(asked, "again")
    for lines in files.values():
        assert len(lines) < 150
        assert max(map(len, lines)) <= WIDEST
        tree = ast.parse("\n".join(lines))
        compile(tree, "again.py", "exec")
        read = io.StringIO("\n".join(lines)).readline
        assert not any(token.string == ";" for token in tokenize.generate_tokens(read))
    return files


def any_plan(seed):
    pick = random.Random(seed).choice
    edits = [AppliedEdit(n, 25 * n, pick(EDITS)) for n in range(1, pick([1, 2, 3, 6, 12, 40]))]
    frozen = pick([(), ("conv1", "layer1", "cls_token")])
    lines, groups = pick([LINES, LINES, CHANGED]), pick([(), GROUPS])
    exempt, fixed = pick([(), ("pos_embed",)]), pick([(), ("pos_embed",)])
    return plan(
        edits,
        last=pick([None, None, 400]),
        precision=pick(["fp32", "bf16", "fp16"]),
        kind=pick(["files", "arrays"]),
        first=FirstModel(lines, b"", ("fc",), frozen, groups, exempt, fixed),
        schedule=pick(SCHEDULES),
        augment=AugmentConfig(
            preset=pick(["none", "light", "standard", "strong"]),
            flip=pick([True, False]),
            mixup=pick([0.0, 0.2]),
            cutmix=pick([0.0, 1.0]),
        ),
        training=TrainingConfig(
            ema=pick([0.0, 0.99]),
            accumulate=pick([1, 2]),
            loss=pick(["cross_entropy", "bce", "mse", "focal"]),
            label_smoothing=pick([0.0, 0.1]),
            class_weights=pick([None, "balanced"]),
            monitor=pick(["accuracy", "macro_f1", "val_loss"]),
        ),
        optimizer=OptimizerConfig(
            name=pick(["adamw", "sgd", "rmsprop", "lion"]),
            weight_decay=pick([0.0, 0.01]),
            l1=pick([0.0, 0.1]),
            clip_norm=pick([0.0, 1.0]),
            clip_weights=pick([0.0, 2.0]),
            momentum=pick([0.9, 0.5]),
        ),
        model=ModelConfig(in_chans=pick([1, 3, 4]), freeze_epochs=pick([0, 1])),
    )


def everything():
    changes = SetOptimizer(weight_decay=0.05, momentum=0.5, l1=0.1, clip_norm=1.0, clip_weights=2.0)
    made = [
        SetSchedule(schedule=Cosine(lr=1e-3, warmup=0.1), epochs=8),
        changes,
        Unfreeze(),
        Prune(amount=0.5),
        Prune(amount=0.5, scope="layer"),
        Prune(below=0.01),
        SetSchedule(schedule=Plateau(metric="val_loss")),
        SetSchedule(schedule=OneCycle(base_momentum=0.8)),
        Prune(pattern="2:4"),
        RemoveChannels(pruning=GRADUAL),
        RemoveChannels(pruning=PruningConfig(amount=0.5)),
    ]
    frozen = ("conv1", "layer1", "cls_token")
    used = plan(
        [AppliedEdit(n, 25 + 30 * n, edit) for n, edit in enumerate(made, start=1)],
        last=400,
        precision="fp16",
        first=FirstModel(CHANGED, b"", ("fc",), frozen, GROUPS, ("pos_embed",), ("pos_embed",)),
        schedule=OneCycle(base_momentum=0.8),
        augment=AugmentConfig(preset="light", mixup=0.2, cutmix=1.0),
        training=TrainingConfig(ema=0.99, accumulate=2, loss="focal", label_smoothing=0.1,
                                class_weights="balanced", monitor="macro_f1"),
        optimizer=OptimizerConfig(name="lion", momentum=0.6),
        model=ModelConfig(in_chans=1, freeze_epochs=1),
    )  # fmt: skip
    narrow = "pruned layers begin as narrow as the run made them, without its choosing them"
    return dataclasses.replace(used, notes=(*used.course.notes, narrow))


@pytest.mark.parametrize("seed", range(60))
def test_a_script_is_short_and_narrow_python(seed):
    hold(any_plan(seed))


def test_a_run_that_used_everything_at_once_has_its_images_in_a_second_file():
    files = hold(everything())
    assert list(files) == ["again_images.py", "again.py"]


def test_a_plain_run_keeps_its_gaps_its_titles_and_its_curve():
    (lines,) = hold(plan()).values()
    assert len(lines) < 140
    assert [line[7:-5] for line in lines if line.startswith("# ----")] == [
        "settings",
        "images",
        "the model",
        "the course of the run",
        "training",
    ]
    assert "RATES = [(0.0, 0.1, 1e-05, 0.001, 'linear'), (0.1, 1.0, 0.001, 0.0, 'cosine')]" in lines
    assert not any(line.startswith("RUN = ") for line in lines)


def test_many_classes_lie_beside_the_script():
    lines = [f"CLASSES = {tuple(f'class {n}' for n in range(300))!r}", "SIZE = 64"]
    kept, tables = beside(lines, 4)
    assert kept == ["CLASSES = tuple(RUN['classes'])", "SIZE = 64"]
    assert tables["classes"][299] == "class 299"


def test_a_long_line_is_broken_within_its_brackets_and_not_within_words():
    line = f"    for one in some_name([{', '.join(repr('a, b ' + str(n)) for n in range(30))}]):"
    laid = wrapped(line)
    assert max(map(len, laid)) <= WIDEST
    compile("\n".join(["if True:", *laid, "        pass"]), "x", "exec")
    assert "".join(part.strip() + " " for part in laid).strip() == line.strip()


def test_lines_are_put_closer_only_as_far_as_needed():
    lines = ["import os", "import sys", "", "def one():", "    return 1", "", "if a:", "    b()"]
    assert fitted(lines) == lines
    fill = ["x = 1"] * (MOST_LINES - len(lines))
    assert fitted([*lines, *fill, "x = 1"])[:2] == ["import os, sys", ""]
    closer = fitted([*lines, *fill, *(["x = 1"] * 4)])
    assert len(closer) == MOST_LINES
    assert closer[:4] == ["import os, sys", "def one():", "    return 1", "if a: b()"]


def test_a_block_of_two_lines_keeps_its_lines():
    lines = ["def one():", "    a()", "    return 1", "for a in b:", "    if a:", "        c()"]
    closer = fitted([*lines, *(["x = 1"] * MOST_LINES)])
    assert closer[:5] == ["def one():", "    a()", "    return 1", "for a in b:", "    if a: c()"]

"""Ten architectures at half of their parameters: they run, load in any process, are exported."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from nbfinetune.engine import checkpoint
from nbfinetune.evaluation.trained import checkpoint_path
from nbfinetune.export import export
from nbfinetune.models.build import build
from nbfinetune.models.heads import head_names
from nbfinetune.models.inputs import model_input
from nbfinetune.models.recipe import Recipe
from nbfinetune.models.removing import remove
from nbfinetune.pruning import importance
from nbfinetune.pruning.calibration import recalibrate
from nbfinetune.pruning.plan import Planner, Wishes
from nbfinetune.pruning.structured import recipe_for
from nbfinetune.pruning.tracing import trace
from nbfinetune.records import DataConfig, FineTuneConfig, Folder, ModelConfig

CLASSES = ["daisy", "rose", "tulip", "pansy", "aster"]

# At about the smallest input that goes through, for speed.
QUICK = {"mobilenetv3_small_100": 32, "convnext_atto": 32, "vit_tiny_patch16_224": 32}
TEN = {
    "resnets": {"resnet18": 32, "resnet50": 32, "vgg16": 32},
    "mobile": {"mobilenetv2_100": 32, "mobilenetv3_large_100": 32, "efficientnet_b0": 32},
    "wide": {"convnext_atto": 32, "inception_v3": 75},
    "transformers": {"vit_tiny_patch16_224": 32, "swin_tiny_patch4_window7_224": 64},
}

# First where nbfinetune can't be imported, by the exported lines; then as a run is opened.
FRESH = """
import json, os, pathlib, sys
import torch
from safetensors.torch import load_file
torch.set_num_threads(1)
torch.set_grad_enabled(False)
folders = sorted(pathlib.Path().absolute().iterdir())
known = {folder.name: load_file(folder / "known.safetensors") for folder in folders}
equal = {}
sys.modules["nbfinetune"] = None
for folder in folders:
    space, one = {}, known[folder.name]
    os.chdir(folder)
    exec("\\n".join(json.loads(pathlib.Path("small.json").read_text())["load"]), space)
    equal[folder.name] = [torch.equal(space["model"](one["images"]), one["logits"])]
del sys.modules["nbfinetune"]
from nbfinetune.evaluation.trained import load_model
for folder in folders:
    one = known[folder.name]
    equal[folder.name].append(torch.equal(load_model(folder, None)(one["images"]), one["logits"]))
    if (folder / "small.onnx").exists():
        import onnxruntime
        session = onnxruntime.InferenceSession(folder / "small.onnx")
        [logits] = session.run(None, {"images": one["images"].numpy()})
        differences = (torch.from_numpy(logits) - one["logits"]).abs().max()
        equal[folder.name].append(bool(differences < 1e-3 * one["logits"].abs().max()))
print(json.dumps(equal))
"""


def network(name: str, size: int) -> nn.Module:
    """As after some training: no scale is one, no bias zero, batch norms know their inputs."""
    torch.manual_seed(0)
    model = build(ModelConfig(name=name, pretrained=False), num_classes=5, image_size=size).module
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 1:
                parameter.add_(torch.rand_like(parameter))
    recalibrate(model, [torch.randn(8, 3, size, size)])
    return model.eval()


def halved(model: nn.Module, size: int) -> tuple[nn.Module, Recipe]:
    structure = trace(model, head_names(model), size)
    scores = importance.comparable(importance.magnitude(model, structure))
    removed = Planner(structure, scores, Wishes()).removed(0.5, "parameters")
    recipe = recipe_for(model, structure.groups, scores, removed)
    small = copy.deepcopy(model)
    remove(small, recipe)
    left, whole = (sum(p.numel() for p in m.parameters()) for m in (small, model))
    assert structure.parameters(np.zeros_like(removed)) == whole
    assert structure.parameters(removed) == left
    assert left / whole == pytest.approx(0.5, abs=0.02)
    return small, recipe


def silenced(model: nn.Module, recipe: Recipe) -> nn.Module:
    """The whole network with everything set to zero that the recipe takes out."""
    model = copy.deepcopy(model)
    parameters = dict(model.named_parameters())
    with torch.no_grad():
        for lost in recipe.layers:
            for kind in ("weight", "bias"):
                parameter = parameters.get(f"{lost.layer}.{kind}")
                if lost.dim is None and parameter is not None:
                    parameter[list(lost.out)] = 0
                    if parameter.ndim > 1:
                        parameter[:, list(lost.into)] = 0
    return model


def save(folder: Path, model: nn.Module, recipe: Recipe, config: ModelConfig, size: int) -> None:
    """The file that a run writes when an epoch was its best."""
    seen = model_input(config.name)
    facts = {
        "classes": CLASSES,
        "num_classes": len(CLASSES),
        "image_size": size,
        "mean": list(seen.mean),
        "std": list(seen.std),
        "interpolation": seen.interpolation,
        "crop_pct": seen.crop_pct,
        "model": msgspec.to_builtins(config),
        "recipes": msgspec.to_builtins([recipe]),
    }
    tensors = checkpoint.under("model", model.state_dict())
    path = checkpoint_path(folder, "best")
    path.parent.mkdir(parents=True)
    checkpoint.write(path, checkpoint.Checkpoint(tensors, facts))


def shrunk_and_shipped(name: str, size: int, folder: Path, suffixes: tuple[str, ...]) -> None:
    model = network(name, size)
    small, recipe = halved(model, size)
    images = torch.randn(2, 3, size, size)
    with torch.no_grad():
        logits, expected = small(images), silenced(model, recipe)(images)
    spread = float(expected.std(0).max())
    assert spread > 0
    assert torch.allclose(logits, expected, rtol=1e-3, atol=1e-3 * spread)
    config = ModelConfig(name=name, pretrained=False)
    save(folder, small, recipe, config, size)
    run = FineTuneConfig(data=DataConfig(source=Folder(path="photos")), model=config)
    for suffix in suffixes:
        # There are no validation images to compare on: what comes out is compared here.
        export(folder, run, folder / f"small{suffix}", check=False)
    save_file({"images": images, "logits": logits}, folder / "known.safetensors")


def answers_of_a_fresh_process(folder: Path) -> dict[str, list[bool]]:
    ran = subprocess.run(
        [sys.executable, "-c", FRESH], cwd=folder, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout.splitlines()[-1])


@pytest.fixture
def one_thread():
    """Sums are taken in the same order here and in the fresh process."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.slow
def test_what_is_left_computes_as_before_and_is_the_same_in_a_fresh_process(tmp_path, one_thread):
    for name, size in QUICK.items():
        shrunk_and_shipped(name, size, tmp_path / name, (".safetensors",))
    assert answers_of_a_fresh_process(tmp_path) == {name: [True, True] for name in QUICK}


@pytest.mark.slow
@pytest.mark.parametrize("some", TEN.values(), ids=TEN)
def test_ten_architectures_shrink_to_half_and_are_the_same_in_a_fresh_process_and_as_onnx(
    some, tmp_path, one_thread
):
    for name, size in some.items():
        shrunk_and_shipped(name, size, tmp_path / name, (".safetensors", ".onnx"))
    assert answers_of_a_fresh_process(tmp_path) == {name: [True, True, True] for name in some}

"""An ONNX file gives what the model gives, and says itself how to use it."""

from __future__ import annotations

import json
import subprocess
import sys

import msgspec
import numpy as np
import pytest
import torch
from left_checkpoints import leave_checkpoint
from torch import nn

from nbfinetune.errors import ConfigError, ModelError, StoreError
from nbfinetune.evaluation.preprocessing import Preprocess
from nbfinetune.evaluation.trained import load_model
from nbfinetune.export import export
from nbfinetune.export import onnx as onnx_export
from nbfinetune.export.onnx_model import OnnxModel
from nbfinetune.models.build import build
from nbfinetune.models.recipe import Lost, Recipe
from nbfinetune.records import DataConfig, FineTuneConfig, Folder, ModelConfig

pytest.importorskip("onnx", reason="the extra `onnx` is not installed")
pytest.importorskip("onnxruntime", reason="the extra `onnx` is not installed")
pytest.importorskip("onnxscript", reason="the extra `onnx` is not installed")

CLASSES = ("daisy", "rose", "tulip")
SIZE = 64
MODEL = ModelConfig(name="test_resnet", pretrained=False)
CONFIG = FineTuneConfig(data=DataConfig(source=Folder(path="photos")), model=MODEL)

# Runs where neither nbfinetune nor torch can be imported.
FRESH = """
import json, sys
sys.modules["nbfinetune"] = sys.modules["torch"] = None
import numpy as np, onnxruntime
session = onnxruntime.InferenceSession("model.onnx", providers=["CPUExecutionProvider"])
told = session.get_modelmeta().custom_metadata_map
seen = json.loads(told["preprocessing"])
pixels = np.load("pixels.npy")
images = (pixels / 255 - seen["mean"]) / seen["std"]
(logits,) = session.run(["logits"], {"images": images.transpose(0, 3, 1, 2).astype(np.float32)})
print(json.dumps([json.loads(told["classes"]), seen, logits.tolist()]))
"""


def make_run(folder, *, recipes=()):
    torch.manual_seed(0)
    built = build(MODEL, num_classes=3, image_size=SIZE, recipes=recipes)
    told = {"mean": (0.4, 0.5, 0.6), "crop_pct": 0.9, "recipes": msgspec.to_builtins(recipes)}
    leave_checkpoint(folder, MODEL, built.module, CLASSES, SIZE, **told)
    return built.module.eval()


def described(module):
    module.classes, module.preprocess = CLASSES, Preprocess(8, (0.5,), (0.5,), "bilinear", 1.0)
    return module.eval()


def test_batches_of_any_length_are_classified_without_torch_as_by_the_run(tmp_path):
    make_run(tmp_path / "run")
    path = export(tmp_path / "run", CONFIG, tmp_path / "deep" / "er" / "model.onnx", check=False)
    assert [file.name for file in path.parent.iterdir()] == ["model.onnx"]
    pixels = np.random.default_rng(0).integers(0, 256, (5, SIZE, SIZE, 3), dtype=np.uint8)
    np.save(path.parent / "pixels.npy", pixels)
    ran = subprocess.run(
        [sys.executable, "-c", FRESH], cwd=path.parent, capture_output=True, text=True, check=True
    )
    classes, seen, logits = json.loads(ran.stdout)
    model = load_model(tmp_path / "run", CONFIG)
    with torch.inference_mode():
        expected = model(model.preprocess.normalised(pixels)).numpy()
    assert classes == list(CLASSES)
    assert seen["mean"] == [0.4, 0.5, 0.6]
    assert seen.keys() == {"image_size", "mean", "std", "interpolation", "crop_pct", "input"}
    assert np.abs(logits - expected).max() < 1e-4 * np.abs(expected).max()
    ours = OnnxModel(path)
    assert (ours.classes, ours.preprocess) == (CLASSES, model.preprocess)
    assert np.abs(ours.logits([pixels[:1], pixels[1:]]) - expected).max() < 1e-4


def test_a_model_without_some_of_its_channels_is_exported_as_it_is(tmp_path):
    block, gone = "layer1.0", (0, 3)
    lost = (
        Lost(f"{block}.conv1", out=gone),
        Lost(f"{block}.bn1", out=gone),
        Lost(f"{block}.conv2", into=gone),
    )
    make_run(tmp_path, recipes=(Recipe(lost),))
    path = export(tmp_path, CONFIG, tmp_path / "model.onnx", check=False)
    images = torch.randn(2, 3, SIZE, SIZE)
    assert onnx_export.largest_difference(load_model(tmp_path, CONFIG), path, images) < 1e-4


class Chance(nn.Module):
    def forward(self, images):
        return torch.rand_like(images).flatten(1)


class Branching(nn.Module):
    def forward(self, images):
        return images.flatten(1) if float(images.sum()) > 0 else -images.flatten(1)


@pytest.mark.parametrize(
    ("module", "sentence"),
    [(Chance(), "other logits"), (Branching(), "Branching can't be written as ONNX")],
)
def test_a_model_that_onnx_can_not_follow_is_refused_without_a_file(tmp_path, module, sentence):
    with pytest.raises(ModelError, match=sentence):
        onnx_export.write(described(module), tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_can_not_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StoreError, match=r"m\.onnx could not be written"):
        onnx_export.write(described(nn.Flatten()), tmp_path / "file" / "m.onnx")


def test_a_file_that_is_not_ours_is_refused(tmp_path):
    (tmp_path / "model.onnx").write_bytes(b"no model")
    with pytest.raises(ModelError, match=r"model\.onnx is no ONNX file of a run"):
        OnnxModel(tmp_path / "model.onnx")


def test_a_missing_package_is_named_with_the_line_that_installs_it(tmp_path, monkeypatch):
    make_run(tmp_path)
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(ConfigError, match=r"onnxscript, not .*pip install 'nbfinetune\[onnx\]'"):
        export(tmp_path, CONFIG, tmp_path / "model.onnx")

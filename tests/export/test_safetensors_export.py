"""Exported weights load where nbfinetune is not: by timm, or by the lines in the JSON."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from left_checkpoints import leave_checkpoint
from safetensors.torch import load_file

from nbfinetune.errors import ConfigError, StoreError
from nbfinetune.export import export
from nbfinetune.models.build import build
from nbfinetune.records import DataConfig, FineTuneConfig, Folder, ModelConfig

CLASSES = ["daisy", "rose", "tulip"]
TESTS = Path(__file__).parents[1]

# Runs without nbfinetune: its import is made to fail.
FRESH = """
import json, pathlib, sys
sys.modules["nbfinetune"] = None
sys.path.insert(0, sys.argv[1])
import torch
torch.set_num_threads(1)
torch.set_grad_enabled(False)
differences = {}
for file in sorted(pathlib.Path().glob("*.json")):
    described = json.loads(file.read_text())
    batch, logits = torch.load(file.with_suffix(".pt"))
    space = {}
    exec("\\n".join(described["load"]), space)
    differences[file.stem] = [float((space["model"](batch) - logits).abs().max())]
    if (file.parent / file.stem).is_dir():
        import timm
        model = timm.create_model(f"local-dir:{file.stem}", pretrained=True).eval()
        seen = timm.data.resolve_model_data_config(model)
        assert list(seen["input_size"]) == described["pretrained_cfg"]["input_size"]
        assert list(seen["mean"]) == described["pretrained_cfg"]["mean"]
        assert seen["crop_pct"] == described["pretrained_cfg"]["crop_pct"]
        assert model.pretrained_cfg["label_names"] == described["label_names"]
        differences[file.stem].append(float((model(batch) - logits).abs().max()))
print(json.dumps(differences))
"""


def make_run(folder: Path, model: ModelConfig, size: int):
    torch.manual_seed(0)
    built = build(model, num_classes=3, image_size=size)
    mean = (0.4, 0.5, 0.6)[: model.in_chans]
    leave_checkpoint(folder, model, built.module, CLASSES, size, mean=mean, crop_pct=0.9)
    return built.module.eval()


def config_of(model: ModelConfig) -> FineTuneConfig:
    return FineTuneConfig(data=DataConfig(source=Folder(path="photos")), model=model)


MODELS = {
    "plain": ("test_resnet", 64, {}),
    "resized": ("test_vit", 96, {"dropout": 0.2}),
    "hidden": ("test_efficientnet", 64, {"head": "mlp", "dropout": 0.3}),
    "torchvision": ("tv_squeezenet1_1", 64, {"head": "mlp"}),
    "auxiliary": ("tv_googlenet", 32, {}),
    "own": ("factories:small_cnn", 16, {}),
    "grey": ("test_resnet", 64, {"in_chans": 1}),
    "cut": ("test_resnet", 64, {"drop_stages": 1, "in_chans": 4}),
    "norm_cut": ("test_convnext", 64, {"drop_stages": 1, "head": "mlp", "dropout": 0.1}),
    "shorter": ("test_vit", 96, {"drop_stages": 2, "pooling": "gem"}),
    "tokens": ("xcit_nano_12_p16_224", 64, {"pooling": "avg"}),
    "wider": ("test_efficientnet", 64, {"pooling": "catavgmax"}),
    "torchvision_cut": ("tv_alexnet", 63, {"drop_stages": 1, "dropout": 0.3, "in_chans": 1}),
    "own_cut": ("factories:small_cnn", 16, {"drop_stages": 1, "pooling": "max", "in_chans": 6}),
}


@pytest.mark.slow
def test_every_kind_of_model_loads_in_a_process_without_nbfinetune(tmp_path):
    out = tmp_path / "out"
    for stem, (name, size, rest) in MODELS.items():
        model = ModelConfig(name=name, pretrained=False, **rest)
        trained = make_run(tmp_path / stem, model, size)
        target = out / f"{stem}.safetensors"
        path = export(tmp_path / stem, config_of(model), target, check=False)
        batch = torch.randn(2, model.in_chans, size, size)
        torch.save((batch, trained(batch).detach()), out / f"{stem}.pt")
        if stem in ("plain", "resized", "grey"):
            (out / stem).mkdir()
            shutil.copy(path, out / stem / "model.safetensors")
            shutil.copy(path.with_suffix(".json"), out / stem / "config.json")
    ran = subprocess.run(
        [sys.executable, "-c", FRESH, str(TESTS)],
        cwd=out,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    differences = json.loads(ran.stdout.splitlines()[-1])
    assert differences.keys() == MODELS.keys()
    assert [len(differences[stem]) for stem in ("plain", "resized", "grey", "cut")] == [2, 2, 2, 1]
    assert max(max(one) for one in differences.values()) < 1e-5


def test_the_json_says_what_the_model_is_and_how_it_sees(tmp_path):
    model = ModelConfig(name="test_resnet", pretrained=False)
    make_run(tmp_path, model, 64)
    target = tmp_path / "deep" / "er" / "flowers.safetensors"
    path = export(tmp_path, config_of(model), target, check=False)
    assert path == tmp_path / "deep" / "er" / "flowers.safetensors"
    described = json.loads(path.with_suffix(".json").read_text())
    assert described["architecture"] == "test_resnet"
    assert described["label_names"] == CLASSES
    cfg = described["pretrained_cfg"]
    assert (cfg["input_size"], cfg["mean"], cfg["crop_pct"]) == ([3, 64, 64], [0.4, 0.5, 0.6], 0.9)
    assert {"hf_hub_id", "license", "tag"}.isdisjoint(cfg)
    assert set(load_file(path)) == set(
        build(model, num_classes=3, image_size=64).module.state_dict()
    )
    assert sorted(p.name for p in path.parent.iterdir()) == ["flowers.json", "flowers.safetensors"]


@pytest.mark.parametrize("name", ["model.pkl", "model.pth", "model"])
def test_an_unknown_suffix_is_answered_with_what_there_is(tmp_path, name):
    model = ModelConfig(name="test_resnet", pretrained=False)
    with pytest.raises(ConfigError, match=rf"{name}.*\.safetensors \(weights"):
        export(tmp_path, config_of(model), tmp_path / name)


def test_a_folder_that_can_not_be_written_is_named(tmp_path):
    model = ModelConfig(name="test_resnet", pretrained=False)
    make_run(tmp_path / "run", model, 64)
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StoreError, match=r"m\.safetensors could not be written"):
        export(tmp_path / "run", config_of(model), tmp_path / "file" / "m.safetensors")


def test_the_formats_are_listed_without_torch():
    code = "import sys, nbfinetune.export; print('torch' in sys.modules, 'timm' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["False", "False"]

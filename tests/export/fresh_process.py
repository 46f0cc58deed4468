"""Exported files asked in a process of their own that has no nbfinetune.

``ask(folder, code)`` runs lines there that put logits for `pixels` (uint8, (N, S, S, C)) into
`logits`, and gives how many images get the class that the run's model gives them, as a part.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np

from nbfinetune.evaluation.trained import load_model, logits
from nbfinetune.export.photos import Photos

TESTS = Path(__file__).parents[1]

HEAD = """
import json, sys
for name in BLOCKED:
    sys.modules[name] = None
sys.path.append(TESTS)
import numpy as np
pixels = np.load("pixels.npy")
def normalised(seen):
    scaled = (pixels / 255 - seen["mean"]) / seen["std"]
    return np.ascontiguousarray(scaled.transpose(0, 3, 1, 2).astype(np.float32))
"""
TAIL = """
print(json.dumps([float((logits.argmax(1) == expected.argmax(1)).mean()),
                  float(np.abs(logits - expected).max())]))
"""
ONNX = """
import onnxruntime
session = onnxruntime.InferenceSession(FILE, providers=["CPUExecutionProvider"])
told = session.get_modelmeta().custom_metadata_map
seen = json.loads(told["preprocessing"])
assert json.loads(told["parity"])["passed"] is True
images = pixels if seen["input"] == "pixels" else normalised(seen)
parts = [images[:1], images[1:6], images[6:]]
logits = np.concatenate([session.run(["logits"], {"images": part})[0] for part in parts])
"""
PT2 = """
import torch
told = {"preprocessing.json": "", "classes.json": "", "parity.json": ""}
module = torch.export.load(FILE, extra_files=told).module()
seen = json.loads(told["preprocessing.json"])
assert json.loads(told["parity.json"])["passed"] is True
images = torch.from_numpy(pixels if seen["input"] == "pixels" else normalised(seen))
with torch.no_grad():
    logits = torch.cat([module(part) for part in (images[:1], images[1:6], images[6:])]).numpy()
"""
SAFETENSORS = """
import torch
described = json.load(open(FILE.replace(".safetensors", ".json")))
assert described["parity"]["passed"] is True
exec("\\n".join(described["load"]))
with torch.no_grad():
    logits = model(torch.from_numpy(normalised(described["pretrained_cfg"]))).numpy()
"""
TIMM = """
import pathlib, shutil, timm, torch
folder, again = pathlib.Path("hub"), pathlib.Path("again")
folder.mkdir(exist_ok=True)
shutil.copy(FILE, folder / "model.safetensors")
shutil.copy(FILE.replace(".safetensors", ".json"), folder / "config.json")
first = timm.create_model("local-dir:hub", pretrained=True)
# What timm.models.push_to_hf_hub uploads, and what a reader of the hub makes of it.
timm.models.save_for_hf(first, str(again), safe_serialization=True)
model = timm.create_model("local-dir:again", pretrained=True).eval()
named = json.loads((folder / "config.json").read_text())
assert model.pretrained_cfg["label_names"] == named["label_names"]
count = named["num_classes"]
laid_over = {"file": FILE, "num_classes": count}
other = timm.create_model(
    named["architecture"], pretrained=True, num_classes=count, pretrained_cfg_overlay=laid_over
)
images = torch.from_numpy(normalised(timm.data.resolve_model_data_config(model)))
with torch.no_grad():
    logits = model(images).numpy()
    assert np.abs(other.eval()(images).numpy() - logits).max() < 1e-4
"""


def lay_out(run, folder: Path) -> None:
    """Put the run's validation images, and what its model says of them, where `ask` looks."""
    module = load_model(run.path, run.config)
    photos = Photos.of(run.path, run.config, module.preprocess)
    pixels = np.concatenate([batch for batch, _ in photos.pixels(photos.validation)])
    np.save(folder / "pixels.npy", pixels)
    np.save(folder / "expected.npy", logits(module, [pixels]))


def ask(folder: Path, file: Path, code: str, blocked=()) -> tuple[float, float]:
    """Part of the images with the same class, and the largest difference of a logit."""
    head = HEAD.replace("BLOCKED", repr(["nbfinetune", *blocked])).replace(
        "TESTS", repr(str(TESTS))
    )
    code = code.replace("FILE", repr(str(file)))
    ran = subprocess.run(
        [sys.executable, "-c", head + code + "expected = np.load('expected.npy')" + TAIL],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    agreement, difference = json.loads(ran.stdout.splitlines()[-1])
    return agreement, difference

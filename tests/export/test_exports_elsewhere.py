"""What a run exports says elsewhere, without nbfinetune, what the run's model says."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from fresh_process import ONNX, PT2, SAFETENSORS, TIMM, ask, lay_out

import nbfinetune as nf
from nbfinetune.errors import ConfigError, ExportMismatch, StoreError
from nbfinetune.export import export, parity_of, stranger

FORMS = {
    "plain.onnx": (ONNX, ("torch", "timm")),
    "pixels.onnx": (ONNX, ("torch", "timm")),
    "plain.pt2": (PT2, ("timm", "torchvision")),
    "pixels.pt2": (PT2, ("timm", "torchvision")),
    "plain.safetensors": (SAFETENSORS, ()),
}


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """A run on the digits, over."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NBFINETUNE_HOME", str(tmp_path_factory.mktemp("runs")))
        patch.setenv("NBFINETUNE_CACHE", str(tmp_path_factory.mktemp("cache")))
        run = nf.fine_tune(
            "digits",
            model="test_resnet",
            pretrained=False,
            epochs=2,
            lr=5e-3,
            image_size=32,
            device="cpu",
            threads=1,
            loader_threads=1,
        )
        return run.wait(progress=False)


@pytest.fixture(scope="module")
def laid_out(digits, tmp_path_factory):
    folder = tmp_path_factory.mktemp("elsewhere")
    lay_out(digits, folder)
    return folder


def needs(name):
    if name.endswith(".onnx"):
        pytest.importorskip("onnxruntime", reason="the extra `onnx` is not installed")
        pytest.importorskip("onnxscript", reason="the extra `onnx` is not installed")


@pytest.mark.parametrize(
    "name", ["plain.onnx", *(pytest.param(n, marks=pytest.mark.slow) for n in list(FORMS)[1:])]
)
def test_an_export_agrees_in_a_process_without_nbfinetune(digits, laid_out, name):
    needs(name)
    read = "pixels" if name.startswith("pixels") else "normalised"
    path = export(digits.path, digits.config, laid_out / name, input=read)
    code, blocked = FORMS[name]
    agreement, difference = ask(laid_out, path, code, blocked)
    assert agreement >= 0.999
    assert difference < 1e-3
    assert path.parity == parity_of(path)
    assert path.parity.images == len(np.load(laid_out / "pixels.npy"))
    assert path.parity.agreement == agreement
    assert path.parity.passed


@pytest.mark.slow
def test_weights_are_taken_by_timm_and_by_its_upload_to_the_hub(digits, laid_out):
    path = export(digits.path, digits.config, laid_out / "hub.safetensors", check=False)
    assert parity_of(path) is path.parity is None
    agreement, difference = ask(laid_out, path, TIMM)
    assert agreement == 1
    assert difference < 1e-4


def test_a_file_that_says_something_else_is_kept_marked_and_not_called_done(
    digits, tmp_path, monkeypatch
):
    lying = tmp_path / "lying.py"
    told = '    np.save(asked["logits"], -np.concatenate(said))'
    source = Path(stranger.__file__).read_text(encoding="utf-8")
    lying.write_text(source.replace('    np.save(asked["logits"], np.concatenate(said))', told))
    monkeypatch.setattr(stranger, "__file__", str(lying))
    path = tmp_path / "model.safetensors"
    with pytest.raises(ExportMismatch, match=r"model\.safetensors gives the same class .* 99\.9%"):
        export(digits.path, digits.config, path)
    assert path.exists()
    assert not parity_of(path).passed
    assert json.loads(path.with_suffix(".json").read_text())["parity"]["passed"] is False


def test_a_file_that_can_not_be_loaded_elsewhere_is_marked_too(digits, tmp_path, monkeypatch):
    broken = tmp_path / "broken.py"
    broken.write_text("raise ModuleNotFoundError('no such thing here')")
    monkeypatch.setattr(stranger, "__file__", str(broken))
    with pytest.raises(ExportMismatch, match="no such thing here"):
        export(digits.path, digits.config, tmp_path / "model.pt2")
    assert not parity_of(tmp_path / "model.pt2").passed
    with pytest.raises(ExportMismatch):
        export(digits.path, digits.config, tmp_path / "model.pt2")


def test_an_export_without_its_images_is_written_and_said_to_be_unchecked(digits, tmp_path):
    moved = tmp_path / "moved"
    shutil.copytree(digits.path / "checkpoints", moved / "checkpoints")
    with pytest.warns(UserWarning, match=r"m\.safetensors was written, but not compared.*index"):
        path = export(moved, digits.config, tmp_path / "m.safetensors")
    assert path.exists()
    assert path.parity is parity_of(path) is None


@pytest.mark.parametrize(
    ("name", "read", "sentence"),
    [
        ("m.onnx", "bytes", "'bytes'.*'normalised'.*'pixels'"),
        ("m.safetensors", "pixels", "leave input out, or export to .onnx"),
    ],
)
def test_an_input_that_can_not_be_is_refused(digits, tmp_path, name, read, sentence):
    with pytest.raises(ConfigError, match=sentence):
        export(digits.path, digits.config, tmp_path / name, input=read)
    assert list(tmp_path.glob("m.*")) == []


@pytest.mark.parametrize(("name", "tracing"), [("m.onnx", "onnx"), ("m.pt2", "export")])
def test_a_folder_that_can_not_be_had_is_told_before_the_model_is_traced(
    digits, tmp_path, monkeypatch, name, tracing
):
    needs(name)
    monkeypatch.setattr(getattr(torch, tracing), "export", None)
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StoreError, match=rf"{name} could not be written .*choose another folder"):
        export(digits.path, digits.config, tmp_path / "file" / name)


@pytest.fixture(scope="module")
def flowers(shared_data, tmp_path_factory):
    """A run on the photos of flowers, over, and a folder with what it says of those to validate."""
    weights = str(shared_data("weights/mobilenetv2_100.in1k_dropin.safetensors"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NBFINETUNE_HOME", str(tmp_path_factory.mktemp("runs")))
        patch.setenv("NBFINETUNE_CACHE", str(tmp_path_factory.mktemp("cache")))
        run = nf.fine_tune(
            shared_data("tf_flowers.zip"),
            model="mobilenetv2_100",
            checkpoint=weights,
            freeze="backbone",
            epochs=1,
            image_size=96,
            device="cpu",
        ).wait(progress=False)
    folder = tmp_path_factory.mktemp("flowers")
    lay_out(run, folder)
    return run, folder


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMS)
def test_an_export_agrees_on_the_validation_photos_of_the_flowers(flowers, name):
    needs(name)
    run, folder = flowers
    read = "pixels" if name.startswith("pixels") else "normalised"
    path = export(run.path, run.config, folder / name, input=read)
    code, blocked = FORMS[name]
    agreement, _ = ask(folder, path, code, blocked)
    print(name, path.parity)
    assert agreement >= 0.999
    assert path.parity.passed
    assert path.parity.images > 700

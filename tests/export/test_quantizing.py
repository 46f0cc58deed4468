"""A quantized model says nearly what the model says, and is measured beside it."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from left_checkpoints import leave_checkpoint
from noisy_photos import noisy_photos

from nbfinetune.data.index import build_index
from nbfinetune.errors import ConfigError
from nbfinetune.evaluation.inference import evaluate
from nbfinetune.evaluation.preprocessing import Preprocess
from nbfinetune.export.photos import Photos
from nbfinetune.export.quantizing import quantize
from nbfinetune.models.build import build
from nbfinetune.models.weights import read_facts
from nbfinetune.records import DataConfig, FineTuneConfig, Folder, ModelConfig, RunnerConfig

CLASSES = ("daisy", "rose", "tulip")
SIZE = 64
COLUMNS = ["accuracy", "macro_f1", "parameters", "macs", "size_mb", "latency_ms", "latency_ms_32"]


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return noisy_photos(tmp_path_factory.mktemp("photos"), CLASSES, [(70, 80)] * 10)


def config_of(photos, name):
    return FineTuneConfig(
        data=DataConfig(source=Folder(path=str(photos)), val_split=0.4),
        model=ModelConfig(name=name, pretrained=False),
        runner=RunnerConfig(threads=1),
    )


def make_run(folder, photos, name):
    """What the engine leaves behind."""
    config = config_of(photos, name)
    torch.manual_seed(0)
    module = build(config.model, num_classes=3, image_size=SIZE).module
    leave_checkpoint(folder, config.model, module, CLASSES, SIZE)
    build_index(config.data, 0, folder, print)
    return config


@pytest.mark.parametrize(
    ("name", "asked", "method"),
    [
        ("test_resnet", "auto", "static"),
        ("test_vit", "auto", "dynamic"),
        pytest.param("test_vit", "static", "static", marks=pytest.mark.slow),
        pytest.param("test_convnext", "static", "static", marks=pytest.mark.slow),
    ],
)
def test_it_says_nearly_what_the_model_says(tmp_path, photos, name, asked, method):
    pytest.importorskip("onnxruntime", reason="the extra `onnx` is not installed")
    pytest.importorskip("onnxscript", reason="the extra `onnx` is not installed")
    config = make_run(tmp_path, photos, name)
    quantized = quantize(tmp_path, config, method=asked, images=12)
    assert quantized.method == method
    before, beside, after = (quantized.forms[form] for form in ("torch", "onnx", "int8"))
    expected = evaluate(tmp_path, config)
    spread = expected.logits.std()
    assert np.abs(before.evaluation.logits - expected.logits).max() < 1e-4
    assert np.abs(beside.evaluation.logits - expected.logits).max() < 1e-3
    off = np.abs(quantized.evaluation.logits - expected.logits).mean()
    assert 0 < off < 0.3 * spread
    assert after.size_bytes == quantized.path.stat().st_size < 0.6 * before.size_bytes
    assert quantized.evaluation.names == expected.names
    assert quantized.path == tmp_path / "model.int8.onnx"
    table = quantized.comparison()
    assert (list(table.index), list(table.columns)) == (["torch", "onnx", "int8"], COLUMNS)
    assert table["parameters"].nunique() == table["macs"].nunique() == 1
    assert (table > 0).drop(columns=["accuracy", "macro_f1"]).all(axis=None)
    loaded = quantized.load_model()
    assert loaded.classes == CLASSES
    image = loaded.preprocess(photos / "rose" / "3.jpg").numpy()
    assert loaded(image).shape == (1, 3)


def test_it_is_calibrated_with_training_images_that_the_seed_chooses(tmp_path, photos):
    config = make_run(tmp_path, photos, "test_resnet")
    preprocess = Preprocess.of(read_facts(tmp_path / "checkpoints" / "best.safetensors"))
    some = Photos.of(tmp_path, config, preprocess).some_for_training(7)
    again = Photos.of(tmp_path, config, preprocess).some_for_training(7)
    other = Photos.of(tmp_path, msgspec.structs.replace(config, seed=5), preprocess)
    index = other.images.index
    assert (len(some), set(some) - set(index.train)) == (7, set())
    assert list(some) == list(again) != list(other.some_for_training(7))
    assert list(other.some_for_training(1000)) == list(index.train)


def test_images_that_can_not_be_read_are_left_out_and_named(tmp_path, photos):
    config = make_run(tmp_path, photos, "test_resnet")
    preprocess = Preprocess.of(read_facts(tmp_path / "checkpoints" / "best.safetensors"))
    seen = Photos.of(tmp_path, config, preprocess)
    lost, *rest = seen.validation
    file = Path(seen.images.index.path(lost))
    kept = file.read_bytes()
    file.write_bytes(b"no image")
    try:
        ids = [ids for _, ids in seen.batches(seen.validation, 1)]
    finally:
        file.write_bytes(kept)
    assert list(np.concatenate(ids)) == rest
    with pytest.warns(UserWarning, match=rf"1 image can't be read.*{file.name}"):
        seen.warn_of_skipped()


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"method": "int4"}, "'int4'.*'static'"),
        ({"images": 0}, "images is 0"),
        ({"images": 2.5}, r"images is 2\.5"),
        ({"path": "model.pt"}, r"model\.pt.*\.onnx file"),
    ],
)
def test_what_can_not_be_is_refused_before_anything_is_read(tmp_path, asked, sentence):
    asked = dict(asked)
    path = tmp_path / asked.pop("path", "model.onnx")
    with pytest.raises(ConfigError, match=sentence):
        quantize(tmp_path / "nowhere", config_of(tmp_path, "test_resnet"), path, **asked)

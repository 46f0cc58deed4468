"""The features of a run's own images, and the wrong labels that they show."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from square_photos import COUNT, squares, trained
from torch import nn

from nbfinetune.errors import ModelError
from nbfinetune.evaluation.batches import BATCH_SIZE
from nbfinetune.evaluation.features import features_of, run_features
from nbfinetune.evaluation.label_errors import find_label_errors
from nbfinetune.evaluation.trained import load_model
from nbfinetune.models.build import build
from nbfinetune.records import ModelConfig

WRONG = (3, 50, 77, 120, 161, 200, 210, 230)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run on squares, some of which lie in the folder of the other colour."""
    photos, folder = tmp_path_factory.mktemp("squares"), tmp_path_factory.mktemp("run")
    squares(photos, WRONG)
    return folder, trained("factories:small_cnn", folder, photos)


def test_wrong_labels_of_training_and_validation_images_come_first(run):
    folder, config = run
    frame = find_label_errors(folder, config)
    assert len(frame) == COUNT
    first = frame.head(len(WRONG))
    assert {int(name.rpartition("/")[2][:-4]) for name in first["name"]} == set(WRONG)
    assert (first["label"] != first["suggested"]).all()
    assert first["likely"].mean() > 0.6
    index = run_features(folder, config).images.index
    assert [index.name(number) for number in frame.index] == list(frame["name"])


def test_an_image_that_has_gone_is_left_out_and_named(run):
    folder, config = run
    index = run_features(folder, config).images.index
    path = Path(index.path(5))
    kept = path.read_bytes()
    path.unlink()
    try:
        with pytest.warns(UserWarning, match=path.name):
            found = run_features(folder, config)
    finally:
        path.write_bytes(kept)
    assert len(found.features) == COUNT - 1
    assert found.ids.tolist() == [number for number in range(COUNT) if number != 5]


def test_it_is_told_between_batches_and_between_fits_how_far_the_work_is(run):
    told = []
    find_label_errors(*run, on_batch=lambda done, of: told.append((done, of)))
    batches = [(min(first + BATCH_SIZE, COUNT), COUNT) for first in range(0, COUNT, BATCH_SIZE)]
    assert told[: len(batches)] == batches
    assert len(told) > len(batches)
    assert set(told[len(batches) :]) == {(COUNT, COUNT)}


@pytest.mark.parametrize("last", [BATCH_SIZE, COUNT])
def test_who_is_told_can_end_the_work_and_no_thread_is_left(run, last):
    def on_batch(done, of):
        if done >= last:
            raise KeyboardInterrupt(f"{done} of {of}")

    with pytest.raises(KeyboardInterrupt, match=f"{last} of {COUNT}"):
        find_label_errors(*run, on_batch=on_batch)
    assert not [one for one in threading.enumerate() if one.name.startswith("nbft-load")]


@pytest.mark.parametrize(
    ("name", "width"), [("factories:small_cnn", 16), ("tv_squeezenet1_1", 512), ("test_vit", 64)]
)
def test_features_are_what_arrives_at_the_head(run, name, width):
    folder, config = run
    model = load_model(folder, config)
    preprocess = model.preprocess
    torch.manual_seed(0)
    module = build(ModelConfig(name=name, pretrained=False), num_classes=2, image_size=64).module
    module.preprocess, module.classes = preprocess, ("green", "red")
    pixels = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), dtype=np.uint8)
    features = features_of(module, [pixels[:2], pixels[2:]])
    assert features.shape == (3, width)
    assert features.dtype == np.float32
    if isinstance(module, nn.Sequential):
        logits = module[-1](torch.from_numpy(features))
        assert torch.allclose(logits, module.eval()(preprocess.normalised(pixels)), atol=1e-5)
    assert not any(layer._forward_pre_hooks for layer in module.modules())


def test_a_head_that_is_used_twice_for_an_image_is_refused_in_words(run):
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.head = nn.Linear(3, 2)

        def forward(self, images):
            return self.head(images.mean((2, 3))) + self.head(images.amax((2, 3)))

    folder, config = run
    module = Twice()
    module.preprocess, module.classes = load_model(folder, config).preprocess, ("green", "red")
    with pytest.raises(ModelError, match="4 features arrive at 'head' for 2 images"):
        features_of(module, [np.zeros((2, 64, 64, 3), np.uint8)])

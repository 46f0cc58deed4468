"""What a step does not do: wait for the device, copy a batch, or remember frozen layers."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace

import pytest
import torch
from factories import small_cnn
from timm.utils.model_ema import ModelEmaV3
from torch.utils._python_dispatch import TorchDispatchMode

from nbfinetune.engine.device import Placement
from nbfinetune.engine.losses import make_loss
from nbfinetune.engine.optimizers import make_optimizer, set_lr
from nbfinetune.engine.stepper import Stepper
from nbfinetune.engine.world import World
from nbfinetune.models.groups import layer_groups, parameter_groups, set_trainable, train_mode
from nbfinetune.records import Folder
from nbfinetune.runner.settings import configure

SYNCHRONISING = ("aten::_local_scalar_dense", "aten::nonzero", "aten::equal", "aten::is_nonzero")
COPYING = ("aten::copy_", "aten::clone", "aten::_to_copy", "aten::cat", "aten::stack")
IMAGES = 16


class Operations(TorchDispatchMode):
    """Counts what torch is asked for, and of it the copies of something as large as a piece."""

    def __init__(self, piece: int) -> None:
        super().__init__()
        self.asked: Counter[str] = Counter()
        self.large_copies: list[str] = []
        self._size = piece * 3 * 16 * 16

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        name = func._schema.name
        self.asked[name] += 1
        if name in COPYING and result.numel() >= self._size:
            self.large_copies.append(name)
        return result


def stepper_of(precision="fp32", frozen="none", micro_batch=IMAGES, **settings):
    config = configure(Folder(path="photos"), {"model": "factories:small_cnn", **settings})
    torch.manual_seed(0)
    placement = Placement(torch.device("cpu"), precision, channels_last=True)
    model = small_cnn(4).to(memory_format=placement.memory_format)
    groups = layer_groups(model, ("8",))
    set_trainable(model, groups, frozen)
    train_mode(model)
    parts = SimpleNamespace(
        model=model,
        loss=make_loss(config.training, [1] * 4, placement.device),
        placement=placement,
        world=World(),
    )
    optimizer = make_optimizer(
        config.optimizer, parameter_groups(model, groups, config.model, 0.01), "cpu"
    )
    set_lr(optimizer, 1e-3)
    return Stepper(
        parts,
        optimizer,
        clip_norm=config.optimizer.clip_norm,
        l1=config.optimizer.l1,
        micro_batch=micro_batch,
        on_reduced=lambda *_: None,
    )


def batch():
    pixels = torch.randn(IMAGES, 3, 16, 16).contiguous(memory_format=torch.channels_last)
    return pixels, torch.arange(IMAGES) % 4


@pytest.mark.parametrize(
    ("precision", "settings"),
    [
        ("fp32", {"optimizer": "adamw"}),
        ("fp32", {"optimizer": "sgd", "momentum": 0.9, "clip_norm": 1.0, "l1": 1e-4}),
        ("bf16", {"optimizer": "adamw", "label_smoothing": 0.1}),
        ("fp16", {"optimizer": "adamw"}),
    ],
)
def test_a_step_never_waits_for_a_number(precision, settings):
    stepper = stepper_of(precision, micro_batch=4, **settings)
    images, labels = batch()
    stepper.step(images, labels)
    with Operations(4) as operations:
        loss = stepper.step(images, labels)
    assert operations.asked["aten::convolution"] == 2 * 4
    assert not [name for name in SYNCHRONISING if operations.asked[name]]
    assert loss.shape == ()


def test_the_moving_average_never_waits_for_a_number():
    model = small_cnn(4)
    average = ModelEmaV3(model, decay=0.99, use_warmup=True)
    with Operations(1) as operations:
        average.update(model, step=3)
    assert operations.asked
    assert not [name for name in SYNCHRONISING if operations.asked[name]]


def test_the_count_sees_a_number_that_is_waited_for():
    with Operations(1) as operations:
        float(torch.ones(()))
    assert operations.asked["aten::_local_scalar_dense"] == 1


@pytest.mark.parametrize("micro_batch", [IMAGES, 4, 5])
def test_a_batch_in_pieces_is_not_copied(micro_batch):
    stepper = stepper_of(micro_batch=micro_batch)
    images, labels = batch()
    with Operations(1) as operations:
        stepper.step(images, labels)
    assert operations.asked["aten::convolution"] == 2 * -(-IMAGES // micro_batch)
    assert not operations.large_copies


def test_the_count_sees_a_batch_that_is_copied():
    images, labels = batch()
    with Operations(IMAGES) as operations:
        stepper_of("bf16").step(images, labels)  # autocast makes a batch of half floats
    assert operations.large_copies == ["aten::_to_copy"]


def test_pieces_add_up_to_the_gradient_of_the_batch():
    images, labels = batch()
    gradients = []
    for micro_batch in (IMAGES, 5):
        stepper = stepper_of(micro_batch=micro_batch)
        stepper.model.eval()  # batch norms and dropout see pieces, and nothing else does
        stepper._gradients(images, labels)
        gradients.append([p.grad for p in stepper.model.parameters()])
    for whole, pieces in zip(*gradients, strict=True):
        torch.testing.assert_close(whole, pieces)


@pytest.mark.parametrize(("frozen", "remembered"), [("none", True), ("backbone", False)])
def test_no_graph_is_built_for_frozen_layers(frozen, remembered):
    stepper = stepper_of(frozen=frozen)
    images, labels = batch()
    kept = []

    def keep(tensor):
        kept.append(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        stepper.step(images, labels)
    assert any(tensor.ndim == 4 for tensor in kept) == remembered
    assert kept

"""Architectures of every kind get a head, learn a step and judge images: whatever is trained."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from nbfinetune.engine.optimizers import make_optimizer, set_lr
from nbfinetune.models.build import build
from nbfinetune.models.freezing import frozen_at_start
from nbfinetune.models.groups import (
    layer_groups,
    parameter_groups,
    set_trainable,
    train_mode,
)
from nbfinetune.records import ModelConfig, OptimizerConfig

# At about the smallest input that goes through, for speed.
SIZES = {
    "resnet18": 32,
    "resnet50": 32,
    "inception_v3": 75,
    "tv_alexnet": 63,
    "tv_squeezenet1_0": 32,
    "mobilenetv2_100": 32,
    "mobilenetv3_small_100": 32,
    "efficientnet_b0": 32,
    "convnext_atto": 32,
    "vit_tiny_patch16_224": 32,
    "swin_tiny_patch4_window7_224": 64,
    "factories:small_cnn": 16,
}
SLOW_SIZES = {
    "vgg16": 32,
    "tv_googlenet": 32,
    "tv_densenet121": 32,
    "tv_inception_v3": 75,
    "tv_swin_t": 64,
    "tv_vit_b_32": 64,
    "deit_tiny_distilled_patch16_224": 32,
    "xcit_nano_12_p16_224": 64,
    "levit_128s": 224,
    "poolformer_s12": 32,
    "factories:no_norm": 16,
}
ALL = [
    *SIZES.items(),
    *(pytest.param(*pair, marks=pytest.mark.slow) for pair in SLOW_SIZES.items()),
]

TRAINED = {
    "everything": {},
    "everything, gently": {"layer_decay": 0.75},
    "the last stage": {"train_stages": 1},
    "half of the layers": {},
    "the head": {"freeze": "backbone"},
}
HEADS = {1: "mlp", 3: "linear", 4: "linear"}
CLASSES = 5


@pytest.mark.parametrize("in_chans", HEADS)
@pytest.mark.parametrize(("name", "size"), ALL)
def test_an_architecture_learns_a_step_and_judges_images_whatever_is_trained(name, size, in_chans):
    torch.manual_seed(0)
    config = ModelConfig(name=name, pretrained=False, in_chans=in_chans, head=HEADS[in_chans])
    built = build(config, num_classes=CLASSES, image_size=size)
    groups = layer_groups(built.module, built.head_names)
    assert_complete(built.module, groups)
    images, labels = torch.randn(2, in_chans, size, size), torch.tensor([1, 4])
    for label, choice in TRAINED.items():
        config = ModelConfig(name=name, **choice)
        frozen = frozen_at_start(built.module, built.head_names, config)
        frozen = len(groups) // 2 if label == "half of the layers" else frozen
        set_trainable(built.module, groups, frozen)
        before = {name: weight.detach().clone() for name, weight in built.module.named_parameters()}
        learn(built.module, groups, config, images, labels)
        assert_learned(before, built.module, groups, frozen)
        with torch.no_grad():
            logits = built.module.eval()(images)
        assert logits.shape == (2, CLASSES)
        assert logits.isfinite().all()


def assert_complete(module, groups):
    grouped = [name for group in groups for name in group.parameter_names]
    assert sorted(grouped) == sorted(name for name, _ in module.named_parameters())
    assert len({group.name for group in groups}) == len(groups) >= 2
    assert groups[-1].name == "head"


def learn(module, groups, config, images, labels):
    """One optimizer step, as the engine takes it."""
    train_mode(module)
    module.zero_grad()
    trained = parameter_groups(module, groups, config, 0.01)
    optimizer = make_optimizer(OptimizerConfig(), trained, "cpu", lr=1e-4)
    set_lr(optimizer, 1e-4)
    nn.functional.cross_entropy(module(images), labels).backward()
    optimizer.step()


def assert_learned(before, module, groups, frozen):
    first = {"none": 0, "backbone": len(groups) - 1}.get(frozen, frozen)
    learning = {name for group in groups[first:] for name in group.parameter_names}
    changed = {n for n, w in module.named_parameters() if not torch.equal(w, before[n])}
    assert changed <= learning
    assert changed & set(groups[-1].parameter_names)
    assert changed & set(groups[first].parameter_names)

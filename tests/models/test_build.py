"""A model is built with a head of its own; what can't be built says why."""

from __future__ import annotations

import pytest
import timm
import torch
from torch import nn

from nbfinetune.errors import ConfigError, ModelError, ModelTooLarge, WeightsUnavailable
from nbfinetune.models.build import build
from nbfinetune.models.groups import layer_groups, set_trainable, train_mode
from nbfinetune.models.heads import head_names, is_under
from nbfinetune.models.memory import available_bytes
from nbfinetune.records import ModelConfig


def random(name: str, **rest) -> ModelConfig:
    return ModelConfig(name=name, pretrained=False, **rest)


def assert_complete(module, groups):
    grouped = [name for group in groups for name in group.parameter_names]
    assert sorted(grouped) == sorted(name for name, _ in module.named_parameters())
    assert len({group.name for group in groups}) == len(groups) >= 2


def test_a_network_of_a_hundred_million_parameters_is_grouped_from_first_to_last_layer():
    with torch.device("meta"):
        vgg = timm.create_model("vgg16", num_classes=5)
    groups = layer_groups(vgg, head_names(vgg))
    assert_complete(vgg, groups)
    assert [groups[0].name, groups[-2].name] == ["features.0", "pre_logits"]


def test_a_frozen_batch_norm_keeps_its_statistics_and_frozen_dropout_is_off():
    built = build(random("mobilenetv2_100"), num_classes=5, image_size=32)
    set_trainable(built.module, layer_groups(built.module, built.head_names), "backbone")
    train_mode(built.module)
    before = {name: b.clone() for name, b in built.module.named_buffers()}
    built.module(torch.randn(4, 3, 32, 32))
    assert all(torch.equal(b, before[name]) for name, b in built.module.named_buffers())
    assert built.module.training
    assert built.module.classifier.training


@pytest.mark.parametrize(
    ("name", "layer"),
    [("resnet18", nn.Linear), ("tv_squeezenet1_0", nn.Conv2d)],
)
def test_a_classifier_is_replaced_by_one_of_its_kind(name, layer):
    linear = build(random(name), num_classes=7, image_size=32)
    hidden = build(random(name, head="mlp", dropout=0.25), num_classes=7, image_size=32)
    assert isinstance(linear.module.get_submodule(linear.head_names[0]), layer)
    mlp = hidden.module.get_submodule(hidden.head_names[0])
    assert [type(part) for part in mlp] == [layer, nn.GELU, nn.Dropout, layer]
    assert mlp[2].p == 0.25


@pytest.mark.parametrize("name", ["resnet18", "tv_resnet18", "tv_alexnet", "factories:wide_cnn"])
def test_dropout_stands_before_the_last_layer(name):
    size = 63 if name == "tv_alexnet" else 32
    built = build(random(name, dropout=0.9), num_classes=3, image_size=size)
    seen = []
    last = built.module.get_submodule(built.head_names[0])
    last = last[-1] if isinstance(last, nn.Sequential) else last
    last.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    # Dropout multiplies what it keeps by ten; nothing else does that in training alone.
    torch.manual_seed(0)
    built.module.train()(torch.rand(8, 3, size, size) + 1)
    assert (seen[0] == 0).float().mean() > 0.7


def test_a_distilled_model_has_two_classifiers_and_both_are_the_head():
    built = build(random("deit_tiny_distilled_patch16_224"), num_classes=3, image_size=32)
    assert built.head_names == ("head", "head_dist")
    head = layer_groups(built.module, built.head_names)[-1]
    assert all(is_under(name, built.head_names) for name in head.parameter_names)


def test_building_twice_from_one_seed_gives_the_same_weights_whatever_is_free():
    weights = []
    for _ in range(2):
        torch.manual_seed(3)
        built = build(random("test_resnet"), num_classes=3, image_size=32)
        weights.append(dict(built.module.named_parameters()))
    torch.manual_seed(3)
    plain = timm.create_model("test_resnet", num_classes=3)
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    backbone = [pair for pair in plain.named_parameters() if not pair[0].startswith("fc.")]
    assert all(torch.equal(weights[0][name], parameter) for name, parameter in backbone)


def test_freezing_every_group_is_refused_and_the_groups_are_named():
    built = build(random("test_resnet"), num_classes=3, image_size=32)
    groups = layer_groups(built.module, built.head_names)
    with pytest.raises(ConfigError, match=rf"freeze={len(groups)} .*{groups[0].name}.*head"):
        set_trainable(built.module, groups, len(groups))
    set_trainable(built.module, groups, len(groups) - 1)


def test_an_image_size_that_does_not_go_through_is_refused_before_training():
    with pytest.raises(ModelError, match=r"vgg11 can't take images of 8×8 .* to 32 or 224$"):
        build(random("vgg11"), num_classes=3, image_size=8)


def test_a_transformer_of_odd_size_is_told_the_sizes_that_go():
    with pytest.raises(ModelError, match=r"patch size!\); set image_size to 96 or 128 or 224$"):
        build(random("tv_vit_b_32"), num_classes=3, image_size=100)


def test_a_network_that_computes_with_tensors_how_it_is_built_can_be_built():
    assert build(random("tv_regnet_y_400mf"), num_classes=3, image_size=32).head_names == ("fc",)


def test_a_feature_encoder_is_refused_as_a_classifier():
    with pytest.raises(ModelError, match="can't be trained as a classifier"):
        build(random("qwen3_vit_88m_enc"), num_classes=3, image_size=768)


def test_a_model_too_large_is_refused_with_both_figures_before_it_takes_memory():
    needed = 16 * 5_066_902_976
    if available_bytes(torch.device("cpu")) > needed:
        pytest.skip("this machine has room for the largest model")
    with pytest.raises(ModelTooLarge, match=r"needs 81\.\d GB .* GB are free"):
        build(random("vit_5b_patch16_sapiens2"), num_classes=3, image_size=768)


@pytest.mark.parametrize(
    ("name", "error", "rehearsals"),
    [
        ("test_resnet", WeightsUnavailable, 0),
        ("test_resnet", ValueError, 1),
        ("vgg16", WeightsUnavailable, 1),
        ("vgg16", ValueError, 1),
    ],
)
def test_a_model_is_rehearsed_once_and_for_no_error_that_says_all(
    monkeypatch, name, error, rehearsals
):
    def broken(*_):
        raise error("no such thing")

    rehearsed = []
    monkeypatch.setattr("nbfinetune.models.build.rehearse", lambda *asked: rehearsed.append(asked))
    monkeypatch.setattr("nbfinetune.models.from_timm.create_pretrained", broken)
    with pytest.raises(error, match="no such thing"):
        build(ModelConfig(name=name), num_classes=3, image_size=224)
    assert len(rehearsed) == rehearsals


FACTORIES = """
import torch
from torch import nn

def no_module(num_classes):
    return "a string"

def fails(num_classes):
    raise KeyError("weights of last year")

def wrong_width(num_classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * 16 * 16, num_classes + 1))

def for_28_px(num_classes, in_chans):
    return nn.Sequential(nn.Flatten(), nn.Linear(in_chans * 28 * 28, num_classes))

def ten_classes():
    body = [nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*body, nn.Linear(4, 10))

class Net(nn.Module):
    def __init__(self, num_classes: int, *, width: int = 6) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()), requires_grad=False)
        self.conv = nn.Conv2d(3, width, 3)
        self.out = nn.Linear(width, num_classes)

    def forward(self, images):
        return self.out(self.conv(images).mean((2, 3)) * self.scale)
"""


@pytest.fixture
def own_nets(tmp_path, monkeypatch):
    (tmp_path / "own_nets.py").write_text(FACTORIES)
    monkeypatch.syspath_prepend(tmp_path)
    yield
    import sys

    sys.modules.pop("own_nets", None)


@pytest.mark.parametrize(
    ("function", "sentence"),
    [
        ("no_module", "gave a str, not a torch.nn.Module"),
        ("fails", "KeyError: 'weights of last year'"),
        ("wrong_width", r"gives \(2, 6\) .* \(2, 5\) is needed"),
        ("for_28_px", "can't take images of 16×16 pixels"),
    ],
)
def test_what_is_wrong_with_an_own_factory_is_quoted(own_nets, function, sentence):
    with pytest.raises(ModelError, match=sentence):
        build(random(f"own_nets:{function}"), num_classes=5, image_size=16)


def test_a_factory_that_takes_no_num_classes_gets_a_new_last_layer(own_nets):
    built = build(random("own_nets:ten_classes"), num_classes=5, image_size=16)
    assert built.head_names == ("3",)
    assert built.module(torch.zeros(1, 3, 16, 16)).shape == (1, 5)


def test_the_head_that_a_factory_gives_is_left_as_it_is(own_nets):
    import own_nets as module

    torch.manual_seed(4)
    theirs = module.Net(5)
    torch.manual_seed(4)
    built = build(ModelConfig(name="own_nets:Net"), num_classes=5, image_size=16)
    assert torch.equal(built.module.out.weight, theirs.out.weight)


def test_a_class_is_a_factory_too_and_says_that_its_weights_are_its_own(own_nets):
    built = build(ModelConfig(name="own_nets:Net"), num_classes=5, image_size=16)
    assert built.weights_from == "as own_nets:Net gives them"
    assert built.head_names == ("out",)


def test_what_a_model_itself_holds_fixed_stays_fixed(own_nets):
    built = build(random("own_nets:Net"), num_classes=5, image_size=16)
    groups = layer_groups(built.module, built.head_names)
    set_trainable(built.module, groups, "none")
    assert not built.module.scale.requires_grad
    assert all("scale" not in group.parameter_names for group in groups)

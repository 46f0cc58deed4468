"""Layer groups and the learning rates that follow from them."""

from __future__ import annotations

import pytest
import timm
import torch
from timm.optim import param_groups_layer_decay

from nbfinetune.models.build import build
from nbfinetune.models.groups import layer_groups, parameter_groups, set_trainable
from nbfinetune.records import ModelConfig

DECAY = 0.05


def built(name: str, size: int = 32):
    made = build(ModelConfig(name=name, pretrained=False), num_classes=5, image_size=size)
    return made.module, layer_groups(made.module, made.head_names)


def test_a_residual_network_is_grouped_by_blocks_from_stem_to_head():
    _, groups = built("resnet18")
    assert [group.name for group in groups] == [
        "conv1",
        *(f"layer{stage}.{block}" for stage in range(1, 5) for block in range(2)),
        "head",
    ]
    assert groups[0].parameter_names == ("conv1.weight", "bn1.weight", "bn1.bias")


def test_a_torchvision_network_is_grouped_by_the_blocks_it_is_written_in():
    _, groups = built("tv_resnet18")
    assert [group.name for group in groups] == [
        "conv1",
        *(f"layer{stage}.{block}" for stage in range(1, 5) for block in range(2)),
        "head",
    ]


@pytest.mark.parametrize("head", ["linear", "mlp"])
def test_the_groups_of_the_backbone_do_not_depend_on_the_head(head):
    plain = timm.create_model("test_resnet", num_classes=5)
    made = build(
        ModelConfig(name="test_resnet", pretrained=False, head=head), num_classes=5, image_size=32
    )
    ours = layer_groups(made.module, made.head_names)[:-1]
    assert ours == layer_groups(plain, ("fc",))[:-1]


@pytest.mark.parametrize(
    ("name", "size"), [("resnet18", 32), ("vit_tiny_patch16_224", 32), ("test_convnext", 32)]
)
def test_layer_decay_and_weight_decay_are_those_of_timm(name, size):
    module, groups = built(name, size)
    ours = parameter_groups(module, groups, ModelConfig(layer_decay=0.7), DECAY)
    theirs = param_groups_layer_decay(
        module,
        DECAY,
        layer_decay=0.7,
        no_weight_decay_list=getattr(module, "no_weight_decay", set)(),
    )
    names = {id(p): n for n, p in module.named_parameters()}
    expected = {
        names[id(p)]: (group["lr_scale"], group["weight_decay"])
        for group in theirs
        for p in group["params"]
    }
    got = {
        name: (group["lr_factor"], group["weight_decay"])
        for group in ours
        for name in group["names"]
    }
    assert got.keys() == expected.keys()
    # timm counts the norm before the classifier as head; here it is pretrained backbone.
    differing = {n for n in got if got[n] != pytest.approx(expected[n])}
    assert differing <= {n for n in got if n.startswith(("head.norm", "norm."))}


def test_without_layer_decay_there_are_two_rates_and_norms_and_biases_do_not_decay():
    module, groups = built("resnet18")
    made = parameter_groups(module, groups, ModelConfig(backbone_lr=0.1), DECAY)
    assert [(g["name"], g["lr_factor"], g["weight_decay"]) for g in made] == [
        ("backbone", 0.1, DECAY),
        ("backbone (no decay)", 0.1, 0.0),
        ("head", 1.0, DECAY),
        ("head (no decay)", 1.0, 0.0),
    ]
    for group in made:
        parameters = dict(module.named_parameters())
        assert all(parameters[n] is p for n, p in zip(group["names"], group["params"], strict=True))
        assert all((p.ndim > 1) == (group["weight_decay"] > 0) for p in group["params"])


def test_only_what_is_trained_is_given_to_the_optimizer():
    module, groups = built("resnet18")
    set_trainable(module, groups, "backbone")
    made = parameter_groups(module, groups, ModelConfig(), DECAY)
    assert [g["names"] for g in made] == [["fc.weight"], ["fc.bias"]]
    assert torch.optim.SGD(made, lr=0.1).param_groups[0]["lr_factor"] == 1.0
    set_trainable(module, groups, 3)
    names = {n for g in parameter_groups(module, groups, ModelConfig(), DECAY) for n in g["names"]}
    assert names == {n for group in groups[3:] for n in group.parameter_names}


def test_the_order_of_the_groups_does_not_vary():
    orders = []
    for _ in range(2):
        module, groups = built("vit_tiny_patch16_224", 32)
        made = parameter_groups(module, groups, ModelConfig(layer_decay=0.8), DECAY)
        orders.append([(g["name"], g["names"]) for g in made])
    assert orders[0] == orders[1]


def test_position_embeddings_do_not_decay():
    module, groups = built("vit_tiny_patch16_224", 32)
    made = parameter_groups(module, groups, ModelConfig(), DECAY)
    exempt = {n for g in made if g["weight_decay"] == 0 for n in g["names"]}
    assert {"pos_embed", "cls_token"} <= exempt

"""The layer that is looked at is found in every family, without a table of families."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from torch import nn

from nbfinetune.errors import ModelError
from nbfinetune.explain.evidence import chosen, evidence
from nbfinetune.explain.targets import Positions, find_target, positions_in
from nbfinetune.models.build import build
from nbfinetune.models.catalogue import catalogue
from nbfinetune.models.recipe import Lost, Recipe
from nbfinetune.models.removing import remove
from nbfinetune.records import ModelConfig

FAMILIES = 20
SIDE = 64
SIDES = {"LeViT": 224, "EVA": 56}
QUICK_PARAMETERS = 6_000_000

CAMS = ("grad_cam", "hires_cam", "eigen_cam")


def smallest_of_each_family():
    """The smallest model of each of the families with most models; those that are large, slow."""
    rows = catalogue()
    for family, _ in Counter(row.family for row in rows).most_common(FAMILIES):
        named = [row for row in rows if row.family == family]
        row = min(named, key=lambda row: row.parameters)
        marks = [pytest.mark.slow] if row.parameters > QUICK_PARAMETERS else []
        yield pytest.param(
            row.architecture,
            SIDES.get(family, SIDE),
            marks=marks,
            id=f"{family}-{row.architecture}",
        )


def built(name, side, **model):
    torch.manual_seed(0)
    config = ModelConfig(name=name, pretrained=False, **model)
    module = build(config, num_classes=3, image_size=side).module.eval()
    for parameter in module.parameters():  # a fresh head gives the same logits for everything
        if parameter.ndim == 2 and len(parameter) == 3:
            nn.init.normal_(parameter, std=0.1)
    return module


def noise(side, images=2):
    return torch.randn(images, 3, side, side, generator=torch.Generator().manual_seed(1))


def assert_a_map(found, images=2):
    height, width = found.maps.shape[1:]
    assert len(found.maps) == images
    assert min(height, width) > 1
    assert found.maps.isfinite().all()
    for one in found.maps:
        assert one.min() == 0
        assert one.max() == 1


@pytest.mark.parametrize(("name", "side"), [*smallest_of_each_family()])
def test_the_target_is_found_in_the_largest_families(name, side):
    module = built(name, side)
    target = find_target(module, noise(side, 1))
    for method in (*CAMS, "auto"):
        assert_a_map(evidence(module, noise(side), target, chosen(method, target), None))


@pytest.mark.parametrize(
    ("name", "layer", "form"),
    [
        ("resnet10t", "layer4", "NCHW"),
        ("mobilenetv3_small_050", "blocks", "NCHW"),
        ("test_convnext", "stages", "NCHW"),
        ("test_vit", "blocks.5.norm1", "NLC"),
        ("tv_squeezenet1_1", "classifier.2", "NCHW"),
        ("factories:small_cnn", "4", "NCHW"),
    ],
)
def test_the_target_is_what_one_would_name(name, layer, form):
    target = find_target(built(name, SIDE), noise(SIDE, 1))
    assert (target.layer, target.positions.form) == (layer, form)


@pytest.mark.parametrize(
    ("name", "wishes"),
    [
        ("resnet10t", {"drop_stages": 1}),
        ("resnet10t", {"head": "mlp", "pooling": "gem"}),
        ("test_vit", {"drop_stages": 2}),
        ("test_vit", {"pooling": "avg"}),
        ("mobilenetv3_small_050", {"drop_stages": 2, "pooling": "catavgmax"}),
    ],
)
def test_the_target_is_found_in_edited_models(name, wishes):
    module = built(name, SIDE, **wishes)
    target = find_target(module, noise(SIDE, 1))
    for method in (*CAMS, "auto"):
        assert_a_map(evidence(module, noise(SIDE), target, chosen(method, target), None))


@pytest.mark.parametrize(
    ("name", "recipe", "layer"),
    [
        ("test_vit", Recipe((), blocks=("blocks.5",)), "blocks.4.norm1"),
        (
            "factories:small_cnn",
            Recipe((Lost("3", out=(1, 2, 15)), Lost("8", into=(1, 2, 15)))),
            "4",
        ),
    ],
)
def test_the_target_is_found_in_pruned_models(name, recipe, layer):
    module = built(name, SIDE)
    remove(module, recipe)
    target = find_target(module, noise(SIDE, 1))
    assert target.layer == layer
    assert_a_map(evidence(module, noise(SIDE), target, "grad_cam", None))


def test_a_dropped_stage_moves_the_target():
    whole, cut = (built("resnet10t", SIDE, drop_stages=count) for count in (0, 1))
    targets = [find_target(module, noise(SIDE, 1)) for module in (whole, cut)]
    sides = [
        evidence(module, noise(SIDE), target, "grad_cam", 0).maps.shape[1]
        for module, target in zip((whole, cut), targets, strict=True)
    ]
    assert sides == [2, 4]


def test_a_token_of_its_own_is_read_by_attention_and_pooled_tokens_by_their_gradients():
    of_token = find_target(built("test_vit", SIDE), noise(SIDE, 1))
    assert of_token.attends
    assert of_token.readers == (0,)
    assert chosen("auto", of_token) == "gradient_attention"
    pooled = find_target(built("test_vit", SIDE, pooling="avg"), noise(SIDE, 1))
    assert pooled.attends
    assert pooled.readers == ()
    assert chosen("auto", pooled) == "grad_cam"


@pytest.mark.parametrize("pooling", ["own", "avg"])
@pytest.mark.parametrize("method", ["gradient_attention", "attention_rollout"])
def test_attention_is_looked_at_and_fused_again_afterwards(method, pooling):
    module = built("test_vit", SIDE, pooling=pooling)
    before = module(noise(SIDE))
    target = find_target(module, noise(SIDE, 1))
    found = evidence(module, noise(SIDE), target, method, 1)
    assert_a_map(found)
    assert found.maps.shape[1:] == (4, 4)
    assert found.columns.tolist() == [1, 1]
    assert all(block.attn.fused_attn for block in module.blocks)
    assert torch.equal(module(noise(SIDE)), before)
    assert all(not layer._forward_hooks for layer in module.modules())


def test_images_are_explained_alike_alone_and_together():
    module = built("resnet10t", SIDE)
    images = noise(SIDE, 3)
    target = find_target(module, images[:1])
    together = evidence(module, images, target, "grad_cam", None)
    alone = [evidence(module, image[None], target, "grad_cam", None) for image in images]
    torch.testing.assert_close(
        together.maps, torch.cat([one.maps for one in alone]), atol=1e-4, rtol=1e-3
    )
    assert all(parameter.grad is None for parameter in module.parameters())


def test_attention_of_a_convolutional_model_is_refused_in_words():
    target = find_target(built("resnet10t", SIDE), noise(SIDE, 1))
    with pytest.raises(ModelError, match=r"'attention_rollout'.*grad_cam"):
        chosen("attention_rollout", target)


def test_a_frozen_model_is_explained_too():
    module = built("resnet10t", SIDE).requires_grad_(False)
    target = find_target(module, noise(SIDE, 1))
    assert_a_map(evidence(module, noise(SIDE), target, "grad_cam", None))


def test_a_model_without_positions_is_refused_in_words():
    perceptron = nn.Sequential(nn.Flatten(), nn.Linear(48, 8), nn.ReLU(), nn.Linear(8, 3))
    with pytest.raises(ModelError, match=r"Sequential has no layer whose output has positions"):
        find_target(perceptron, noise(4, 1))


def test_a_model_that_stops_the_gradient_is_refused_in_words():
    class Stopping(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.head = nn.Conv2d(3, 4, 3), nn.Linear(4, 3)

        def forward(self, images):
            return self.head(self.first(images).detach().mean((2, 3)))

    with pytest.raises(ModelError, match=r"no gradient .*'first'"):
        find_target(Stopping(), noise(8, 1))


@pytest.mark.parametrize(
    ("shape", "prefix", "expected"),
    [
        ((1, 512, 7, 7), 0, Positions("NCHW")),
        ((1, 7, 7, 512), 0, Positions("NHWC")),
        ((1, 512, 1, 1), 0, None),
        ((1, 196, 192), 0, Positions("NLC", 0)),
        ((1, 197, 192), 1, Positions("NLC", 1)),
        ((1, 198, 192), 2, Positions("NLC", 2)),
        ((1, 197, 192), 0, Positions("NLC", 1)),
        ((1, 9, 64), 5, Positions("NLC", 5)),
        ((1, 1, 64), 0, None),
        ((1, 512), 0, None),
    ],
)
def test_positions_are_told_by_the_shape(shape, prefix, expected):
    assert positions_in(torch.Size(shape), prefix) == expected


def test_tokens_before_the_positions_stay_out_of_the_grid():
    tokens = torch.arange(5.0)[None, :, None].expand(1, 5, 2)
    assert Positions("NLC", 1).grid(tokens)[0, 1].tolist() == [[1, 2], [3, 4]]
    channels_last = torch.arange(8.0).reshape(1, 2, 2, 2)
    assert Positions("NHWC").grid(channels_last)[0, 1].tolist() == [[1, 3], [5, 7]]

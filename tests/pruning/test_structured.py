"""Channels and heads go for good: what is left computes what the whole did without them."""

from __future__ import annotations

import copy

import msgspec
import numpy as np
import pytest
import timm
import torch
from torch import nn

from nbfinetune.errors import ConfigError, ModelError
from nbfinetune.models.heads import head_names
from nbfinetune.models.recipe import Recipe
from nbfinetune.models.removing import remove
from nbfinetune.pruning import importance
from nbfinetune.pruning.plan import Planner, Wishes
from nbfinetune.pruning.structured import recipe_for
from nbfinetune.pruning.tracing import trace

SMALL = [
    ("resnet18", 32),
    ("mobilenetv2_100", 32),
    ("mobilenetv3_small_100", 32),
    ("convnext_atto", 32),
    ("inception_v3", 96),
    ("vit_tiny_patch16_224", 224),
]
LARGE = [
    ("resnet50", 32),
    ("vgg16", 32),
    ("efficientnet_b0", 32),
    ("swin_tiny_patch4_window7_224", 224),
]
MODELS = [*SMALL, *(pytest.param(*one, marks=pytest.mark.slow) for one in LARGE)]


def network(name: str) -> nn.Module:
    torch.manual_seed(0)
    return timm.create_model(name, num_classes=5).eval()


def halved(model: nn.Module, px: int, target: str = "parameters", **wishes):
    structure = trace(model, head_names(model), px)
    scores = importance.comparable(importance.magnitude(model, structure))
    removed = Planner(structure, scores, Wishes(**wishes)).removed(0.5, target)
    return structure, removed, recipe_for(model, structure.groups, scores, removed)


def silenced(model: nn.Module, recipe: Recipe) -> nn.Module:
    """The whole network with everything set to zero that the recipe takes out."""
    model = copy.deepcopy(model)
    parameters = dict(model.named_parameters())
    with torch.no_grad():
        for lost in recipe.layers:
            if lost.dim is not None:
                continue
            for kind in ("weight", "bias"):
                parameter = parameters.get(f"{lost.layer}.{kind}")
                if parameter is not None:
                    parameter[list(lost.out)] = 0
                    if parameter.ndim > 1:
                        parameter[:, list(lost.into)] = 0
    return model


@pytest.mark.parametrize(("name", "px"), MODELS)
def test_half_of_the_parameters_goes_and_the_rest_computes_as_before(name, px):
    model = network(name)
    structure, removed, recipe = halved(model, px)
    small = copy.deepcopy(model)
    remove(small, msgspec.json.decode(msgspec.json.encode(recipe), type=Recipe))

    whole = sum(p.numel() for p in model.parameters())
    left = sum(p.numel() for p in small.parameters())
    assert structure.parameters(np.zeros_like(removed)) == whole
    assert structure.parameters(removed) == left
    assert left / whole == pytest.approx(0.5, abs=0.02)
    images = torch.randn(2, 3, px, px)
    with torch.inference_mode():
        logits, expected = small(images), silenced(model, recipe)(images)
    assert torch.allclose(logits, expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))
    again = trace(small, head_names(small), px)
    zero = np.zeros(len(again.groups), np.int64)
    assert again.macs(zero) == pytest.approx(structure.macs(removed), rel=1e-9)


@pytest.mark.parametrize("amount", [0.1, 0.3, 0.5, 0.7, 0.85])
@pytest.mark.parametrize("target", ["parameters", "macs"])
def test_an_amount_is_met_within_two_percent(amount, target):
    model = network("mobilenetv2_100")
    structure = trace(model, head_names(model), 32)
    scores = importance.comparable(importance.magnitude(model, structure, power=1))
    removed = Planner(structure, scores, Wishes()).removed(amount, target)
    part = structure.cost(target, removed) / structure.cost(target)
    assert 1 - part == pytest.approx(amount, abs=0.02)


def test_widths_are_multiples_of_eight_and_no_layer_vanishes():
    structure, removed, _ = halved(network("resnet18"), 32, "macs")
    left = structure.units - removed
    assert (left[removed > 0] % 8 == 0).all()
    assert (left >= np.ceil(0.1 * structure.units)).all()


def test_a_protected_layer_keeps_its_channels_and_a_pushed_one_loses_more():
    model = network("resnet18")
    structure, plain, _ = halved(model, 32)
    names = [group.name for group in structure.groups]
    place = int(np.argmax(plain))
    _, protected, _ = halved(model, 32, protected={names[place]})
    assert protected[place] == 0
    other = int(np.argmin(plain))
    _, pushed, _ = halved(model, 32, pushed={names[other]: 0.01})
    assert pushed[other] > plain[other]


def test_more_than_can_go_is_refused_with_what_can():
    model = network("vit_tiny_patch16_224")
    structure = trace(model, head_names(model), 224)
    scores = importance.random(structure, seed=0)
    with pytest.raises(
        ConfigError, match=r"amount is 0\.95, but at most 0\.\d\d of the parameters"
    ):
        Planner(structure, scores, Wishes()).removed(0.95, "parameters")


def test_a_network_is_pruned_twice():
    model = network("resnet18")
    _, _, first = halved(model, 32)
    remove(model, first)
    _, _, second = halved(model, 32)
    remove(model, second)
    again = network("resnet18")
    remove(again, first)
    remove(again, second)
    again.load_state_dict(model.state_dict())
    images = torch.randn(2, 3, 32, 32)
    assert torch.equal(again.eval()(images), model.eval()(images))


def test_a_recipe_for_another_architecture_is_refused():
    _, _, recipe = halved(network("resnet18"), 32)
    with pytest.raises(ModelError, match="another architecture"):
        remove(network("mobilenetv2_100"), recipe)


class Hidden(nn.Module):
    """A network with a shortcut that no gradient follows."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 8, 1), nn.Conv2d(8, 8, 1)
        self.head = nn.Linear(8, 2)

    def forward(self, images):
        features = self.first(images)
        return self.head((self.second(features) + features.detach()).mean((2, 3)))


class Branching(nn.Module):
    """A network that computes with numpy in the middle."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.head = nn.Conv2d(3, 8, 3), nn.Linear(8, 2)

    def forward(self, images):
        features = self.first(images).detach().numpy()
        return self.head(torch.from_numpy(features).mean((2, 3)))


def test_what_cannot_be_traced_is_refused_with_a_way_out():
    hidden, branching = Hidden(), Branching()
    with pytest.raises(ModelError, match=r"channels of second, first can't be .*unstructured"):
        trace(hidden, ("head",), 32)
    with pytest.raises(ModelError, match=r"has no channels that could be removed.*unstructured"):
        trace(branching, ("head",), 32)


def test_important_channels_stay():
    model = nn.Sequential(
        nn.Conv2d(3, 16, 3), nn.BatchNorm2d(16), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(16, 2),
    )  # fmt: skip
    with torch.no_grad():
        model[0].weight[:8] *= 0.01
        model[5].weight[:, :8] *= 0.01
    structure = trace(model, ("5",), 16)
    scores = importance.magnitude(model, structure)
    removed = Planner(structure, scores, Wishes()).removed(0.45, "parameters")
    recipe = recipe_for(model, structure.groups, scores, removed)
    assert next(lost.out for lost in recipe.layers if lost.layer == "0") == tuple(range(8))

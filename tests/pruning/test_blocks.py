"""Whole blocks are left out: those that the loss misses least, never more than was asked for."""

from __future__ import annotations

import copy

import msgspec
import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F

from nbfinetune.errors import ModelError
from nbfinetune.export.loading import loading_code
from nbfinetune.models.build import build
from nbfinetune.models.heads import head_names
from nbfinetune.models.names import parse_name
from nbfinetune.models.recipe import Recipe
from nbfinetune.models.removing import remove
from nbfinetune.pruning import importance
from nbfinetune.pruning.blocks import blocks, depth_recipe
from nbfinetune.pruning.plan import Planner, Wishes
from nbfinetune.pruning.structured import recipe_for
from nbfinetune.pruning.tracing import trace
from nbfinetune.records import ModelConfig


class Block(nn.Module):
    """A convolution beside a shortcut; `mask` is what some parents hand on to their blocks."""

    def __init__(self, width: int, strength: float) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width)
        nn.init.constant_(self.norm.weight, strength)

    def forward(self, features, mask):
        return features + mask * self.norm(self.conv(features)).relu()


class Net(nn.Module):
    """Blocks of other strengths, one of which is passed twice."""

    STRENGTHS = (1.0, 0.01, 2.0, 0.001, 0.5)

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, width, 3)
        self.blocks = nn.ModuleList(Block(width, strength) for strength in self.STRENGTHS)
        self.twice, self.head = Block(width, 0.0), nn.Linear(width, 4)

    def forward(self, images):
        features = self.stem(images)
        for block in self.blocks:
            features = block(features, mask=1.0)
        for _ in range(2):
            features = self.twice(features, 1.0)
        return self.head(features.mean((2, 3)))


@pytest.fixture
def net():
    torch.manual_seed(0)
    return Net()


def some_batches(model: nn.Module, size: int = 16):
    """Images with the labels that the whole model gives, so that all it does counts."""
    images = torch.randn(32, 3, size, size)
    with torch.no_grad():
        return [(images, copy.deepcopy(model).train()(images).argmax(1))]


def shorter(model: nn.Module, amount: float, target: str = "macs", **wishes) -> Recipe | None:
    return depth_recipe(model, some_batches(model), F.cross_entropy, amount, target, 16, **wishes)


def count(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize(
    ("name", "size", "found"),
    [
        ("resnet18", 32, ["layer1.0", "layer1.1", "layer2.1", "layer3.1", "layer4.1"]),
        ("test_vit", 160, [f"blocks.{place}" for place in range(6)]),
    ],
)
def test_blocks_are_what_has_a_shortcut_around_it_and_stages_are_not(name, size, found):
    model = timm.create_model(name, num_classes=5)
    assert [block.name for block in blocks(model, size)] == found
    assert model.training


def test_the_blocks_that_add_least_go_first(net):
    assert shorter(net, 0.35).blocks == ("blocks.1", "blocks.3")
    assert shorter(net, 0.2).blocks == ("blocks.3",)


@pytest.mark.parametrize("target", ["macs", "parameters"])
@pytest.mark.parametrize("amount", [0.1, 0.3, 0.5, 0.7, 0.95])
def test_never_more_goes_than_was_asked_for(net, amount, target):
    whole = trace(net, ("head",), 16)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    recipe = shorter(net, amount, target)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert net.training
    assert net.blocks[0].norm.track_running_stats
    if recipe is None:
        assert amount == 0.1
        return
    small = copy.deepcopy(net)
    remove(small, recipe)
    left = trace(small, ("head",), 16).cost(target) / whole.cost(target)
    assert 1 - left <= amount
    one = (1 - left) / len(recipe.blocks)
    assert 1 - left + one > amount or len(recipe.blocks) == len(net.blocks)


def test_a_protected_layer_keeps_its_block(net):
    assert shorter(net, 0.2, protect=("blocks.3.conv",)).blocks == ("blocks.1",)
    assert shorter(net, 0.9, protect=("blocks",)) is None


def test_a_network_without_shortcuts_loses_no_block():
    plain = nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(768, 4))
    assert shorter(plain, 0.5) is None


def test_a_block_that_the_network_has_not_is_refused(net):
    with pytest.raises(ModelError, match=r"names 'blocks\.9'.*another architecture"):
        remove(net, Recipe(layers=(), blocks=("blocks.9",)))


def narrower(model: nn.Module, size: int) -> Recipe:
    structure = trace(model, head_names(model), size)
    scores = importance.random(structure, seed=0)
    removed = Planner(structure, scores, Wishes()).removed(0.3, "parameters")
    return recipe_for(model, structure.groups, scores, removed)


def test_heads_then_blocks_then_channels_load_by_the_exported_lines(tmp_path, monkeypatch):
    config = ModelConfig(name="test_vit", pretrained=False)

    def built(recipes=()):
        return build(config, num_classes=4, image_size=64, recipes=recipes).module.eval()

    small = built()
    sizes, recipes = [count(small)], []
    for step in ("heads", "blocks", "channels"):
        if step == "blocks":
            images = torch.randn(8, 3, 64, 64)
            batches = [(images, torch.arange(8) % 4)]
            recipe = depth_recipe(small, batches, F.cross_entropy, 0.4, "macs", 64)
        else:
            recipe = narrower(small, 64)
        remove(small, recipe)
        recipes.append(msgspec.json.decode(msgspec.json.encode(recipe), type=Recipe))
        sizes.append(count(small))
    assert sizes == sorted(sizes, reverse=True)
    images = torch.randn(2, 3, 64, 64)
    again = built(tuple(recipes))
    again.load_state_dict(small.state_dict())
    assert torch.equal(again(images), small(images))

    monkeypatch.chdir(tmp_path)
    save_file(small.state_dict(), "small.safetensors")
    facts = {"model": msgspec.to_builtins(config), "num_classes": 4, "image_size": 64}
    facts["recipes"] = msgspec.to_builtins(recipes)
    space: dict[str, nn.Module] = {}
    lines = loading_code(small, parse_name("test_vit"), facts, "small.safetensors")
    exec("\n".join(lines), space)
    assert torch.equal(space["model"](images), small(images))

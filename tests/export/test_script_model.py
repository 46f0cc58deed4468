"""The model of a script begins as the model of the run began."""

from __future__ import annotations

import msgspec
import pytest
import torch
from safetensors.torch import save_file
from script_plans import functions, plan
from torch import nn

from nbfinetune.export.script_model import first_model
from nbfinetune.models.build import build
from nbfinetune.models.freezing import freeze
from nbfinetune.models.groups import parameter_groups
from nbfinetune.models.recipe import Lost, Recipe
from nbfinetune.records import DataConfig, FineTuneConfig, Folder, ModelConfig

MODELS = {
    "plain": ("test_resnet", 64, {}),
    "dropped": ("test_vit", 96, {"dropout": 0.2, "layer_decay": 0.5}),
    "hidden": ("test_efficientnet", 64, {"head": "mlp", "dropout": 0.3, "freeze": 2}),
    "torchvision": ("tv_alexnet", 63, {"dropout": 0.3, "backbone_lr": 0.1}),
    "own": ("factories:small_cnn", 16, {"dropout": 0.4}),
    "grey": ("test_resnet", 64, {"in_chans": 1, "freeze": "backbone"}),
    "cut": ("test_resnet", 64, {"drop_stages": 1, "train_stages": 1}),
    "gem": ("test_resnet", 64, {"pooling": "gem", "freeze": "backbone"}),
}


def facts_of(model, size, recipes=()):
    return {
        "num_classes": 3,
        "image_size": size,
        "model": msgspec.to_builtins(model),
        "recipes": msgspec.to_builtins(recipes),
    }


def config_of(model):
    return FineTuneConfig(data=DataConfig(source=Folder(path="x")), model=model, seed=3)


@pytest.mark.parametrize("case", MODELS)
def test_it_has_the_layers_the_frozen_parts_and_the_groups_of_the_run(case):
    name, size, rest = MODELS[case]
    model = ModelConfig(name=name, pretrained=False, **rest)
    built = build(model, num_classes=3, image_size=size)
    first = first_model(built.module, config_of(model), facts_of(model, size))
    space = functions(plan(first=first, model=model))
    made = space["build"]()
    theirs = {name: (p.shape, type(m).__name__) for name, m, p in _parameters(made)}
    fresh = build(model, num_classes=3, image_size=size)
    ours = {name: (p.shape, type(m).__name__) for name, m, p in _parameters(fresh.module)}
    assert theirs == ours
    groups = freeze(fresh.module, fresh.head_names, model)
    trained = {n for n, p in fresh.module.named_parameters() if p.requires_grad}
    optimizer = space["optimizer_of"](made)
    if first.frozen:
        space["train_mode"](made, space["FROZEN"])
    assert {n for n, p in made.named_parameters() if p.requires_grad} == trained
    rates = {
        n: (round(g["lr_factor"], 9), g["weight_decay"])
        for g in parameter_groups(fresh.module, groups, model, 0.01)
        for n in g["names"]
    }
    by_id = {id(p): n for n, p in made.named_parameters()}
    found = {
        by_id[id(p)]: (round(g.get("factor", 1.0), 9), g["weight_decay"])
        for g in optimizer.param_groups
        for p in g["params"]
    }
    assert {n: found[n] for n in trained} == rates
    assert _dropouts(made) == _dropouts(fresh.module)


def test_a_new_classifier_begins_quietly():
    model = ModelConfig(name="test_resnet", pretrained=False)
    module = build(model, num_classes=3, image_size=64).module
    first = first_model(module, config_of(model), facts_of(model, 64))
    made = functions(plan(first=first))["build"]()
    assert made.fc.weight.std() < 0.02
    assert not made.fc.bias.any()


def test_a_checkpoint_and_a_pruned_model_begin_with_a_file(tmp_path):
    plain = ModelConfig(name="test_resnet", pretrained=False)
    source = build(plain, num_classes=3, image_size=64).module
    save_file(source.state_dict(), tmp_path / "old.safetensors")
    block, gone = "layer1.0", (0, 3)
    lost = (
        Lost(f"{block}.conv1", out=gone),
        Lost(f"{block}.bn1", out=gone),
        Lost(f"{block}.conv2", into=gone),
    )
    model = ModelConfig(name="test_resnet", checkpoint=str(tmp_path / "old.safetensors"))
    recipes = (Recipe(lost),)
    trained = build(plain, num_classes=3, image_size=64, recipes=recipes).module
    first = first_model(trained, config_of(model), facts_of(model, 64, recipes))
    (tmp_path / "again.start.safetensors").write_bytes(first.weights)
    space = functions(plan(first=first))
    space["HERE"] = tmp_path
    made = space["build"]()
    assert made.state_dict().keys() == trained.state_dict().keys()
    kept = [n for n in range(len(source.layer1[0].conv1.weight)) if n not in gone]
    assert torch.equal(made.layer1[0].conv1.weight, source.layer1[0].conv1.weight[kept])
    assert torch.equal(made.fc.weight, source.fc.weight)


def _parameters(module):
    for name, parameter in module.named_parameters():
        yield name, module.get_submodule(name.rpartition(".")[0]), parameter


def _dropouts(module):
    return [m.p for m in module.modules() if isinstance(m, nn.Dropout)]

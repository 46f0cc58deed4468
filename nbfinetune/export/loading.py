"""Lines of Python that load an exported model where nbfinetune is not installed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from torch import nn

from nbfinetune.export.pool_code import pool_code
from nbfinetune.models.cutting import last_kept
from nbfinetune.models.first_layer import first_convolution
from nbfinetune.models.heads import Head, head_names, is_under
from nbfinetune.models.names import ModelName
from nbfinetune.models.origins import ORIGINS
from nbfinetune.models.pooling import Cut, GlobalPool, own_pooling
from nbfinetune.models.recipe import Recipe, recipes_in
from nbfinetune.models.rehearsal import sketch
from nbfinetune.models.removing import Skipped
from nbfinetune.models.shape import RGB, Shape
from nbfinetune.records import ModelConfig, decode, encode

__all__ = ["building_code", "loading_code"]

_FEW = 3


def loading_code(
    module: nn.Module, name: ModelName, facts: Mapping[str, Any], filename: str
) -> list[str]:
    """Code that ends with `model` in eval mode.

    Parameters
    ----------
    facts : mapping
        Of the checkpoint.
    filename : str
        The weights, as seen from the working directory.
    """
    return [
        "from safetensors.torch import load_file",
        *building_code(module, name, facts, filename),
        f"model.load_state_dict(load_file({filename!r}))",
        "_ = model.eval()",
    ]


def building_code(
    module: nn.Module,
    name: ModelName,
    facts: Mapping[str, Any],
    filename: str,
    *,
    pretrained: bool = False,
    dropout: float = 0.0,
) -> list[str]:
    """Code that ends with `model`, with weights of chance.

    Parameters
    ----------
    facts, filename
        As for `loading_code`; a file is looked at for the widths of a pruned model alone.
    pretrained : bool
        Have timm begin with its published weights.
    dropout : float in [0, 1)
        Of the classifier, which makes no difference but in training.
    """
    config: ModelConfig = decode(encode(facts["model"]), ModelConfig)
    shape = Shape(facts["num_classes"], facts["image_size"], dropout, config.in_chans)
    given = ORIGINS[name.origin].arguments(name, shape)
    asked = _asked_of_timm(module, name, config, shape) if name.origin == "timm" else []
    layers = {path: _code(layer) for path, layer in _new_layers(module, config, given)}
    return [
        *_needed(module, layers),
        *_built(name, given, pretrained=pretrained),
        *asked,
        *(_put(path, code) for path, code in layers.items()),
        *_narrowed(module, recipes_in(facts), filename),
    ]


def _needed(module: nn.Module, layers: Mapping[str, str]) -> list[str]:
    pools = [layer for layer in module.modules() if isinstance(layer, GlobalPool)]
    if pools:
        return ["import torch", "from torch import nn", *pool_code(pools[0])]
    return ["from torch import nn"] if layers else []


def _narrowed(module: nn.Module, recipes: tuple[Recipe, ...], filename: str) -> Iterator[str]:
    """Lines that give a pruned model its depth, and its layers the widths of their weights."""
    if not recipes:
        return
    skipped = [path for path, layer in module.named_modules() if isinstance(layer, Skipped)]
    if skipped:
        yield "from torch import nn"
        known = repr(skipped) if len(skipped) < _FEW else "skipped"
        yield from [] if len(skipped) < _FEW else [f"skipped = {skipped!r}"]
        yield f"for path in {known}:  # what comes to them passes by"
        yield "    model.set_submodule(path, nn.Identity())"
        yield "    model.get_submodule(path).forward = lambda x, *_, **__: x"
    told = {
        path: values
        for recipe in recipes
        for path, values in recipe.attributes.items()
        if not is_under(path, tuple(skipped))
    }
    for path, layer in module.named_modules():
        if isinstance(layer, nn.Conv2d) and layer.groups > 1:
            told[path] = {**told.get(path, {}), "groups": layer.groups}
    if told:
        yield f"attributes = {told!r}"
        yield "for path, values in attributes.items():"
        yield "    vars(model.get_submodule(path)).update(values)"
    yield f"weights = load_file({filename!r})"
    yield "for name, value in model.state_dict(keep_vars=True).items():"
    # A copy: in the file it may lie at an odd address.
    yield "    value.data = weights[name].clone()  # narrower than it was built"


def _built(name: ModelName, given: Mapping[str, Any], *, pretrained: bool) -> tuple[str, str]:
    keywords = ", ".join(f"{key}={value!r}" for key, value in given.items())
    if name.origin == "factory":
        package, _, function = name.full.partition(":")
        return f"from {package} import {function}", f"model = {function}({keywords})"
    if name.origin == "timm":
        which = f"{name.full!r}, pretrained=True" if pretrained else repr(name.architecture)
        return "import timm", f"model = timm.create_model({which}, {keywords})"
    return "import torchvision", f"model = torchvision.models.{name.architecture}({keywords})"


def _asked_of_timm(
    module: nn.Module, name: ModelName, config: ModelConfig, shape: Shape
) -> list[str]:
    plain = sketch(ModelConfig(name=name.full), shape)
    count, pooling = config.drop_stages, own_pooling(module) or own_pooling(plain)
    cut = f"[{last_kept(plain, count)}], prune_norm=False, prune_head=False"
    lines = [f"model.prune_intermediate_layers({cut})"] if count else []
    if pooling != own_pooling(plain) or count:
        lines.append(f"model.reset_classifier({shape.num_classes}, {pooling!r})")
    return lines


def _new_layers(
    module: nn.Module, config: ModelConfig, given: Mapping[str, Any]
) -> Iterator[tuple[str, nn.Module]]:
    """What stands in the model and not in the architecture as it is built."""
    edited = config.drop_stages or config.pooling != "own" or "num_classes" not in given
    first = first_convolution(module)
    if first is not None and config.in_chans != RGB and "in_chans" not in given:
        yield first
    for path, layer in module.named_modules():
        if isinstance(layer, (Cut, GlobalPool)):
            yield path, layer
    for path in head_names(module):
        layer = module.get_submodule(path)
        if edited or isinstance(layer, Head):
            yield path, layer


def _put(path: str, code: str) -> str:
    if path.isidentifier():
        return f"model.{path} = {code}"
    return f"model.set_submodule({path!r}, {code})"


def _code(layer: nn.Module) -> str:
    if isinstance(layer, Head):
        return f"nn.Sequential({', '.join(_code(inner) for inner in layer)})"
    if isinstance(layer, nn.Linear):
        return f"nn.Linear({layer.in_features}, {layer.out_features}{_bias(layer)})"
    if isinstance(layer, nn.Conv2d):
        sides = f"{layer.kernel_size}, {layer.stride}, {layer.padding!r}, {layer.dilation}"
        return f"nn.Conv2d({layer.in_channels}, {layer.out_channels}, {sides}{_bias(layer)})"
    if isinstance(layer, nn.Dropout):
        return f"nn.Dropout({layer.p})"
    if isinstance(layer, GlobalPool):
        return "GlobalPool()"
    return "nn.Identity()" if isinstance(layer, Cut) else "nn.GELU()"


def _bias(layer: nn.Linear | nn.Conv2d) -> str:
    return "" if layer.bias is not None else ", bias=False"

"""A run's first model as lines of a script, and which of its layers learn how."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors.torch import save_file
from torch import nn

from nbfinetune.export.loading import building_code
from nbfinetune.models.build import IMAGENET, build
from nbfinetune.models.editing import is_edited
from nbfinetune.models.freezing import frozen_at_start
from nbfinetune.models.groups import layer_groups, parameter_groups, set_trainable
from nbfinetune.models.heads import QUIET_STD, head_names
from nbfinetune.models.names import ModelName, parse_name, timm_config
from nbfinetune.models.pooling import GlobalPool
from nbfinetune.models.recipe import recipes_in
from nbfinetune.models.removing import remove
from nbfinetune.records import FineTuneConfig, ModelConfig

__all__ = ["FirstModel", "Group", "cover", "first_model"]


class Group(NamedTuple):
    """Parameters that learn alike.

    Parameters
    ----------
    factor : float
        Multiple of the learning rate.
    decays : bool
        Whether weight decay concerns them.
    names : tuple of str
    """

    factor: float
    decays: bool
    names: tuple[str, ...]


@dataclass(frozen=True)
class FirstModel:
    """The model that a run began with.

    Parameters
    ----------
    lines : tuple of str
        Python that ends with `model`; `START` stands for the path of the file of `weights`.
    weights : bytes, optional
        A safetensors file to begin with, where no published one can be had by name.
    head, frozen : tuple of str
        Modules and parameters: of the head, and without training at first.
    groups : tuple of Group
        Empty where all learn at the same rate.
    exempt : tuple of str
        Patterns of parameters that the architecture frees of weight decay.
    fixed : tuple of str
        Parameters that the architecture itself never trains.
    """

    lines: tuple[str, ...]
    weights: bytes | None
    head: tuple[str, ...]
    frozen: tuple[str, ...]
    groups: tuple[Group, ...]
    exempt: tuple[str, ...] = ()
    fixed: tuple[str, ...] = ()


START = "START"
_FILE = "start.safetensors"


def first_model(module: nn.Module, config: FineTuneConfig, facts: Mapping[str, Any]) -> FirstModel:
    """The model that a run began with, out of the one that it came to.

    Parameters
    ----------
    module : nn.Module
        Of `load_model`; left with what is frozen at first set so.
    facts : mapping
        Of its checkpoint.

    Raises
    ------
    ModelError
        If the weights that the run began with are gone.
    """
    name = parse_name(config.model.name)
    if config.model.checkpoint is not None or recipes_in(facts):
        lines, weights = _out_of_a_file(name, config, facts)
    else:
        lines, weights = _by_name(module, name, config.model, facts), None
    pools = [path for path, m in module.named_modules() if isinstance(m, GlobalPool)]
    trained = [p for p in pools if any(True for _ in module.get_submodule(p).parameters())]
    heads = (*head_names(module), *trained)
    groups = layer_groups(module, heads)
    names = [n for n, _ in module.named_parameters()]
    learning = _groups(parameter_groups(module, groups, config.model, 1.0))
    learns = {n for group in groups for n in group.parameter_names}
    fixed = tuple(name for name in names if name not in learns)
    set_trainable(module, groups, frozen_at_start(module, heads, config.model))
    frozen = [n for n, p in module.named_parameters() if n in learns and not p.requires_grad]
    head = cover(groups[-1].parameter_names, names)
    listed: Any = getattr(module, "no_weight_decay", tuple)
    exempt = tuple(sorted(listed()))
    hidden = cover(frozen, names)
    return FirstModel(tuple(lines), weights, head, hidden, learning, exempt, fixed)


def cover(chosen: Collection[str], everything: Collection[str]) -> tuple[str, ...]:
    """Shortest module names under which lie the chosen parameters and none of the others."""
    rest = set(everything) - set(chosen)
    others = {prefix for name in rest for prefix in _prefixes(name)}
    return tuple(dict.fromkeys(_first_free(name, others) for name in chosen))


def _first_free(name: str, others: Collection[str]) -> str:
    return next((prefix for prefix in _prefixes(name) if prefix not in others), name)


def _prefixes(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts) + 1)]


def _groups(groups: list[dict[str, Any]]) -> tuple[Group, ...]:
    found = tuple(
        Group(round(g["lr_factor"], 10), g["weight_decay"] > 0, tuple(g["names"])) for g in groups
    )
    return found if any(group.factor != 1.0 for group in found) else ()


def _by_name(
    module: nn.Module, name: ModelName, config: ModelConfig, facts: Mapping[str, Any]
) -> list[str]:
    wanted = config.pretrained
    lines = building_code(module, name, facts, _FILE, pretrained=wanted, dropout=config.dropout)
    lines += _dropped(module, name, config)
    if wanted and name.origin == "torchvision":
        lines += _published(name)
    if _is_fresh(name, config, facts["num_classes"]):
        lines += _quietened(module)
    return lines


def _dropped(module: nn.Module, name: ModelName, config: ModelConfig) -> list[str]:
    """Lines that set the dropout of architectures that do not take it when they are built."""
    if name.origin == "timm" or not config.dropout:
        return []
    inner = [p for p, m in module.named_modules() if isinstance(m, nn.Dropout)]
    return [
        f"model.get_submodule({path!r}).p = {config.dropout}"
        for path in inner
        if module.get_submodule(path).p == config.dropout
    ]


def _published(name: ModelName) -> list[str]:
    """Torchvision's weights, as far as they fit."""
    tag = name.tag or "DEFAULT"
    return [
        f"published = torchvision.models.get_model_weights({name.architecture!r})[{tag!r}]",
        "state, own = published.get_state_dict(check_hash=True), model.state_dict()",
        "fits = {k: v for k, v in state.items() if k in own and v.shape == own[k].shape}",
        "model.load_state_dict(fits, strict=False)",
    ]


def _is_fresh(name: ModelName, config: ModelConfig, count: int) -> bool:
    """Whether the classifier is new, rather than the user's own or that of published weights."""
    if is_edited(config):
        return True
    if name.origin == "factory":
        return False
    if not config.pretrained:
        return True
    published = timm_config(name.full)["num_classes"] if name.origin == "timm" else IMAGENET
    return bool(count != published)


def _quietened(module: nn.Module) -> list[str]:
    """Lines that have a fresh classifier begin with nearly equal logits for all classes."""
    found = []
    for head in head_names(module):
        inner = module.get_submodule(head).named_modules(prefix=head)
        found += [[(p, m) for p, m in inner if isinstance(m, (nn.Linear, nn.Conv2d))][-1]]
    layers = [f"model.get_submodule({path!r})" for path, _ in found]
    biased = all(last.bias is not None for _, last in found)
    return [
        f"for layer in [{', '.join(layers)}]:  # nearly equal logits at first",
        f"    nn.init.normal_(layer.weight, std={QUIET_STD})",
        *(["    nn.init.zeros_(layer.bias)"] if biased else []),
    ]


def _out_of_a_file(
    name: ModelName, config: FineTuneConfig, facts: Mapping[str, Any]
) -> tuple[list[str], bytes]:
    recipes = recipes_in(facts)
    with torch.random.fork_rng(devices=[]), tempfile.TemporaryDirectory() as folder:
        torch.manual_seed(config.seed)
        built = build(
            config.model,
            num_classes=facts["num_classes"],
            image_size=facts["image_size"],
            recipes=() if config.model.checkpoint else recipes,
        )
        for recipe in recipes[len(built.recipes) :]:
            remove(built.module, recipe)
        file = Path(folder) / _FILE
        state = built.module.state_dict()
        save_file({key: value.contiguous().clone() for key, value in state.items()}, file)
        weights = file.read_bytes()
    dropout = config.model.dropout
    lines = building_code(built.module, name, facts, _FILE, dropout=dropout)
    lines += _dropped(built.module, name, config.model)
    if not recipes_in(facts):  # else it has them already
        lines.append(f"model.load_state_dict(load_file({_FILE!r}))")
    return [line.replace(repr(_FILE), START) for line in lines], weights

"""A model's layers from input to head: what is frozen, and at which rate the rest learns."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from timm.models import group_parameters
from torch import nn

from nbfinetune.errors import ConfigError
from nbfinetune.models.heads import is_under
from nbfinetune.models.stages import stage_numbers
from nbfinetune.records import ModelConfig

__all__ = [
    "LayerGroup",
    "counted",
    "layer_groups",
    "parameter_groups",
    "set_trainable",
    "stages",
    "train_mode",
]

HEAD = "head"


@dataclass(frozen=True)
class LayerGroup:
    """Layers that are frozen together and share a learning rate.

    Parameters
    ----------
    name : str
        What their parameters' names have in common; the last group is `"head"`.
    parameter_names : tuple of str
        As `named_parameters()` has them, in that order.
    """

    name: str
    parameter_names: tuple[str, ...]


def layer_groups(module: nn.Module, heads: tuple[str, ...]) -> list[LayerGroup]:
    """Every trainable parameter in exactly one group, from the input to the head.

    What the architecture itself holds fixed (`requires_grad` is false) is in no group and stays so.
    timm models are grouped by their own `group_matcher` (a residual or transformer block is a
    group); others by the blocks in which they are written down. Norm layers go with the layers
    before them.

    Parameters
    ----------
    heads : tuple of str
        Modules of the head, see `nbfinetune.models.heads.head_names`.
    """
    dimensions = {n: p.ndim for n, p in module.named_parameters() if p.requires_grad}
    backbone = [
        [name for name in names if name in dimensions and not is_under(name, heads)]
        for names in _blocks(module, heads)
    ]
    merged: list[list[str]] = []
    for names in filter(None, backbone):
        only_norms = all(dimensions[name] <= 1 for name in names)
        if merged and only_norms:
            merged[-1].extend(names)
        else:
            merged.append(names)
    head = tuple(name for name in dimensions if is_under(name, heads))
    # Norms are left out of a name: they stand outside of the block that they go with.
    weights = [[name for name in names if dimensions[name] > 1] or names for names in merged]
    named = [LayerGroup(_shared_name(w), tuple(n)) for w, n in zip(weights, merged, strict=True)]
    return [*named, LayerGroup(HEAD, head)]


def stages(module: nn.Module, heads: tuple[str, ...]) -> list[LayerGroup]:
    """The layer groups of `layer_groups`, put together by resolution; the head comes last.

    A stage is what timm calls one; in a plain transformer, a block. What stands between the last
    stage and the head (a norm, a wider convolution) goes with the last stage.
    """
    *groups, head = layer_groups(module, heads)
    numbers = stage_numbers(module, [group.parameter_names for group in groups])
    members = [
        [group for group, number in zip(groups, numbers, strict=True) if number == stage]
        for stage in dict.fromkeys(numbers)
    ]
    merged = [
        LayerGroup(_span(stage), tuple(n for group in stage for n in group.parameter_names))
        for stage in members
    ]
    return [*merged, head]


def counted(backbone: Sequence[LayerGroup]) -> str:
    """Number of stages and their names, for messages."""
    plural = "" if len(backbone) == 1 else "s"
    return f"{len(backbone)} stage{plural} ({', '.join(stage.name for stage in backbone)})"


def set_trainable(
    module: nn.Module,
    groups: Sequence[LayerGroup],
    freeze: Literal["none", "backbone"] | int,
) -> None:
    """Let the gradient reach what is to be trained, and nothing else.

    Parameters
    ----------
    freeze : {"none", "backbone"} or int
        Nothing, all but the head, or the first n groups.

    Raises
    ------
    ConfigError
        If that would leave nothing to train; the groups are named.
    """
    frozen = _frozen_groups(groups, freeze)
    for place, group in enumerate(groups):
        for name in group.parameter_names:
            module.get_parameter(name).requires_grad_(place >= frozen)


def train_mode(module: nn.Module) -> None:
    """Training mode for what is trained; frozen parts stay in evaluation mode.

    Batch norms under a frozen part keep their statistics, and its dropout is off.
    """
    parameters = list(module.parameters())
    if parameters and not any(p.requires_grad for p in parameters):
        module.eval()
        return
    module.training = True
    for child in module.children():
        train_mode(child)


def parameter_groups(
    module: nn.Module,
    groups: Sequence[LayerGroup],
    config: ModelConfig,
    weight_decay: float,
) -> list[dict[str, Any]]:
    """Parameter groups for a torch optimizer: only what is trained, in an order that never varies.

    Each has `params`, `names` (parallel to it), `name`, `weight_decay` and `lr_factor`: the
    multiple of the schedule's rate. `layer_decay` makes the factor fall with the distance from
    the head (Bao et al., BEiT, arXiv:2106.08254). Norms, biases and what the architecture exempts
    (position embeddings) have no weight decay.
    """
    found: dict[tuple[str | int, bool], dict[str, Any]] = {}
    exempt = _exempt(module)
    parameters = dict(module.named_parameters())
    for place, (group, factor) in enumerate(zip(groups, _lr_factors(groups, config), strict=True)):
        label = group.name if config.layer_decay else _side(group)
        key = place if config.layer_decay else label
        for name in group.parameter_names:
            parameter = parameters[name]
            if not parameter.requires_grad:
                continue
            decays = parameter.ndim > 1 and not name.endswith(".bias") and not exempt(name)
            entry = found.setdefault(
                (key, decays),
                {
                    "params": [],
                    "names": [],
                    "name": label if decays else f"{label} (no decay)",
                    "lr_factor": factor,
                    "weight_decay": weight_decay if decays else 0.0,
                },
            )
            entry["params"].append(parameter)
            entry["names"].append(name)
    return list(found.values())


def _blocks(module: nn.Module, heads: tuple[str, ...]) -> list[list[str]]:
    if hasattr(module, "group_matcher"):
        by_depth = group_parameters(module, _matcher(module, heads))
        return [by_depth[depth] for depth in sorted(by_depth)]
    total = sum(p.numel() for p in module.parameters())
    found: dict[str, list[str]] = {}
    prefixes = [*_block_names(module, "", total)]
    for name, _ in module.named_parameters():
        owner = max((p for p in prefixes if is_under(name, (p,))), key=len, default=prefixes[0])
        found.setdefault(owner, []).append(name)
    # What a model holds outside of its layers (class token, position embedding) is used first.
    return [found[prefix] for prefix in prefixes if prefix in found]


def _matcher(module: nn.Module, heads: tuple[str, ...]) -> Any:
    # Some matchers count on a classifier of one layer, so one stands in for a longer head.
    replaced = {name: module.get_submodule(name) for name in heads}
    for name in heads:
        module.set_submodule(name, nn.Identity())
    try:
        return cast("Any", module).group_matcher(coarse=False)
    finally:
        for name, head in replaced.items():
            module.set_submodule(name, head)


def _block_names(module: nn.Module, prefix: str, total: int) -> Iterator[str]:
    for name, child in module.named_children():
        size = sum(p.numel() for p in child.parameters())
        path = f"{prefix}{name}"
        is_list = isinstance(child, (nn.Sequential, nn.ModuleList))
        if size and (is_list or 2 * size > total) and any(True for _ in child.children()):
            yield from _block_names(child, f"{path}.", total)
        elif size:
            yield path


def _frozen_groups(groups: Sequence[LayerGroup], freeze: str | int) -> int:
    if freeze == "none":
        return 0
    if freeze == "backbone":
        return len(groups) - 1
    count = int(freeze)
    if count >= len(groups):
        names = ", ".join(f"{i} {group.name}" for i, group in enumerate(groups, start=1))
        raise ConfigError(
            f"freeze={count} would freeze everything: the model has {len(groups)} layer groups "
            f"({names}); freeze at most {len(groups) - 1}"
        )
    return count


def _lr_factors(groups: Sequence[LayerGroup], config: ModelConfig) -> list[float]:
    decay = config.layer_decay or 1.0
    last = len(groups) - 1
    return [
        (1.0 if place == last else config.backbone_lr) * decay ** (last - place)
        for place in range(len(groups))
    ]


def _exempt(module: nn.Module) -> Callable[[str], bool]:
    listed: Collection[str] = ()
    if hasattr(module, "no_weight_decay"):
        listed = cast("Any", module).no_weight_decay()
    return lambda name: any(fnmatch.fnmatch(name, pattern) for pattern in listed)


def _side(group: LayerGroup) -> str:
    return HEAD if group.name == HEAD else "backbone"


def _span(groups: Sequence[LayerGroup]) -> str:
    first, last = groups[0].name, groups[-1].name
    return first if first == last else f"{first} to {last}"


def _shared_name(names: Sequence[str]) -> str:
    parts = [name.split(".")[:-1] or [name] for name in names]
    shared = []
    for level in zip(*parts, strict=False):
        if len(set(level)) > 1:
            break
        shared.append(level[0])
    return ".".join(shared) or "+".join(dict.fromkeys(part[0] for part in parts))

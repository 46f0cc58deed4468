"""The last stages of a network cut off, so that its classifier reads earlier features."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from torch import nn

from nbfinetune.errors import ConfigError
from nbfinetune.models.groups import LayerGroup, counted, stages
from nbfinetune.models.heads import is_under
from nbfinetune.models.pooling import Cut, own_pooling
from nbfinetune.models.stages import stage_ends

__all__ = ["cut_stages", "last_kept"]

_POOLS = (nn.MaxPool2d, nn.AvgPool2d)


def cut_stages(module: nn.Module, heads: tuple[str, ...], count: int, name: str) -> None:
    """Cut the last `count` stages off; the classifier has to be fitted to the width afterwards.

    timm's models know how to do that (`prune_intermediate_layers`). In others, an identity takes
    the place of each layer that goes.

    Parameters
    ----------
    name : str
        The model, for messages.

    Raises
    ------
    ConfigError
        If the model has no more stages than that; they are named.
    """
    *backbone, _ = stages(module, heads)
    if count >= len(backbone):
        most = f"drop {len(backbone) - 1} at most" if len(backbone) > 1 else "leave drop_stages out"
        raise ConfigError(f"drop_stages is {count}, but {name} has {counted(backbone)}; {most}")
    if hasattr(module, "prune_intermediate_layers"):
        _prune(module, count, name)
    else:
        _blank(module, heads, backbone[:-count], backbone[-count:])


def last_kept(module: nn.Module, count: int) -> int:
    """Number of the last stage that is kept, as timm's `prune_intermediate_layers` takes it."""
    return len(stage_ends(module)) - 1 - count


def _prune(module: Any, count: int, name: str) -> None:
    classes, pooling = module.num_classes, own_pooling(module)
    try:
        kept = [last_kept(module, count)]
        module.prune_intermediate_layers(kept, prune_norm=False, prune_head=False)
        try:
            module.reset_classifier(classes, pooling)
        except AssertionError:
            # The token that it pooled joins in one of the last blocks (ConViT, VOLO).
            module.reset_classifier(classes, "avg")
    except (AssertionError, TypeError, ValueError) as error:
        raise ConfigError(
            f"drop_stages is {count}, but {name} can't go without its last stages "
            f"({str(error) or type(error).__name__}); leave drop_stages out"
        ) from error


def _blank(
    module: nn.Module, heads: tuple[str, ...], kept: list[LayerGroup], dropped: list[LayerGroup]
) -> None:
    staying = {name for group in kept for name in group.parameter_names}
    going = {name for group in dropped for name in group.parameter_names}
    going -= _final_norm(module, staying, going)
    others = {name for name, _ in module.named_parameters()} - going
    whole = tuple(_whole(module, "", going, others))
    pools = [p for p in _pools_behind(module, staying, heads) if not is_under(p, whole)]
    for path in (*whole, *pools):
        module.set_submodule(path, Cut())


def _whole(
    module: nn.Module, prefix: str, going: Collection[str], others: Collection[str]
) -> Iterator[str]:
    """Largest modules all of whose parameters go."""
    for attribute, child in module.named_children():
        path = f"{prefix}{attribute}"
        names = {f"{path}.{name}" for name, _ in child.named_parameters()}
        if names & set(going) and not names & set(others):
            yield path
        elif names & set(going):
            yield from _whole(child, f"{path}.", going, others)


def _final_norm(module: nn.Module, staying: set[str], going: set[str]) -> set[str]:
    """Parameters of a transformer's last norm, where the blocks that stay are as wide as it."""
    norms = [(p, m) for p, m in module.named_modules() if isinstance(m, nn.LayerNorm)]
    kept = [norm for path, norm in norms if f"{path}.weight" in staying]
    last = [path for path, _ in module.named_modules() if f"{path}.weight" in going][-1]
    final = dict(norms).get(last)
    if final is None or not kept or kept[-1].normalized_shape != final.normalized_shape:
        return set()
    return {f"{last}.{name}" for name, _ in final.named_parameters()}


def _pools_behind(
    module: nn.Module, staying: Collection[str], heads: tuple[str, ...]
) -> Iterator[str]:
    """Pooling layers between the last layer that stays and the classifier."""
    behind = False
    last = next(reversed([n for n, _ in module.named_parameters() if n in staying]))
    for path, layer in module.named_modules():
        if path in heads:
            return
        if path == last.rpartition(".")[0]:
            behind = True
        elif behind and isinstance(layer, _POOLS):
            yield path

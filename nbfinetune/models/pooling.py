"""How a map of features becomes one vector, and another way in its place."""

from __future__ import annotations

from typing import Any

import torch
from timm.layers.adaptive_avgmax_pool import SelectAdaptivePool2d
from torch import Tensor, nn

from nbfinetune.errors import ConfigError

__all__ = ["Cut", "GlobalPool", "own_pooling", "pools_a_grid", "refused", "set_pooling"]


class Cut(nn.Identity):
    """Stands where layers were cut off."""


class GlobalPool(nn.Module):
    """One vector out of a map of features, or out of tokens.

    Parameters
    ----------
    kind : {"avg", "max", "catavgmax", "gem"}
        Mean, maximum, both side by side (twice as wide), or the generalised mean of what is
        positive, with a trained exponent that begins at 3 (arXiv:1711.02512).
    dims : tuple of int
        Where the map's positions are; the channels are the first axis after the batch, or last.
    flatten : bool
        Whether these axes go, or stay with length 1.
    """

    def __init__(self, kind: str, dims: tuple[int, ...] = (2, 3), *, flatten: bool = True) -> None:
        super().__init__()
        self.kind = kind
        self.dims = dims
        self.flatten = flatten
        if kind == "gem":
            self.exponent = nn.Parameter(torch.full((1,), 3.0))

    def forward(self, features: Tensor) -> Tensor:
        """Pool (B, C, H, W), (B, H, W, C) or (B, L, C)."""
        keep = not self.flatten
        if self.kind == "avg":
            return features.mean(self.dims, keepdim=keep)
        if self.kind == "max":
            return features.amax(self.dims, keepdim=keep)
        if self.kind == "gem":
            powers = features.float().clamp(min=1e-6) ** self.exponent
            pooled = powers.mean(self.dims, keepdim=keep) ** (1 / self.exponent)
            return pooled.to(features.dtype)
        both = [features.mean(self.dims, keepdim=keep), features.amax(self.dims, keepdim=keep)]
        return torch.cat(both, dim=1 if self.flatten or 1 not in self.dims else -1)

    def is_identity(self) -> bool:
        """Whether nothing is pooled, as some heads of timm ask."""
        return False

    def extra_repr(self) -> str:
        """What `print(model)` shows."""
        return f"{self.kind!r}, dims={self.dims}, flatten={self.flatten}"


def own_pooling(module: nn.Module) -> str | None:
    """How a timm model pools, as its `reset_classifier` takes it; None where it does not say."""
    found = _last(module, SelectAdaptivePool2d)
    if found is not None:
        return str(found[1].pool_type)
    said: Any = getattr(module, "global_pool", None)
    return said if isinstance(said, str) else None


def pools_a_grid(module: nn.Module) -> bool:
    """Whether the classifier reads a flattened grid of features (AlexNet, VGG of torchvision)."""
    adaptive = _last(module, nn.AdaptiveAvgPool2d)
    return adaptive is not None and adaptive[1].output_size not in (1, (1, 1))


def set_pooling(module: nn.Module, heads: tuple[str, ...], kind: str, name: str) -> str | None:
    """Let a model pool as `kind` says; its classifier has to be fitted to the width afterwards.

    Parameters
    ----------
    name : str
        The model, for messages.

    Returns
    -------
    str or None
        The new pooling layer, or None where the model has a way of its own to do that.

    Raises
    ------
    ConfigError
        If the model pools in a way that can't be replaced.
    """
    selected = _last(module, SelectAdaptivePool2d)
    if selected is not None:
        return _put(module, selected[0], _like(selected[1], kind))
    if hasattr(module, "attn_pool") and hasattr(module, "num_prefix_tokens"):
        return _put(module, "attn_pool", GlobalPool(kind, (1,)))
    if hasattr(module, "reset_classifier"):
        _ask(module, kind, name)
        return None
    adaptive = _last(module, nn.AdaptiveAvgPool2d)
    if adaptive is None:
        raise refused(kind, name, "it pools within its own code")
    path, _ = adaptive
    if pools_a_grid(module):
        _cut_what_reads_a_grid(module, heads)
    return _put(module, path, GlobalPool(kind, flatten=False))


def _put(module: nn.Module, path: str, pool: GlobalPool) -> str:
    parameter = next(module.parameters())
    parent, _, attribute = path.rpartition(".")
    setattr(module.get_submodule(parent), attribute, pool.to(parameter.device))
    return path


def _like(old: SelectAdaptivePool2d, kind: str) -> GlobalPool:
    dims = getattr(old.pool, "dim", None) or getattr(old.pool, "dim_reduce", None) or (2, 3)
    flat = isinstance(old.flatten, nn.Flatten) or getattr(old.pool, "flatten", False)
    return GlobalPool(kind, tuple(dims), flatten=bool(flat))


def _ask(module: Any, kind: str, name: str) -> None:
    try:
        module.reset_classifier(module.num_classes, kind)
    except (AssertionError, TypeError, ValueError) as error:
        raise refused(kind, name, str(error) or "it takes its own only") from error


def _cut_what_reads_a_grid(module: nn.Module, heads: tuple[str, ...]) -> None:
    """Layers between a pooled grid and the classifier are as wide as the flattened grid."""
    for head in heads:
        parent = module.get_submodule(head.rpartition(".")[0])
        for attribute, layer in list(parent.named_children()):
            if attribute == head.rpartition(".")[2]:
                break
            if isinstance(layer, nn.Linear):
                setattr(parent, attribute, Cut())


def _last(module: nn.Module, kind: type[nn.Module]) -> tuple[str, Any] | None:
    found = [(path, layer) for path, layer in module.named_modules() if isinstance(layer, kind)]
    return found[-1] if found else None


def refused(kind: str, name: str, reason: str) -> ConfigError:
    """The error that says why a model can't pool as it should."""
    return ConfigError(
        f"pooling={kind!r} can't be had with {name} ({reason}); leave pooling out, "
        "or choose another model"
    )

"""The classifier at a model's end: where it is, and a new one in its place."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from nbfinetune.errors import ModelError
from nbfinetune.models.shape import Shape

__all__ = ["Head", "fit_head", "head_names", "is_under", "quieten", "replace_head", "set_dropout"]

WIDEST_HIDDEN = 512
QUIET_STD = 0.01


class Head(nn.Sequential):
    """A classifier of several layers that stands where the model had one layer."""


class _Gauge(nn.Module):
    """Remembers how wide the features are that arrive where a classifier stood."""

    def forward(self, features: Tensor) -> Tensor:
        self.seen = features.shape
        return features

    def width(self, layer: nn.Module) -> int:
        return self.seen[1 if isinstance(_layers(layer)[-1], nn.Conv2d) else -1]


def head_names(module: nn.Module) -> tuple[str, ...]:
    """Names of the modules that turn features into logits.

    timm models say it themselves (two names where a distilled model has two classifiers);
    elsewhere it is the last linear or convolutional layer.

    Raises
    ------
    ModelError
        If there is no such layer.
    """
    cfg = getattr(module, "pretrained_cfg", None) or getattr(module, "default_cfg", None) or {}
    declared = cfg.get("classifier") or ()
    names = (declared,) if isinstance(declared, str) else tuple(declared)
    if not names and not cfg:
        names = _last_layer(module)
    modules = dict(module.named_modules())
    if not names or not all(isinstance(modules.get(n), nn.Module) for n in names):
        raise ModelError(
            f"{type(module).__name__} has no classifier to replace (it gives features or tokens); "
            "choose a classification model"
        )
    return names


def is_under(name: str, prefixes: tuple[str, ...]) -> bool:
    """Whether a parameter belongs to one of the modules called `prefixes`."""
    return any(name == prefix or name.startswith(f"{prefix}.") for prefix in prefixes)


def replace_head(
    module: nn.Module,
    heads: tuple[str, ...],
    *,
    num_classes: int,
    kind: Literal["linear", "mlp"],
    dropout: float,
) -> None:
    """Put a fresh classifier in the place of each of `heads`.

    A convolutional classifier (SqueezeNet) is replaced by a convolutional one.

    Parameters
    ----------
    kind : {"linear", "mlp"}
        One layer, or a hidden layer as wide as the features (512 at most) with GELU before it.
    dropout : float in [0, 1)
        Before the last layer.
    """
    for name in heads:
        old = module.get_submodule(name)
        module.set_submodule(name, _new_head(old, _width_in(old), num_classes, kind, dropout))


def fit_head(module: nn.Module, heads: tuple[str, ...], shape: Shape) -> None:
    """Make each classifier as wide as the features that arrive at it, where it is not.

    The model is run once on an empty image.
    """
    old = {name: module.get_submodule(name) for name in heads}
    gauges = {name: _Gauge() for name in heads}
    was_training = module.training
    try:
        for name, gauge in gauges.items():
            module.set_submodule(name, gauge)
        image = torch.zeros(1, shape.in_chans, shape.image_size, shape.image_size)
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            module.eval()(image)
    finally:
        module.train(was_training)
        for name, layer in old.items():
            module.set_submodule(name, layer)
    for name, layer in old.items():
        width = gauges[name].width(layer)
        if width != _width_in(layer):
            dropout = shape.dropout if isinstance(layer, Head) else 0.0
            module.set_submodule(
                name, _new_head(layer, width, shape.num_classes, "linear", dropout)
            )


def quieten(module: nn.Module, heads: tuple[str, ...]) -> None:
    """Let a fresh classifier begin with nearly equal logits for all classes.

    Architectures draw it for 1000 classes; with few, its loud first guesses (a loss of 8 where
    five classes should give 1.6) send gradients through the pretrained layers that undo them.
    """
    for name in heads:
        last = _layers(module.get_submodule(name))[-1]
        nn.init.normal_(last.weight, std=QUIET_STD)
        if last.bias is not None:
            nn.init.zeros_(last.bias)


def set_dropout(module: nn.Module, heads: tuple[str, ...], dropout: float) -> None:
    """Drop features before the head's last layer with this probability.

    Zero leaves the architecture as it is; a dropout layer that stands there already is set.
    """
    if not dropout:
        return
    for name in heads:
        path, _, attribute = name.rpartition(".")
        parent = module.get_submodule(path)
        before = list(parent.children())[: list(dict(parent.named_children())).index(attribute)]
        if isinstance(parent, nn.Sequential) and before and isinstance(before[-1], nn.Dropout):
            before[-1].p = dropout
        else:
            setattr(parent, attribute, Head(nn.Dropout(dropout), parent.get_submodule(attribute)))


def _new_head(old: nn.Module, width: int, num_classes: int, kind: str, dropout: float) -> nn.Module:
    if kind == "mlp":
        hidden = min(width, WIDEST_HIDDEN)
        return Head(
            _layer_like(old, width, hidden),
            nn.GELU(),
            nn.Dropout(dropout),
            _layer_like(old, hidden, num_classes),
        )
    last = _layer_like(old, width, num_classes)
    return Head(nn.Dropout(dropout), last) if dropout else last


def _layers(classifier: nn.Module) -> list[nn.Linear | nn.Conv2d]:
    layers = [m for m in classifier.modules() if isinstance(m, (nn.Linear, nn.Conv2d))]
    if not layers:
        raise ModelError(f"a classifier of type {type(classifier).__name__} can't be replaced")
    return layers


def _width_in(classifier: nn.Module) -> int:
    first = _layers(classifier)[0]
    return first.in_features if isinstance(first, nn.Linear) else first.in_channels


def _layer_like(old: nn.Module, width_in: int, width_out: int) -> nn.Module:
    if isinstance(_layers(old)[-1], nn.Conv2d):
        return nn.Conv2d(width_in, width_out, kernel_size=1)
    return nn.Linear(width_in, width_out)


def _last_layer(module: nn.Module) -> tuple[str, ...]:
    last: tuple[str, ...] = ()
    for name, inner in module.named_modules():
        inside = any(name.startswith(f"{head}.") for head in last)
        if name and not inside and isinstance(inner, (nn.Linear, nn.Conv2d, Head)):
            last = (name,)
    return last

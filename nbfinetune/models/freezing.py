"""What of a model is frozen when a run begins, as its config says."""

from __future__ import annotations

from typing import Literal

from torch import nn

from nbfinetune.errors import ConfigError
from nbfinetune.models.groups import LayerGroup, counted, layer_groups, set_trainable, stages
from nbfinetune.records import ModelConfig

__all__ = ["freeze", "frozen_at_start"]


def freeze(module: nn.Module, heads: tuple[str, ...], config: ModelConfig) -> list[LayerGroup]:
    """Freeze what a run begins without training; gives the layer groups.

    Raises
    ------
    ConfigError
        If the model has fewer stages, or nothing would be left to train.
    """
    groups = layer_groups(module, heads)
    set_trainable(module, groups, frozen_at_start(module, heads, config))
    return groups


def frozen_at_start(
    module: nn.Module, heads: tuple[str, ...], config: ModelConfig
) -> Literal["none", "backbone"] | int:
    """What is frozen in the first epochs, as `set_trainable` takes it.

    `train_stages` freezes what stands before those stages; `freeze_epochs` alone, the backbone.

    Raises
    ------
    ConfigError
        If the model has fewer stages, or `freeze` is given as well.
    """
    if config.train_stages is None:
        all_trained = config.freeze in ("none", 0)
        return "backbone" if config.freeze_epochs and all_trained else config.freeze
    if config.freeze != "none":
        raise ConfigError(
            f"train_stages={config.train_stages} and freeze={config.freeze!r} both say what is "
            "trained; give one of them"
        )
    *backbone, _ = stages(module, heads)
    if config.train_stages > len(backbone):
        raise ConfigError(
            f"train_stages is {config.train_stages}, but {config.name} has {counted(backbone)}; "
            "leave train_stages out to train all"
        )
    first = backbone[-config.train_stages].parameter_names[0]
    groups = layer_groups(module, heads)
    return next(place for place, group in enumerate(groups) if first in group.parameter_names)

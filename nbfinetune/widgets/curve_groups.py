"""The curves of a model's layer groups: multiples of the schedule's rate, as far as they differ."""

from __future__ import annotations

from dataclasses import dataclass

from nbfinetune.records import ModelConfig

MOST_LAYERS = 5
"""Layer groups that are drawn one by one; how many a model has is only known once it is built."""


@dataclass(frozen=True)
class Group:
    """Parameters that share a learning rate.

    Parameters
    ----------
    name : str
    multiple : float
        Of the schedule's rate, which the head has.
    """

    name: str
    multiple: float


def group_curves(model: ModelConfig) -> list[Group]:
    """Groups whose rate is another than the head's; `models.groups.parameter_groups` makes them."""
    if model.freeze == "backbone" and not model.freeze_epochs:
        return []
    if model.layer_decay is None or model.layer_decay == 1.0:
        return [Group("backbone", model.backbone_lr)] if model.backbone_lr != 1.0 else []
    return [
        Group(
            f"{number} layer group{'s' if number > 1 else ''} below the head",
            model.backbone_lr * model.layer_decay**number,
        )
        for number in range(1, MOST_LAYERS + 1)
    ]

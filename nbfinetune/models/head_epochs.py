"""Epochs in which the head alone is trained, and which of them need no image any more."""

from __future__ import annotations

from nbfinetune.models.training_choice import choice_of
from nbfinetune.records import FineTuneConfig

__all__ = ["USUAL_VIEWS", "epochs_on_kept_features", "feature_views", "head_epochs", "views_asked"]

USUAL_VIEWS = 4
"""Variants of each image where augmentation makes them and nobody says how many."""


def head_epochs(config: FineTuneConfig) -> int:
    """How many epochs train the head alone, from the first one on."""
    model, epochs = config.model, config.training.epochs
    chosen = choice_of(model)
    if chosen == "head" or (chosen in ("all", "gentle") and model.freeze_epochs):
        return min(epochs, model.freeze_epochs or epochs)
    return 0


def feature_views(config: FineTuneConfig) -> int:
    """Variants of each image whose features are kept meanwhile; 0 where a run keeps none.

    What the model itself may forbid, or the memory, shows only as it begins.
    """
    augment, optimizer, pruning = config.augment, config.optimizer, config.pruning
    changing = pruning.amount and (pruning.gradual_epochs or pruning.method == "unstructured")
    mixed = augment.mixup or augment.cutmix
    if mixed or optimizer.clip_weights or changing or config.runner.devices > 1:
        return 0
    return views_asked(config)


def views_asked(config: FineTuneConfig) -> int:
    """How many views a run asks for; 0 where it asks to keep none."""
    if config.training.feature_views is not None:
        return config.training.feature_views
    return 1 if config.augment.preset == "none" else USUAL_VIEWS


def epochs_on_kept_features(config: FineTuneConfig) -> tuple[int, int]:
    """Epochs that run the images through the frozen layers, and those after them that need not.

    Returns
    -------
    tuple of int
        The second is 0 where nothing is gained; the first then says nothing.
    """
    views, epochs = feature_views(config), head_epochs(config)
    return views, max(0, epochs - views) if views else 0

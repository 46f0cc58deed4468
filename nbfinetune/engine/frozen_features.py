"""What the frozen layers make of the images, kept so that the head trains on it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from nbfinetune.data.loader import Batch
from nbfinetune.data.randomness import Ids
from nbfinetune.engine.assemble import Parts
from nbfinetune.engine.head_alone import Cut, head_alone_is_trained, logits_of
from nbfinetune.engine.validation import Measured
from nbfinetune.errors import TrainingError
from nbfinetune.models.head_epochs import views_asked
from nbfinetune.models.memory import available_bytes

if TYPE_CHECKING:
    from nbfinetune.engine.training import Training

MEMORY_SHARE = 0.25
"""Of the memory that is free when they are begun with."""


class FrozenFeatures:
    """Features of the training images, by view, and of the validation images.

    View v is what an image looks like in epoch v. Its features are those that the batches of that
    epoch give, in their order and the incomplete last one too: so they come out alike, bit for
    bit, whenever they are computed.

    Parameters
    ----------
    parts : Parts
        Of a run in one process.
    cut : Cut
        Where its model is taken apart.
    views : int
    """

    def __init__(self, parts: Parts, cut: Cut, views: int) -> None:
        self.cut = cut
        self.views = views
        self._placement = parts.placement
        self._train = parts.train
        self._row = np.zeros(int(parts.train.ids.max()) + 1, np.int64)
        self._row[parts.train.ids] = np.arange(len(parts.train.ids))
        self._features: dict[int, Tensor] = {}
        self._known = np.zeros((views, len(parts.train.ids)), dtype=bool)
        self._val: list[tuple[Tensor, Batch]] | None = None

    def put(self, view: int, ids: Ids, features: Tensor) -> None:
        """Keep features, (B, ...), of the images `ids`, (B,)."""
        rows = self._row[ids]
        if view not in self._features:
            shape = (self._known.shape[1], *self.cut.shape)
            self._features[view] = torch.empty(shape, dtype=self.cut.dtype, device=features.device)
        self._features[view][self._places(rows)] = features
        self._known[view, rows] = True

    def take(self, view: int, ids: Ids) -> tuple[Tensor, Ids]:
        """Features of those of the images that are known, and their ids."""
        ids = ids[self._known[view, self._row[ids]]]
        return self._features[view][self._places(self._row[ids])], ids

    def missing(self, view: int) -> list[int]:
        """Numbers of the batches of an epoch of which features are not known yet.

        Images that can't be decoded are not missed.
        """
        unknown = (
            ids[~self._known[view, self._row[ids]]] for ids in self._train.ids_by_batch(view)
        )
        return [
            position
            for position, ids in enumerate(unknown)
            if any(int(number) not in self._train.skipped for number in ids)
        ]

    def validated(self, model: nn.Module, parts: Parts) -> Iterator[Measured | None]:
        """What a model of these frozen layers says of the validation images.

        Parameters
        ----------
        model : nn.Module
            In evaluation mode.
        """
        if self._val is not None:
            head = self.cut.head(model)
            for features, batch in self._val:
                with torch.inference_mode(), parts.placement.autocast():
                    logits = logits_of(head, features).float()
                yield Measured(logits, batch.labels, batch.ids)
            return
        found: list[tuple[Tensor, Batch]] = []
        for batch in parts.val.epoch(0, shuffle=False, drop_last=False):
            images = parts.normalised(batch.images)
            with (
                torch.inference_mode(),
                parts.placement.autocast(),
                self.cut.listening(model) as seen,
            ):
                logits = model(images).float()
            found.append((seen[0], batch._replace(images=batch.images[:0])))
            yield Measured(logits, batch.labels, batch.ids)
        self._val = found

    @property
    def validation_is_kept(self) -> bool:
        """Whether no validation image needs to be decoded any more."""
        return self._val is not None

    def _places(self, rows: Ids) -> Tensor:
        return torch.from_numpy(rows).to(self._placement.device, non_blocking=True)


def worth_it(training: Training) -> bool:
    """Whether the head alone is trained for more epochs than there are views to be kept."""
    progress, thaws = training.progress, training.config.model.freeze_epochs
    asked = views_asked(training.config)
    last = min(progress.epochs, thaws or progress.epochs)
    return bool(asked) and last > asked > progress.epoch and head_alone_is_trained(training.model)


def hindrance(training: Training) -> str | None:
    """What is in the way of features that stay as they are; None if nothing is."""
    augment = training.config.augment
    if augment.mixup or augment.cutmix:
        return "mixup and cutmix make other images in each step"
    if training.world.size > 1:
        return f"{training.world.size} processes train together"
    if training.held.limit:
        return f"clip_weights={training.held.limit:g} changes frozen layers too"
    if training.held.masks or training.progress.gradual is not None:
        return "weights were pruned"
    return None


def views_that_fit(cut: Cut, training: Training) -> int:
    """How many views there is memory for, at most as many as are asked for.

    Raises
    ------
    TrainingError
        If there is no room for one, with the figures; or only for such as are over.
    """
    parts, over = training.parts, training.progress.epoch
    budget = MEMORY_SHARE * available_bytes(parts.placement.device)
    fitting = int((budget / cut.image_bytes - len(parts.val.ids)) // len(parts.train.ids))
    if fitting < 1:
        raise TrainingError(
            f"they take {megabytes(cut, parts, 1):,.0f} MB, and {budget / 1e6:,.0f} MB are theirs: "
            f"{MEMORY_SHARE:.0%} of the free memory"
        )
    if fitting <= over:
        raise TrainingError(f"there is memory for {fitting} views, and {over} epochs are over")
    return min(views_asked(training.config), fitting)


def megabytes(cut: Cut, parts: Parts, views: int) -> float:
    """Memory that the features of a run take."""
    return cut.image_bytes * (views * len(parts.train.ids) + len(parts.val.ids)) / 1e6

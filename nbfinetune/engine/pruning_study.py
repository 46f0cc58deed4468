"""A trained model and some of its images in memory, to see what prunings would make of it.

Every pruning is done as a run does it before its first step, to a copy.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import msgspec
import numpy as np
import torch
from torch import nn

from nbfinetune.engine import checkpoint, judging
from nbfinetune.engine.assemble import Parts, assemble
from nbfinetune.engine.kept_images import Kept, KeptImages
from nbfinetune.engine.latency import times_ms
from nbfinetune.engine.leaner import accuracy, pruned, settle
from nbfinetune.engine.world import World
from nbfinetune.models.heads import head_names
from nbfinetune.models.removing import remove
from nbfinetune.pruning.board import Draft, WholeModel
from nbfinetune.pruning.importance import Scores
from nbfinetune.pruning.layer_costs import priced
from nbfinetune.pruning.magnitude import apply_masks, magnitude_masks, masked_weights, prunable
from nbfinetune.pruning.prediction import Measured
from nbfinetune.pruning.structure import Counts, Structure
from nbfinetune.pruning.structured import recipe_for
from nbfinetune.pruning.tracing import trace
from nbfinetune.records import ChannelsRemoved, FineTuneConfig, PruningConfig

MOST_IMAGES = 1000
"""Validation images that are kept at most."""

GLANCE_TRAIN, GLANCE_VAL = 32, 64
"""Images for a first glance."""

FEW_TRAIN, FEW_VAL = 64, 256
"""Images that tell how much a layer matters."""


def trained(
    folder: Path, config: FineTuneConfig, threads: int | None, tell: Callable[[str], None]
) -> Parts:
    """The best model of a run with its loaders, ready to be looked at.

    Parameters
    ----------
    folder : Path
        The run's directory, of which nothing is written.
    threads : int, optional
        Of the CPU; default the run's.
    tell : callable (str)
        Told what is done.

    Raises
    ------
    NbFinetuneError
        If model or images can't be had any more.
    """
    state = checkpoint.read(folder / "checkpoints" / "best.safetensors")
    runner = msgspec.structs.replace(config.runner, threads=threads or config.runner.threads)
    parts = assemble(
        msgspec.structs.replace(config, runner=runner),
        folder,
        World(),
        restored=state,
        emit=lambda event: tell(event.phase),
        on_skip=lambda path, reason: None,  # noqa: ARG005 - the run has told of it
        on_cache_unused=lambda reason: None,  # noqa: ARG005 - as above
    )
    parts.model.load_state_dict(state.part("model"))
    parts.model.eval()
    return parts


class Bench:
    """A trained model, its images, and what is measured of its prunings.

    Parameters
    ----------
    parts : Parts
        Of `trained`.
    size_bytes : int
        Of the file of its weights.
    """

    def __init__(self, parts: Parts, size_bytes: int) -> None:
        self.parts, self._size_bytes = parts, size_bytes
        self._images = KeptImages(parts, MOST_IMAGES)

    def glance(self) -> Parts:
        """Parts with few images, soon there."""
        return self._images.parts(GLANCE_TRAIN, GLANCE_VAL)

    def few(self) -> Parts:
        """Parts with as many images as are worth a look at every layer."""
        return self._images.parts(FEW_TRAIN, FEW_VAL)

    def thorough(self) -> Parts:
        """Parts with all images that are looked at."""
        return self._images.parts(judging.LOOKED_AT, MOST_IMAGES)

    @cached_property
    def structure(self) -> Structure:
        """What can be removed."""
        channels = self.parts.config.model.in_chans
        model = self.parts.model
        return trace(model, head_names(model), self.parts.image_size, channels)

    def whole(self, parts: Parts) -> WholeModel:
        """Facts of the model as it is, its accuracy on the validation images of `parts`."""
        channels, size = parts.config.model.in_chans, parts.image_size
        image = torch.zeros(1, channels, size, size, device=parts.placement.device)
        cost = priced(parts.model, (), image)
        return WholeModel(
            accuracy=known(parts.model, parts),
            parameters=round(cost.cost("parameters")),
            macs=round(cost.cost("macs")),
            size_bytes=self._size_bytes,
            image_size=size,
            classes=parts.classes,
            images=images_in(parts),
        )

    def judged(self, parts: Parts, wishes: PruningConfig) -> Scores:
        """Importance of every unit, by the images of `parts`."""
        return judging.scores(_asked(parts, wishes), self.structure)

    def draft(self, scores: Scores, wishes: PruningConfig) -> Draft:
        """What every amount would make of the model."""
        return Draft.of(self.structure, scores, wishes, self._size_bytes)

    def point(
        self, parts: Parts, wishes: PruningConfig, draft: Draft | None, amount: float
    ) -> Measured:
        """Accuracy after a pruning along the target of the wishes, by the images of `parts`."""
        if draft is None:
            model = self.with_zeros(parts, amount)
            return Measured(amount, amount, 0.0, known(model, parts), images_in(parts))
        smaller, shape = self.smaller(parts, wishes, draft, amount, wishes.target)
        return replace(shape, accuracy=known(smaller, parts), images=images_in(parts))

    def smaller(
        self, parts: Parts, wishes: PruningConfig, draft: Draft, amount: float, target: str
    ) -> tuple[nn.Module, Measured]:
        """A copy of the model as a run begins with, and how much of it went."""
        target = "macs" if target == "latency" else target
        if wishes.method == "depth":
            return _pruned(parts, wishes, amount, target)
        plan = draft.prospect(amount, target)
        removed = [group.units - plan.left[group.name] for group in self.structure.groups]
        model = self.without(parts, draft.scores, np.array(removed, np.int64))
        return model, _shape(
            (self.structure.cost("macs"), plan.macs),
            (self.structure.cost("parameters"), plan.parameters),
            plan.damage,
        )

    def without(self, parts: Parts, scores: Scores, removed: Counts) -> nn.Module:
        """A copy of the model from which units of each group are gone."""
        model = copy.deepcopy(parts.model)
        remove(model, recipe_for(model, self.structure.groups, scores, removed))
        settle(model, parts)
        return model

    def with_zeros(self, parts: Parts, amount: float) -> nn.Module:
        """A copy of the model whose smallest weights are zero."""
        model = copy.deepcopy(parts.model)
        weights = prunable(model, kept=parts.groups[-1].parameter_names)
        apply_masks(masked_weights(model, magnitude_masks(weights, amount)))
        return model

    def times(self, smaller: nn.Module, batch: int) -> tuple[float, float]:
        """Milliseconds that a batch takes before and after, by turns."""
        return times_ms(self.parts, smaller, batch)


def known(model: nn.Module, parts: Parts) -> float:
    """Part of the validation images in memory that a model knows."""
    return accuracy(model, parts) or 0.0


def images_in(parts: Parts) -> int:
    """Validation images in memory."""
    return cast("Kept", parts.val).images


def _pruned(
    parts: Parts, wishes: PruningConfig, amount: float, target: str
) -> tuple[nn.Module, Measured]:
    """What a run itself would begin with."""
    asked = msgspec.structs.replace(wishes, target=target)
    told: list[Any] = []
    copied = replace(_asked(parts, asked, amount), model=copy.deepcopy(parts.model))
    model = pruned(copied, told.append).model
    [removed] = [event for event in told if isinstance(event, ChannelsRemoved)]
    return model, _shape(removed.macs, removed.parameters, 0.0)


def _shape(macs: Sequence[float], parameters: Sequence[float], damage: float) -> Measured:
    """How much went, before anything is measured."""
    return Measured(1 - macs[1] / macs[0], 1 - parameters[1] / parameters[0], damage, math.nan, 0)


def _asked(parts: Parts, wishes: PruningConfig, amount: float = 0.0) -> Parts:
    pruning = msgspec.structs.replace(wishes, amount=amount)
    return replace(parts, config=msgspec.structs.replace(parts.config, pruning=pruning))

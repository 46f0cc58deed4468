"""How long a model's steps take, on images of noise: the same step as training takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn

from nbfinetune.engine.device import Placement
from nbfinetune.engine.laps import lap, timed
from nbfinetune.engine.losses import Loss, make_loss
from nbfinetune.engine.optimizers import make_optimizer, set_lr
from nbfinetune.engine.stepper import Stepper
from nbfinetune.engine.world import World
from nbfinetune.models.build import build
from nbfinetune.models.catalogue import known
from nbfinetune.models.estimate import facts_need
from nbfinetune.models.freezing import freeze
from nbfinetune.models.groups import LayerGroup, parameter_groups, train_mode
from nbfinetune.models.inputs import choose_image_size, model_input
from nbfinetune.models.memory import available_bytes
from nbfinetune.models.training_choice import choice_of
from nbfinetune.records import FineTuneConfig

if TYPE_CHECKING:
    from nbfinetune.engine.assemble import Parts

PROBED_IMAGES = 2
"""Batch norms need two; what they take tells how many fit into the time."""

_PART_FOR_FORWARD = 0.25


@dataclass(frozen=True)
class StepTimes:
    """What was measured of one model.

    Parameters
    ----------
    image_size : int
        Side in pixels.
    images : int
        That went through at a time: the batch, or what of it the time allowed.
    forward_ms, train_ms : float
        A batch through the model in evaluation, and a whole training step on it; in proportion
        where `images` is less.
    busy : bool
        Whether others used the CPU meanwhile, so that it is faster when left alone.
    """

    image_size: int
    images: int
    forward_ms: float
    train_ms: float
    busy: bool


@dataclass(frozen=True)
class _Rig:
    """The parts of training that a step needs."""

    model: nn.Module
    loss: Loss
    placement: Placement
    world: World


def time_steps(
    config: FineTuneConfig, placement: Placement, *, classes: int, seconds: float
) -> StepTimes:
    """Build a model with random weights and time it.

    Parameters
    ----------
    config : FineTuneConfig
        Its model, image size, batch size, optimizer and loss are read; no data are.
    placement : Placement
    classes : int
        Of the new head.
    seconds : float
        To spend on laps, about; building and warming up come on top. Slow models are timed on
        fewer images than the batch has.

    Raises
    ------
    ModelError, ConfigError
        If the model can't be built, or not at this size.
    """
    inputs = model_input(config.model.name, config.model.in_chans)
    size = choose_image_size(inputs, config.data.image_size, inputs.size_px)
    stepper = _stepper(config, placement, classes, size)
    batch = config.training.batch_size
    pixels, labels = noise(placement, batch, config.model.in_chans, size, classes)
    images = min(
        _images_in_time(stepper, pixels, labels, seconds),
        _images_in_memory(config, size, placement),
    )
    train_s, busy = lap(
        lambda: stepper.step(pixels[:images], labels[:images]),
        placement,
        seconds * (1 - _PART_FOR_FORWARD),
    )
    update_s, _ = timed(stepper.optimizer.step, placement)
    stepper.model.eval()
    forward_s, _ = lap(
        lambda: _forward(stepper, pixels[:images]), placement, seconds * _PART_FOR_FORWARD
    )
    pieces = batch / images
    train_s = max(0.0, train_s - update_s) * pieces + update_s
    return StepTimes(size, images, 1000 * forward_s * pieces, 1000 * train_s, busy)


def fixed_step(config: FineTuneConfig, placement: Placement, classes: int) -> Callable[[], object]:
    """The training step of a run on one batch of noise, again and again: the model-bound limit.

    Parameters
    ----------
    config : FineTuneConfig
        As for `time_steps`.
    """
    stepper, pixels, labels = fixed_batch(config, placement, classes)
    return lambda: stepper.step(pixels, labels)


def fixed_batch(
    config: FineTuneConfig, placement: Placement, classes: int
) -> tuple[Stepper, Tensor, Tensor]:
    """What `fixed_step` steps with: a stepper, and images and labels of a batch of noise."""
    inputs = model_input(config.model.name, config.model.in_chans)
    size = choose_image_size(inputs, config.data.image_size, inputs.size_px)
    stepper = _stepper(config, placement, classes, size)
    batch = config.training.batch_size
    pixels, labels = noise(placement, batch, config.model.in_chans, size, classes)
    return stepper, pixels, labels


def still_stepper(parts: Parts, groups: Sequence[LayerGroup], config: FineTuneConfig) -> Stepper:
    """The training step at a learning rate of 0, for timing.

    Noise must not lead to numbers that are none, which are slow.

    Parameters
    ----------
    parts : Parts
        Of it `model`, `loss`, `placement` and `world` are read; the model is put into training.
    groups : sequence of LayerGroup
        Of the model.
    """
    train_mode(parts.model)
    optimizer = make_optimizer(
        config.optimizer,
        parameter_groups(parts.model, groups, config.model, 0.0),
        parts.placement.device,
    )
    set_lr(optimizer, 0.0)
    return Stepper(
        parts,
        optimizer,
        clip_norm=config.optimizer.clip_norm,
        l1=config.optimizer.l1,
        micro_batch=config.training.batch_size,
        on_reduced=lambda images, reason: None,  # noqa: ARG005 - the time tells it
    )


def noise(
    placement: Placement, images: int, channels: int, size: int, classes: int
) -> tuple[Tensor, Tensor]:
    """A batch of noise where it is trained on, and labels of all classes in turn."""
    pixels = torch.randn(images, channels, size, size, device=placement.device)
    pixels = pixels.contiguous(memory_format=placement.memory_format)
    return pixels, torch.arange(images, device=placement.device) % classes


def _stepper(config: FineTuneConfig, placement: Placement, classes: int, size: int) -> Stepper:
    built = build(config.model, num_classes=classes, image_size=size, device=placement.device)
    groups = freeze(built.module, built.head_names, config.model)
    model = built.module.to(placement.device).to(memory_format=placement.memory_format)
    loss = make_loss(config.training, [1] * classes, placement.device)
    return still_stepper(cast("Parts", _Rig(model, loss, placement, World())), groups, config)


def _images_in_time(stepper: Stepper, pixels: Tensor, labels: Tensor, seconds: float) -> int:
    """Images of the batch of which two steps take no longer than `seconds`, about."""
    few = min(PROBED_IMAGES, len(pixels))
    for _ in range(2):  # the first step also sets up what all later ones use
        took, _ = timed(lambda: stepper.step(pixels[:few], labels[:few]), stepper.placement)
    fit = int(few * seconds / (2 * took))
    return max(few, min(len(pixels), fit))


def _images_in_memory(config: FineTuneConfig, size: int, placement: Placement) -> int:
    """Images of the batch that fit; on an accelerator, steps find that out by themselves."""
    batch, facts = config.training.batch_size, known(config.model.name)
    if facts is None or placement.device.type != "cpu":
        return batch
    need = facts_need(facts, size, choice_of(config.model) or "all")
    return max(PROBED_IMAGES, min(batch, need.largest_batch(available_bytes(placement.device))))


@torch.no_grad()
def _forward(stepper: Stepper, images: Tensor) -> Tensor:
    with stepper.placement.autocast():
        return cast("Tensor", stepper.model(images))

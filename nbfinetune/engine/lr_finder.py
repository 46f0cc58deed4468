"""The learning-rate range test: a copy of the run takes a few steps at ever higher rates.

Nothing of the run is touched: neither weights, buffers, optimizer and random streams nor the place
in its data.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from copy import deepcopy
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn
from torch.optim import Optimizer

from nbfinetune.data.loader import Batch, Loader
from nbfinetune.engine import randomness
from nbfinetune.engine.feeding import inputs
from nbfinetune.engine.holding import Holding
from nbfinetune.engine.optimizers import make_optimizer, set_lr
from nbfinetune.engine.stepper import Stepper
from nbfinetune.errors import DataError, TrainingError
from nbfinetune.models.groups import train_mode
from nbfinetune.records import (
    LearningRateFound,
    PhaseStarted,
    RateTried,
    RunFinished,
    ScheduleChanged,
)
from nbfinetune.schedules import default_lr
from nbfinetune.schedules.lr_suggestions import (
    Suggestions,
    has_diverged,
    smooth,
    suggest,
    with_peak,
)

if TYPE_CHECKING:
    from nbfinetune.engine.training import Training

PHASE = "finding the learning rate"
LOWEST, HIGHEST = 1e-7, 10.0

MOST_RATES, FEWEST_RATES = 100, 60
MOST_PASSES = 10
"""Small sets are seen again, but not so often that the copy knows them by heart."""

_OF_THE_GROUP = (
    "params",
    "names",
    "name",
    "lr_factor",
    "weight_decay",
    "decays",
    "momentum",
    "betas",
)


def before_first_step(training: Training) -> RunFinished | None:
    """Find the rate of a run that asks for it; gives its end where it asks for nothing else."""
    config, progress = training.config, training.progress
    if config.lr_search == "off" or progress.step:
        return None
    if training.lr_found is not None:  # by a worker that got no further
        _take(training, training.lr_found)
        return None
    found = find(training)
    if training.control.stopping:
        _tell(training, found)
        return None
    if config.lr_search == "only":
        _tell(training, found)
        return RunFinished(reason="only_searched", best_epoch=None)
    lr = found.lr
    if lr is None:
        lr = default_lr(config.optimizer.name)
        told = f"{found.sentence}. {config.optimizer.name}'s default {lr:g} is taken"
        found = replace(found, sentence=told)
    if _take(training, lr):
        training.recorder.emit(
            ScheduleChanged(schedule=progress.schedule, epochs=progress.epochs),
        )
    _tell(training, found, taken=lr)
    return None


def look(training: Training) -> None:
    """Find a rate for someone who asks while the run holds."""
    _tell(training, find(training))


def find(training: Training) -> Suggestions:
    """Try rates from `LOWEST` to `HIGHEST` until the loss diverges, and judge.

    Every rate is told as `RateTried`; commands are answered between them. What fails on the way
    (no memory for the copy, images that can't be read) is the sentence of the result.
    """
    step, control = training.progress.step, training.control
    training.recorder.emit(PhaseStarted(step=step, phase=PHASE))
    lrs: list[float] = []
    losses: list[float] = []
    control.finding = True
    try:
        with closing(_tries(training)) as tries:
            for lr, loss in tries:
                lrs.append(lr)
                losses.append(loss)
                training.recorder.emit(_tried(step, lrs, losses))
                if has_diverged(losses):
                    break
                if not control.goes_on_finding(training):
                    return _nothing(f"the search was stopped after {len(lrs)} rates")
    except (TrainingError, DataError) as error:
        return _nothing(f"the search failed: {error}")
    finally:
        control.finding = False
        training.clock.skip()
    return suggest(lrs, losses)


def rates(steps_per_epoch: int) -> list[float]:
    """Learning rates to try, rising exponentially: about 12 a decade, fewer for a tiny set."""
    count = min(MOST_RATES, max(FEWEST_RATES, MOST_PASSES * steps_per_epoch))
    return [float(lr) for lr in np.geomspace(LOWEST, HIGHEST, count)]


class _Copy:
    """Model, optimizer and scaler of a run once more, with random streams of their own."""

    def __init__(self, training: Training) -> None:
        self._parts = training.parts
        self._device = training.parts.placement.device
        self._model, self._optimizer = _copied(training)
        self._held = Holding(self._model)
        self._held.clip(training.held.limit)
        self._held.mask(training.held.masks)
        self._stepper = Stepper(
            replace(training.parts, model=self._model),
            self._optimizer,
            clip_norm=training.progress.clip_norm,
            l1=training.progress.l1,
            micro_batch=training.progress.micro_batch,
            on_reduced=lambda *_: None,
        )
        self._stepper.scaler.load_state_dict(training.stepper.scaler.state_dict())
        self._streams = randomness.capture(self._device)
        train_mode(self._model)

    def step(self, batch: Batch, lr: float, number: int) -> float:
        """Train on a batch at a rate; gives the loss before the step."""
        set_lr(self._optimizer, lr)
        with self._own_randomness():
            loss = self._stepper.step(*inputs(self._parts, batch, number))
        self._held.apply()
        return float(loss)

    @contextmanager
    def _own_randomness(self) -> Iterator[None]:
        theirs = randomness.capture(self._device)
        randomness.restore(self._streams, self._device)
        try:
            yield
        finally:
            self._streams = randomness.capture(self._device)
            randomness.restore(theirs, self._device)


def _copied(training: Training) -> tuple[nn.Module, Optimizer]:
    try:
        # In one call, so that the copied optimizer holds the copied weights.
        return deepcopy((training.model, training.optimizer))
    except torch.OutOfMemoryError as error:
        raise TrainingError(
            f"{training.parts.placement.device} has no memory for a second copy of the model, on "
            "which rates are tried; give lr as a number, or choose a smaller model"
        ) from error


def _tries(training: Training) -> Generator[tuple[float, float]]:
    copy = _Copy(training)
    with (
        closing(replace(training.parts.train)) as loader,
        closing(_endless(loader)) as batches,
    ):
        for number, lr in enumerate(rates(training.parts.steps_per_epoch)):
            yield lr, copy.step(next(batches), lr, number)


def _endless(loader: Loader) -> Generator[Batch]:
    epoch = 0
    while True:
        with closing(loader.epoch(epoch, shuffle=True, drop_last=True)) as batches:
            yield from batches
        epoch += 1


def _take(training: Training, lr: float) -> bool:
    """Let the run begin at `lr`; whether its curve is another now.

    A curve that someone has set while rates were tried stays.
    """
    config, progress = training.config, training.progress
    if progress.schedule != config.schedule:
        return False
    progress.schedule = with_peak(config.schedule, lr)
    groups = [
        {name: group[name] for name in _OF_THE_GROUP if name in group}
        for group in training.optimizer.param_groups
    ]
    device = training.parts.placement.device
    # Made anew, because some of timm's measure weight decay by the rate they begin with.
    training.optimizer = make_optimizer(config.optimizer, groups, device, progress.schedule.lr)
    training.stepper.optimizer = training.optimizer
    return True


def _tried(step: int, lrs: list[float], losses: list[float]) -> RateTried:
    loss, smoothed = losses[-1], float(smooth(losses)[-1])
    return RateTried(step=step, lr=lrs[-1], loss=_finite(loss), smoothed=_finite(smoothed))


def _tell(training: Training, found: Suggestions, taken: float | None = None) -> None:
    training.recorder.emit(
        LearningRateFound(
            step=training.progress.step,
            suggestions=found.by_rule,
            lr=found.lr,
            sentence=found.sentence,
            taken=taken,
        )
    )


def _nothing(sentence: str) -> Suggestions:
    return Suggestions({}, None, sentence)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None

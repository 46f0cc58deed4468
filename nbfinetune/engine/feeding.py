"""What a step is fed: images, or what the frozen layers have made of them."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from nbfinetune.data.loader import Batch
from nbfinetune.data.randomness import Ids
from nbfinetune.engine.assemble import Parts
from nbfinetune.engine.frozen_features import (
    FrozenFeatures,
    hindrance,
    megabytes,
    views_that_fit,
    worth_it,
)
from nbfinetune.engine.head_alone import HeadAlone, cut_by_few, head_alone_is_trained
from nbfinetune.engine.mixing import mix
from nbfinetune.engine.validation import Measured
from nbfinetune.errors import TrainingError
from nbfinetune.models.groups import train_mode
from nbfinetune.records import FeaturesKept, FeaturesUnused, PhaseStarted

if TYPE_CHECKING:
    from nbfinetune.engine.training import Training


class Portion(NamedTuple):
    """What one step learns from; nothing yet, where it has no images.

    Parameters
    ----------
    inputs : Tensor
        Images (B, C, H, W), or features of them as they arrive at the head.
    targets : Tensor, int64 (B,) or float32 (B, classes)
    ids : int64 array (B,)
    wait_s : float
        Seconds that the step has waited for it.
    position : int
        Number of the batch in the epoch.
    """

    inputs: Tensor
    targets: Tensor
    ids: Ids
    wait_s: float
    position: int


def inputs(parts: Parts, batch: Batch, step: int) -> tuple[Tensor, Tensor]:
    """Images and targets of a batch on the device, mixed where the run asks for it."""
    images, labels = parts.normalised(batch.images), parts.labels(batch.labels)
    augment = parts.config.augment
    if not (augment.mixup or augment.cutmix):
        return images, labels
    rng = np.random.default_rng([parts.config.seed, step, parts.world.rank])
    return mix(images, labels, len(parts.classes), augment, rng)


class Feeding:
    """Feeds the steps of a run.

    While nothing but the head is trained, what arrives at it is kept in the first epochs, one view
    of every image in each; later epochs train the head alone, on one of the views. Nothing is
    computed ahead, and the first epochs are what they would be otherwise. How many views there are
    stands in `Progress.feature_views`: None before that is known, 0 once none are kept (any more).

    Parameters
    ----------
    training : Training
    """

    def __init__(self, training: Training) -> None:
        self._training = training
        self._features: FrozenFeatures | None = None

    # ---- before and after a step ----

    def review(self, *, reshaped: bool = False, silent: bool = False) -> None:
        """Go back to images for good where the layers before the head change from now on.

        Parameters
        ----------
        reshaped : bool
            Whether the model is another one now.
        silent : bool
            Whether the run's log has been told already.
        """
        training = self._training
        views = training.progress.feature_views
        if views is None and not worth_it(training):
            return
        reason = "the model was pruned" if reshaped else hindrance(training)
        if views != 0 and reason is not None:
            self._end(reason, silent=silent)
        elif views and not head_alone_is_trained(training.model):
            self._end(None)

    def prepare(self, epoch: int) -> None:
        """Let the loader begin with an epoch, where it will be asked for its images."""
        thaws = self._training.config.model.freeze_epochs
        if self._feeds_features(epoch) and not (thaws and epoch >= thaws):
            return
        self._training.parts.train.prepare(epoch, shuffle=True, drop_last=True)

    def prepare_validation(self) -> None:
        """Let the loader begin with the validation images, where they will be asked for."""
        if self._features is None or not self._features.validation_is_kept:
            self._training.parts.val.prepare(0, shuffle=False, drop_last=False)

    def epoch(self) -> Generator[Portion]:
        """Portions of the epoch in hand, from the one on that is next.

        Between two of them anything may happen to the run: it goes on with images at once where
        features are of no use any more.
        """
        self.review()
        if self._feeds_features(self._training.progress.epoch):
            yield from self._of_features()
        yield from self._of_images()

    def step(self, portion: Portion) -> Tensor:
        """Train on a portion; gives the mean loss, a scalar left on the device."""
        training, features = self._training, self._features
        stepper, model = training.stepper, training.model
        if training.stale_mode:
            if features is None:
                train_mode(model)
            else:
                features.cut.train_mode(model)
            training.stale_mode = False
        epoch = training.progress.epoch
        if features is None or epoch >= features.views:
            return stepper.step(portion.inputs, portion.targets)
        with features.cut.listening(model, dropping=True) as seen:
            loss = stepper.step(portion.inputs, portion.targets)
        self._keep(features, epoch, portion.ids, seen)
        return loss

    def validated(self, model: nn.Module) -> Iterator[Measured | None] | None:
        """What a model of the run says of the validation images, where features serve for it."""
        features = self._features
        if features is None or not features.cut.alike_before(model, self._training.model):
            return None
        return features.validated(model, self._training.parts)

    # ---- images ----

    def _of_images(self) -> Generator[Portion]:
        training = self._training
        progress = training.progress
        self._step_through(training.model)
        wanted = self._wanted()
        batches = training.parts.train.epoch(
            progress.epoch, start_batch=progress.batch, shuffle=True, drop_last=True
        )
        with closing(batches):
            for batch in batches:
                images, targets = inputs(training.parts, batch, progress.step)
                if wanted and self._features is None and progress.feature_views != 0:
                    self._begin(images)
                yield Portion(images, targets, batch.ids, batch.wait_s, batch.position)

    # ---- features ----

    def _feeds_features(self, epoch: int) -> bool:
        views = self._training.progress.feature_views
        return views is not None and 0 < views <= epoch

    def _of_features(self) -> Generator[Portion]:
        training = self._training
        parts, progress = training.parts, training.progress
        yield from self._completing(progress.epoch)
        features = self._features
        if features is None:
            return
        self._step_through(HeadAlone(training.model, features.cut))
        training.stale_mode = True
        batches = parts.train.ids_by_batch(progress.epoch)
        while self._features is not None and progress.batch < parts.steps_per_epoch:
            rows, ids = features.take(progress.epoch % features.views, batches[progress.batch])
            labels = parts.labels(parts.index.labels[ids])
            yield Portion(rows, labels, ids, 0.0, progress.batch)

    def _completing(self, epoch: int) -> Generator[Portion]:
        """Compute what is missing of the view of an epoch; a portion of nothing after each batch.

        Of a view as the run has gone through it only the incomplete last batch is missing. A
        worker that goes on for another has nothing.
        """
        training = self._training
        train = training.parts.train
        if self._features is None:
            with closing(train.some(0, range(training.parts.steps_per_epoch))) as some:
                for batch in some:
                    self._begin(training.parts.normalised(batch.images))
                    break
        features = self._features
        if features is None:
            return
        view = epoch % features.views
        missing = features.missing(view)
        if len(missing) > 1:
            phase = f"computing the frozen layers' features, view {view + 1} of {features.views}"
            training.recorder.emit(PhaseStarted(step=training.progress.step, phase=phase))
        with closing(train.some(view, missing)) as batches:
            for batch in batches:
                if self._features is None:
                    return
                self._compute(features, view, batch)
                yield self._nothing_yet()

    def _compute(self, features: FrozenFeatures, view: int, batch: Batch) -> None:
        """Put a batch through the model as a step does, in the same pieces."""
        training = self._training
        model, piece = training.model, training.progress.micro_batch
        features.cut.train_mode(model)
        images = training.parts.normalised(batch.images)
        with training.parts.placement.autocast(), features.cut.listening(model) as seen:
            for start in range(0, len(images), piece):
                model(images[start : start + piece])
        self._keep(features, view, batch.ids, seen)

    def _keep(self, features: FrozenFeatures, view: int, ids: Ids, seen: list[Tensor]) -> None:
        try:
            # Where memory ran out, the pieces of the first try come before those of the last.
            features.put(view, ids, torch.cat(seen)[-len(ids) :])
        except torch.OutOfMemoryError as error:
            self._end(str(error).splitlines()[0])

    def _nothing_yet(self) -> Portion:
        none = np.zeros(0, np.int64)
        position = self._training.progress.batch - 1
        return Portion(torch.empty(0), torch.empty(0), none, 0.0, position)

    def _wanted(self) -> bool:
        views = self._training.progress.feature_views
        return bool(views) if views is not None else worth_it(self._training)

    def _begin(self, images: Tensor) -> None:
        """Keep features from here on, if the model can be taken apart and there is room; say so."""
        training = self._training
        parts, progress = training.parts, training.progress
        training.stale_mode = True
        try:
            found = cut_by_few(training.model, images, parts.placement)
            views = progress.feature_views or views_that_fit(found, training)
        except TrainingError as error:
            self._end(str(error))
            return
        if progress.feature_views is None:
            size = megabytes(found, parts, views)
            told = FeaturesKept(step=progress.step, views=views, megabytes=size)
            training.recorder.emit(told)
            progress.feature_views = views
        self._features = FrozenFeatures(parts, found, views)

    def _end(self, reason: str | None, *, silent: bool = False) -> None:
        """Give the features up and train on images from here on."""
        training = self._training
        self._features = None
        training.progress.feature_views = 0
        self._step_through(training.model)
        training.stale_mode = True
        if reason is not None and not silent:
            training.recorder.emit(FeaturesUnused(step=training.progress.step, reason=reason))

    def _step_through(self, module: nn.Module) -> None:
        stepper = self._training.stepper
        if stepper.model is not module:
            stepper.model = module
            stepper.wrap()

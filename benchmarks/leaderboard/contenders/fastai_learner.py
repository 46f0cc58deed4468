"""fastai: a Learner over ImageDataLoaders, one cycle."""

from __future__ import annotations

import time

import torch
from fastai.vision.all import (
    Callback,
    CrossEntropyLossFlat,
    ImageDataLoaders,
    Learner,
    Normalize,
    RandomResizedCrop,
    Resize,
    accuracy,
    aug_transforms,
    imagenet_stats,
)
from photos import WORKERS, model_of
from task import Task


class Teller(Callback):
    """Notes the first step and each epoch."""

    def __init__(self, task: Task) -> None:
        self.task, self.stepped, self.number = task, False, 0

    def before_train(self) -> None:
        self.began, self.images = time.perf_counter(), 0

    def before_batch(self) -> None:
        if self.training and not self.stepped:
            self.task.tell("first batch")

    def after_batch(self) -> None:
        if self.training:
            self.images += len(self.x)
            if not self.stepped:
                self.stepped = True
                self.task.tell("first step")

    def after_train(self) -> None:
        self.seconds = time.perf_counter() - self.began

    def after_epoch(self) -> None:
        self.number += 1
        value = float(self.recorder.metrics[-1].value)
        self.task.tell(
            "epoch", epoch=self.number, seconds=self.seconds, images=self.images, accuracy=value
        )


class Half(Callback):
    """What `Learner.to_bf16` does, which is written for CUDA alone, on any device."""

    def before_batch(self) -> None:
        self.autocast = torch.autocast(self.dls.device.type, torch.bfloat16)
        self.autocast.__enter__()

    def after_pred(self) -> None:
        self.learn.pred = self.pred.float()

    def after_loss(self) -> None:
        self.autocast.__exit__(None, None, None)


def photos(task: Task) -> ImageDataLoaders:
    """Batches of the same photos, in the same crops: of fastai's own transforms, the flip alone."""
    varied = task.augment == "standard"
    flip = aug_transforms(max_rotate=0, max_zoom=1, max_warp=0, max_lighting=0) if varied else []
    crop = RandomResizedCrop(task.image_size, min_scale=0.35) if varied else Resize(task.image_size)
    return ImageDataLoaders.from_folder(
        task.data,
        train="train",
        valid="val",
        item_tfms=crop,
        batch_tfms=[*flip, Normalize.from_stats(*imagenet_stats)],
        bs=task.batch_size,
        num_workers=WORKERS,
        device=torch.device(task.device),
    )


def begun() -> tuple[Task, ImageDataLoaders]:
    """The task that was given, and its photos; what goes before every learner."""
    task = Task.given()
    task.tell("imported")
    torch.set_num_threads(task.threads)
    dls = photos(task)
    task.tell("data")
    return task, dls


if __name__ == "__main__":
    task, dls = begun()
    watching = [Teller(task), *([Half()] if task.half else [])]
    learner = Learner(
        dls, model_of(task), loss_func=CrossEntropyLossFlat(), metrics=accuracy, cbs=watching
    )
    task.tell("model")
    with learner.no_bar(), learner.no_logging():
        learner.fit_one_cycle(task.epochs, task.lr)

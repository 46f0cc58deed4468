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

    def after_batch(self) -> None:
        if self.training:
            self.images += len(self.x)
            if not self.stepped:
                self.task.tell("first step")
                self.stepped = True

    def after_train(self) -> None:
        self.seconds = time.perf_counter() - self.began

    def after_epoch(self) -> None:
        self.number += 1
        value = float(self.recorder.metrics[-1].value)
        self.task.tell(
            "epoch", epoch=self.number, seconds=self.seconds, images=self.images, accuracy=value
        )


if __name__ == "__main__":
    task = Task.given()
    torch.set_num_threads(task.threads)
    dls = ImageDataLoaders.from_folder(
        task.data,
        train="train",
        valid="val",
        item_tfms=RandomResizedCrop(task.image_size, min_scale=0.35),
        batch_tfms=[*aug_transforms(), Normalize.from_stats(*imagenet_stats)],
        bs=task.batch_size,
        num_workers=WORKERS,
        device=torch.device("cpu"),
    )
    learner = Learner(
        dls, model_of(task), loss_func=CrossEntropyLossFlat(), metrics=accuracy, cbs=Teller(task)
    )
    with learner.no_bar(), learner.no_logging():
        learner.fit_one_cycle(task.epochs, task.lr)

"""Lightning: a Trainer over the tutorial's loaders."""

from __future__ import annotations

import time
import warnings
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from photos import loaders, model_of
from task import Task
from torch.nn.functional import cross_entropy


class Module(LightningModule):
    """The model, its loss and its optimizer."""

    def __init__(self, task: Task, steps: int) -> None:
        super().__init__()
        self.task, self.steps, self.model = task, steps, model_of(task)
        self.stepped, self.right = False, []

    def on_train_epoch_start(self) -> None:
        self.began, self.images = time.perf_counter(), 0

    def on_train_batch_start(self, *_: Any) -> None:
        if not self.stepped and not self.images:
            self.task.tell("first batch")

    def training_step(self, batch: Any, _: int) -> torch.Tensor:
        images, labels = batch
        self.images += len(images)
        return cross_entropy(self.model(images), labels)

    def on_train_batch_end(self, *_: Any) -> None:
        if not self.stepped:
            self.task.tell("first step")
            self.stepped = True
        self.seconds = time.perf_counter() - self.began

    def validation_step(self, batch: Any, _: int) -> None:
        images, labels = batch
        self.right.append((self.model(images).argmax(1) == labels).float())

    def on_validation_epoch_end(self) -> None:
        value, self.right = float(torch.cat(self.right).mean()), []
        if self.stepped:
            epoch = self.current_epoch + 1
            self.task.tell(
                "epoch", epoch=epoch, seconds=self.seconds, images=self.images, accuracy=value
            )

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.AdamW(self.parameters(), lr=self.task.lr, weight_decay=0.01)
        curve = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, self.task.lr, total_steps=self.steps * self.task.epochs
        )
        return [optimizer], [{"scheduler": curve, "interval": "step"}]


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    task = Task.given()
    task.tell("imported")
    torch.set_num_threads(task.threads)
    batches, val = loaders(task)
    task.tell("data")
    module = Module(task, len(batches))
    task.tell("model")
    trainer = Trainer(
        accelerator="cpu" if task.device == "cpu" else "auto",
        devices=1,
        max_epochs=task.epochs,
        precision="bf16-mixed" if task.half else "32-true",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )
    trainer.fit(module, batches, val)

"""Hugging Face: a Trainer over the tutorial's photos."""

from __future__ import annotations

import tempfile
import time
from typing import Any

import torch
from photos import WORKERS, datasets, model_of
from task import Task
from torch import nn
from torch.nn.functional import cross_entropy
from transformers import Trainer, TrainerCallback, TrainingArguments


class Classifier(nn.Module):
    """The model as the Trainer calls it."""

    def __init__(self, task: Task) -> None:
        super().__init__()
        self.model = model_of(task)

    def forward(self, pixel_values: Any, labels: Any = None) -> dict[str, Any]:
        logits = self.model(pixel_values)
        return {"loss": cross_entropy(logits, labels), "logits": logits}


class Teller(TrainerCallback):
    """Notes the first step and each epoch."""

    def __init__(self, task: Task, images: int) -> None:
        self.task, self.images, self.epoch, self.stepped = task, images, 0, False

    def on_epoch_begin(self, *_: Any, **__: Any) -> None:
        self.began = time.perf_counter()

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        if not self.stepped:
            self.task.tell("first batch")

    def on_step_end(self, *_: Any, **__: Any) -> None:
        if not self.stepped:
            self.stepped = True
            self.task.tell("first step")

    def on_epoch_end(self, *_: Any, **__: Any) -> None:
        self.seconds = time.perf_counter() - self.began

    def on_evaluate(self, *_: Any, metrics: dict[str, float], **__: Any) -> None:
        self.epoch += 1
        self.task.tell(
            "epoch",
            epoch=self.epoch,
            seconds=self.seconds,
            images=self.images,
            accuracy=metrics["eval_accuracy"],
        )


def collate(rows: list[tuple[torch.Tensor, int]]) -> dict[str, torch.Tensor]:
    """A batch of (image, label)."""
    images, labels = zip(*rows, strict=True)
    return {"pixel_values": torch.stack(images), "labels": torch.tensor(labels)}


def measured(outputs: Any) -> dict[str, float]:
    """Accuracy."""
    return {"accuracy": float((outputs.predictions.argmax(1) == outputs.label_ids).mean())}


def arguments(task: Task, folder: str) -> TrainingArguments:
    """As the image-classification tutorial has them; workers are added, which it has none of."""
    return TrainingArguments(
        output_dir=folder,
        use_cpu=task.device == "cpu",
        bf16=task.half,
        num_train_epochs=task.epochs,
        per_device_train_batch_size=task.batch_size,
        per_device_eval_batch_size=64,
        learning_rate=task.lr,
        weight_decay=0.01,
        lr_scheduler_type="cosine",
        warmup_steps=0.1,
        eval_strategy="epoch",
        save_strategy="no",
        seed=task.seed,
        report_to=[],
        disable_tqdm=True,
        remove_unused_columns=False,
        dataloader_num_workers=WORKERS,
        dataloader_persistent_workers=True,
        label_names=["labels"],
    )


if __name__ == "__main__":
    task = Task.given()
    task.tell("imported")
    torch.set_num_threads(task.threads)
    train, val = datasets(task)
    task.tell("data")
    model = Classifier(task)
    task.tell("model")
    with tempfile.TemporaryDirectory() as folder:
        Trainer(
            model,
            arguments(task, folder),
            train_dataset=train,
            eval_dataset=val,
            data_collator=collate,
            compute_metrics=measured,
            callbacks=[Teller(task, len(train))],
        ).train()

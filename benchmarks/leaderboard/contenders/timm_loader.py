"""The same loop over timm's loader."""

from __future__ import annotations

from pathlib import Path

import torch
from loop import train
from photos import WORKERS, accuracy, model_of
from task import Task
from timm.data import create_dataset, create_loader

if __name__ == "__main__":
    task = Task.given()
    torch.set_num_threads(task.threads)
    made = {
        part: create_loader(
            create_dataset("", root=str(Path(task.data) / part)),
            input_size=(3, task.image_size, task.image_size),
            batch_size=task.batch_size if part == "train" else 64,
            is_training=part == "train",
            scale=(0.35, 1.0),
            color_jitter=0.0,
            use_prefetcher=False,
            num_workers=WORKERS,
            persistent_workers=True,
            device=torch.device("cpu"),
        )
        for part in ("train", "val")
    }
    model = model_of(task)
    train(task, model, made["train"], len(made["train"]), lambda: accuracy(model, made["val"]))

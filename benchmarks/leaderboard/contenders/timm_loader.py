"""The same loop over timm's loader."""

from __future__ import annotations

from pathlib import Path

import torch
from loop import train
from photos import WORKERS, model_of
from task import Task
from timm.data import create_dataset, create_loader

if __name__ == "__main__":
    task = Task.given()
    task.tell("imported")
    torch.set_num_threads(task.threads)
    on_cpu = task.device == "cpu"
    made = {
        part: create_loader(
            create_dataset("", root=str(Path(task.data) / part)),
            input_size=(3, task.image_size, task.image_size),
            batch_size=task.batch_size if part == "train" else 64,
            is_training=part == "train",
            no_aug=task.augment == "none",
            scale=(0.35, 1.0),
            # None and not 0: zeros still shuffle the three of them for every photo.
            color_jitter=None,
            use_prefetcher=not on_cpu,
            num_workers=WORKERS,
            persistent_workers=True,
            pin_memory=not on_cpu,
            device=torch.device(task.device),
        )
        for part in ("train", "val")
    }
    task.tell("data")
    model = model_of(task)
    task.tell("model")
    train(task, model, made["train"], made["val"])

"""A plain loop over batches, timed: what the textbook's and timm's contender share."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import torch
from task import Task
from torch import Tensor, nn


def train(
    task: Task,
    model: nn.Module,
    batches: Iterable[tuple[Tensor, Tensor]],
    steps: int,
    validate: Callable[[], float],
) -> None:
    """AdamW along a cosine, as every tutorial."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=task.lr, weight_decay=0.01)
    curve = torch.optim.lr_scheduler.OneCycleLR(optimizer, task.lr, total_steps=steps * task.epochs)
    loss_of, first = nn.CrossEntropyLoss(), True
    for epoch in range(task.epochs):
        model.train()
        began, images_seen = time.perf_counter(), 0
        for images, labels in batches:
            optimizer.zero_grad()
            with torch.autocast("cpu", torch.bfloat16, enabled=task.half):
                loss = loss_of(model(images), labels)
            loss.backward()
            optimizer.step()
            curve.step()
            loss.item()
            images_seen += len(images)
            if first:
                task.tell("first step")
                first = False
        seconds = time.perf_counter() - began
        task.tell(
            "epoch", epoch=epoch + 1, seconds=seconds, images=images_seen, accuracy=validate()
        )

"""A plain loop over batches, timed: what the textbook's and timm's contender share."""

from __future__ import annotations

import time

import torch
from photos import accuracy
from task import Task
from torch import nn
from torch.utils.data import DataLoader


def train(task: Task, model: nn.Module, batches: DataLoader, val: DataLoader) -> None:
    """AdamW along one cycle, as every tutorial."""
    model = model.to(task.device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=task.lr, weight_decay=0.01)
    steps = len(batches) * task.epochs
    curve = torch.optim.lr_scheduler.OneCycleLR(optimizer, task.lr, total_steps=steps)
    loss_of, first = nn.CrossEntropyLoss(), True
    for epoch in range(task.epochs):
        model.train()
        began, images_seen = time.perf_counter(), 0
        for images, labels in batches:
            if first:
                task.tell("first batch")
            pixels = images.to(task.device, non_blocking=True)
            optimizer.zero_grad()
            with torch.autocast(task.device, torch.bfloat16, enabled=task.half):
                loss = loss_of(model(pixels), labels.to(task.device, non_blocking=True))
            loss.backward()
            optimizer.step()
            curve.step()
            loss.item()
            images_seen += len(images)
            if first:
                task.tell("first step")
                first = False
        seconds = time.perf_counter() - began
        value = accuracy(model, val, task.device)
        task.tell("epoch", epoch=epoch + 1, seconds=seconds, images=images_seen, accuracy=value)

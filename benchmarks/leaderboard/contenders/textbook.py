"""The textbook loop."""

from __future__ import annotations

import torch
from loop import train
from photos import accuracy, loaders, model_of
from task import Task

if __name__ == "__main__":
    task = Task.given()
    torch.set_num_threads(task.threads)
    batches, val = loaders(task)
    model = model_of(task)
    train(task, model, batches, len(batches), lambda: accuracy(model, val))

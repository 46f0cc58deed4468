"""The textbook loop."""

from __future__ import annotations

import torch
from loop import train
from photos import loaders, model_of
from task import Task

if __name__ == "__main__":
    task = Task.given()
    task.tell("imported")
    torch.set_num_threads(task.threads)
    batches, val = loaders(task)
    task.tell("data")
    model = model_of(task)
    task.tell("model")
    train(task, model, batches, val)

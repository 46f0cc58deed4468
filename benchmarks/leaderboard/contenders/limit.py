"""The model-bound limit: our own step on one fixed batch in memory, in the fastest way there is."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from task import Task

from nbfinetune.engine.device import Placement
from nbfinetune.engine.step_timing import fixed_step
from nbfinetune.runner.speed_measure import Measuring

SECONDS = 12.0
TRIED_S = 1.5


def main() -> None:
    """Try each way shortly, then step for a while in the fastest."""
    task = Task.given()
    torch.set_num_threads(task.threads)
    how = Measuring(batch_size=task.batch_size, image_size=task.image_size, classes=task.classes)
    config, device = how.config(task.model), torch.device("cpu")
    steps = {
        (precision, last): fixed_step(config, Placement(device, precision, last), task.classes)
        for precision in ("fp32", "bf16")
        for last in (True, False)
    }
    way = max(steps, key=lambda one: rate(steps[one], TRIED_S, task.batch_size))
    task.tell("tuned", way=f"{way[0]}, last={way[1]}")
    for epoch in range(task.epochs):
        reached = rate(steps[way], SECONDS / task.epochs, task.batch_size)
        task.tell("epoch", epoch=epoch + 1, rate=reached, images=task.batch_size, accuracy=0.0)


def rate(step: Callable[[], object], seconds: float, images: int) -> float:
    """Images a second."""
    step()
    began, count = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        step()
        count += images
    return count / (time.perf_counter() - began)


if __name__ == "__main__":
    main()

"""The model-bound limit: our own step on one fixed batch in memory, in the fastest way there is."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from task import Task

from nbfinetune.engine import heap
from nbfinetune.engine.device import Placement
from nbfinetune.engine.step_timing import fixed_step
from nbfinetune.runner.speed_measure import Measuring

SECONDS = 12.0
TRIED_S = 1.5
PRECISIONS = ("fp32", "bf16")


def main() -> None:
    """Try each way shortly, then step for a while in the fastest."""
    task = Task.given()
    heap.keep_freed()
    torch.set_num_threads(task.threads)
    how = Measuring(batch_size=task.batch_size, image_size=task.image_size, classes=task.classes)
    config, device = how.config(task.model), torch.device(task.device)
    ways = [(precision, last) for precision in PRECISIONS for last in (True, False)]
    steps = {way: fixed_step(config, Placement(device, *way), task.classes) for way in ways}
    tried = {way: rate(task, steps[way], TRIED_S) for way in ways}
    way = max(ways, key=lambda one: tried[one])
    threads = fastest_threads(task, steps[way], tried[way])
    torch.set_num_threads(threads)
    precision, last = way
    said = f"{precision}, channels {'last' if last else 'first'}, {threads} threads"
    task.tell("tuned", way=said)
    for epoch in range(task.epochs):
        reached = rate(task, steps[way], SECONDS / task.epochs)
        task.tell("epoch", epoch=epoch + 1, rate=reached)


def fastest_threads(task: Task, step: Callable[[], object], best: float) -> int:
    """All of the threads, or half of them as long as that is faster."""
    threads = task.threads
    while task.device == "cpu" and threads > 1:
        torch.set_num_threads(threads // 2)
        tried = rate(task, step, TRIED_S)
        if tried <= best:
            break
        threads, best = threads // 2, tried
    return threads


def rate(task: Task, step: Callable[[], object], seconds: float) -> float:
    """Images a second."""
    step()
    settle(task)
    began, count = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        step()
        settle(task)
        count += task.batch_size
    return count / (time.perf_counter() - began)


def settle(task: Task) -> None:
    """Wait for a device that works behind the Python code."""
    if task.device != "cpu":
        torch.accelerator.synchronize()


if __name__ == "__main__":
    main()

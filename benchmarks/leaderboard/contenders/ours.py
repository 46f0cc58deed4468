"""nbfinetune without a widget."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from task import Task

LOOK_S = 0.05


def settings(task: Task) -> dict[str, Any]:
    """The task in the words of `fine_tune`."""
    return {
        "model": task.model,
        "pretrained": False,
        "checkpoint": task.weights or None,
        "freeze": "backbone" if task.frozen else "none",
        "augment": task.augment,
        "image_size": task.image_size,
        "batch_size": task.batch_size,
        "epochs": task.epochs,
        "lr": task.lr,
        "device": task.device,
        "seed": task.seed,
        **task.settings,
    }


def main() -> None:
    """Train, then tell what the run's log has."""
    task = Task.given()
    began = time.perf_counter()
    import nbfinetune as nf

    # Whatever is asked of the package is imported then and not before.
    fine_tune = nf.fine_tune
    task.tell("imported", import_s=time.perf_counter() - began)
    folder = Path(task.data)
    run = fine_tune((str(folder / "train"), str(folder / "val")), **settings(task))
    task.tell("called")
    if task.first_step_only:
        await_first_step(run)
    else:
        run.wait(progress=False)
    import run_log

    run_log.tell(task, run.events())


def await_first_step(run: Any) -> None:
    """Stop the run once it has taken a step."""
    from nbfinetune.records import StepDone

    seen = 0
    while True:
        events = run.events(after=seen)
        if any(isinstance(event, StepDone) for event in events):
            break
        seen = max([seen, *(event.seq for event in events)])
        time.sleep(LOOK_S)
    run.stop()


if __name__ == "__main__":
    main()

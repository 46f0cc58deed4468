"""nbfinetune without a widget."""

from __future__ import annotations

from pathlib import Path

from task import Task

import nbfinetune as nf
from nbfinetune.records import EpochDone, StepDone, StepTuned


def main() -> None:
    """Train, then tell what the run's log has."""
    task = Task.given()
    task.tell("imported")
    folder = Path(task.data)
    run = nf.fine_tune(
        (str(folder / "train"), str(folder / "val")),
        model=task.model,
        pretrained=False,
        checkpoint=task.weights or None,
        image_size=task.image_size,
        batch_size=task.batch_size,
        epochs=task.epochs,
        lr=task.lr,
        threads=task.threads,
        seed=task.seed,
        wait=False,
    )
    run.wait(progress=False)
    tell(task, run)


def tell(task: Task, run: nf.Run) -> None:
    """What every contender tells."""
    stepped = False
    for event in run.events():
        if isinstance(event, StepTuned):
            task.tell("tuned", event.time, way=f"{event.precision}, last={event.channels_last}")
        if isinstance(event, StepDone) and not stepped:
            stepped = True
            task.tell("first step", event.time)
        if isinstance(event, EpochDone):
            images = run.config.training.batch_size
            task.tell(
                "epoch",
                event.time,
                epoch=event.epoch,
                rate=event.images_per_s,
                images=images,
                accuracy=event.accuracy,
            )


if __name__ == "__main__":
    main()

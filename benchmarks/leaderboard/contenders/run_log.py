"""What a run's own log says, told as every contender tells it."""

from __future__ import annotations

from task import BEGAN, Task

from nbfinetune.records import EpochDone, Event, PhaseStarted, RunStarted, StepDone, StepTuned

# What has happened when the worker says that it turns to the next thing.
DONE = {"starting torch": "spawned", "reading the images": "torch", "building": "data"}


def tell(task: Task, events: list[Event], began: float | None = None) -> None:
    """Tell all that happened.

    Parameters
    ----------
    began : float, optional
        When the clock started, where it was not with this process (seconds since 1970).
    """
    late = 0.0 if began is None else began - BEGAN
    stepped, started = False, 0.0
    for event in events:
        at = event.time - late
        if isinstance(event, PhaseStarted):
            what = next((done for said, done in DONE.items() if event.phase.startswith(said)), "")
            if what:
                task.tell(what, at)
        elif isinstance(event, StepTuned):
            task.tell("tuned", at, way=way(event))
        elif isinstance(event, RunStarted):
            task.tell("model", at)
            started = at
        elif isinstance(event, StepDone) and not stepped:
            stepped = True
            task.tell("first batch", min(at, started + event.data_wait_s))
            task.tell("first step", at)
        elif isinstance(event, EpochDone):
            rate, accuracy = event.images_per_s, event.accuracy
            task.tell("epoch", at, epoch=event.epoch, rate=rate, accuracy=accuracy)


def way(event: StepTuned) -> str:
    """What the self-test chose, in words."""
    last = "last" if event.channels_last else "first"
    threads = f", {event.threads} threads" if event.threads else ""
    return f"{event.precision}, channels {last}{threads}"

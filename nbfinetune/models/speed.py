"""How long models take on a device: as measured there, else scaled from what was measured."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

from nbfinetune.models.model_facts import ModelFacts

__all__ = ["Pace", "Speed", "Task", "architecture", "pace", "work"]

ACTIVATION_MACS = {"cpu": 180.0, "gpu": 900.0}
"""What writing one activation costs, in multiply-accumulates.

Fitted to timm's published speeds of 1,440 models on an i7-12700H and of 651 on an RTX 3090, where
it leaves median errors of 12 % and 18 %; without it they are 56 % and 75 %.
"""

BACKWARD = 2.0
"""What a backward pass through everything takes where nothing was measured, in forward passes."""

USUAL_STAGES = 4


class Speed(msgspec.Struct, frozen=True, kw_only=True):
    """How fast a model was, once, on one device.

    Parameters
    ----------
    device : str
        As people know the hardware.
    device_type : str
        As torch writes it: `cpu`, `cuda`.
    threads : int
        Of the CPU.
    torch, timm : str
        Versions.
    name : str
        The model.
    image_size, batch_size : int
    trained : str
        What of it: a name of `nbfinetune.models.training_choice`.
    images : int
        That went through at a time; less than `batch_size` where a batch took too long.
    forward_ms, train_ms : float
        A batch through the model in evaluation, and a training step on it.
    peak_mb : float, optional
        Memory at its peak, MiB.
    busy : bool
        Whether others used the CPU meanwhile.
    """

    device: str
    device_type: str
    threads: int
    torch: str
    timm: str
    name: str
    image_size: int
    batch_size: int
    trained: str
    images: int
    forward_ms: float
    train_ms: float
    peak_mb: float | None = None
    busy: bool = False

    @property
    def images_per_s(self) -> float:
        """Training images a second."""
        return 1000 * self.batch_size / self.train_ms

    @property
    def architecture(self) -> str:
        """The name without its tag: other weights take the same time."""
        return architecture(self.name)


@dataclass(frozen=True)
class Task:
    """What is to be timed.

    Parameters
    ----------
    image_size, batch_size : int
    trained : str
        As `Speed.trained`.
    """

    image_size: int
    batch_size: int
    trained: str = "all"


@dataclass(frozen=True)
class Pace:
    """How long a model takes for an image.

    Parameters
    ----------
    forward_ms, train_ms : float
        In evaluation and in training.
    source : {"measured", "estimated"}
    words : str
        Where the figures are from, to stand in brackets.
    """

    forward_ms: float
    train_ms: float
    source: Literal["measured", "estimated"]
    words: str

    @property
    def images_per_s(self) -> float:
        """Training images a second."""
        return 1000 / self.train_ms

    def epoch_seconds(self, train_images: int, val_images: int = 0) -> float:
        """Seconds of an epoch and the validation after it, where the images are waited for never.

        Parameters
        ----------
        train_images, val_images : int
        """
        return (train_images * self.train_ms + val_images * self.forward_ms) / 1000


def pace(
    facts: ModelFacts,
    task: Task,
    speeds: Iterable[Speed],
    catalogue: Mapping[str, ModelFacts],
) -> Pace | None:
    """Pace of a model on the device that `speeds` were measured on.

    Parameters
    ----------
    facts : ModelFacts
    task : Task
    speeds : iterable of Speed
        Of one device, with as many threads.
    catalogue : mapping
        Facts by architecture, of the models in `speeds`; those that it lacks are left out.

    Returns
    -------
    Pace or None
        None where nothing was measured on the device.
    """
    known = [one for one in speeds if one.architecture in catalogue]
    own = [one for one in known if one.architecture == facts.architecture]
    if own:
        return _from_own(task, min(own, key=lambda one: _distance(one, task)))
    if not known:
        return None
    return _from_others(facts, task, known, catalogue)


def architecture(name: str) -> str:
    """A model's name without the tag of its weights."""
    return name.partition(".")[0]


def work(facts: ModelFacts, image_size: int, device_type: str) -> float:
    """What an image of `image_size` costs a forward pass, in multiply-accumulates."""
    cost = ACTIVATION_MACS["cpu" if device_type == "cpu" else "gpu"]
    area = (image_size / facts.image_size) ** 2
    return (facts.macs + cost * facts.activations) * area


def _from_own(task: Task, one: Speed) -> Pace:
    area = (task.image_size / one.image_size) ** 2
    forward = area * one.forward_ms / one.batch_size
    if _backward(one.trained) == _backward(task.trained):
        train = area * one.train_ms / one.batch_size
    else:
        train = forward * (1 + _backward(task.trained) * _typical_backward([one]))
    if _as(one) == task:
        return Pace(forward, train, "measured", "measured here" + one.busy * ", beside other work")
    at = f"{one.image_size} pixels, {one.batch_size} images a batch"
    return Pace(forward, train, "estimated", f"estimated from its own speed at {at}")


def _from_others(
    facts: ModelFacts, task: Task, known: Sequence[Speed], catalogue: Mapping[str, ModelFacts]
) -> Pace:
    ordered = sorted(known, key=lambda one: _distance(one, task), reverse=True)
    nearest = {one.architecture: one for one in ordered}
    rates = [
        one.forward_ms / one.batch_size / work(catalogue[name], one.image_size, one.device_type)
        for name, one in nearest.items()
    ]
    device_type = ordered[0].device_type
    forward = statistics.geometric_mean(rates) * work(facts, task.image_size, device_type)
    train = forward * (1 + _backward(task.trained) * _typical_backward(nearest.values()))
    count = len(nearest)
    words = f"estimated from {count} measured model{'s' * (count != 1)}"
    return Pace(forward, train, "estimated", words)


def _as(one: Speed) -> Task:
    return Task(one.image_size, one.batch_size, one.trained)


def _distance(one: Speed, task: Task) -> tuple[float, ...]:
    return (
        float(_backward(one.trained) != _backward(task.trained)),
        float(one.busy),
        abs(math.log(one.image_size / task.image_size)),
        abs(math.log(one.batch_size / task.batch_size)),
        float(one.trained != task.trained),
    )


def _backward(trained: str) -> float:
    """Part of the network that the gradient goes back through."""
    if trained == "head":
        return 0.0
    if trained.startswith("stages:"):
        return min(1.0, int(trained.partition(":")[2]) / USUAL_STAGES)
    return 1.0


def _typical_backward(speeds: Iterable[Speed]) -> float:
    """What a backward pass through everything takes, in forward passes."""
    found = [
        (one.train_ms / one.forward_ms - 1) / _backward(one.trained)
        for one in speeds
        if _backward(one.trained)
    ]
    return max(0.0, statistics.median(found)) if found else BACKWARD

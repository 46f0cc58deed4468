"""How long models take on a device: as measured there, else scaled from what was measured."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import msgspec

from nbfinetune.models.model_facts import ModelFacts

__all__ = ["Gain", "Pace", "Paces", "Speed", "Task", "gained", "work"]

ACTIVATION_MACS = {"cpu": 180.0, "gpu": 900.0}
"""What writing one activation costs, in multiply-accumulates.

Fitted to timm's published speeds of 1,720 rows of the catalogue on an i7-12700H and of 897 on an
RTX 3090, where it leaves median errors of 11 % and 17 %; without it they are 23 % and 66 %.
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
    def task(self) -> Task:
        """What was timed."""
        return Task(self.image_size, self.batch_size, self.trained)

    @property
    def architecture(self) -> str:
        """The name without its tag: other weights take the same time."""
        return self.name.partition(".")[0]


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
        """Seconds of an epoch and the validation after it, where images are never waited for.

        Parameters
        ----------
        train_images, val_images : int
        """
        return (train_images * self.train_ms + val_images * self.forward_ms) / 1000


@dataclass(frozen=True)
class Gain:
    """What another way of computing a step does to its time.

    Parameters
    ----------
    share : float
        Of the time that the usual way takes.
    way : str
        In words: "bf16, channels last".
    """

    share: float
    way: str

    def of(self, pace: Pace) -> Pace:
        """The pace in that way."""
        words = f"{pace.words}; in {self.way}"
        forward, train = self.share * pace.forward_ms, self.share * pace.train_ms
        return replace(pace, forward_ms=forward, train_ms=train, words=words)


class Paces:
    """Paces of models on one device, out of what was measured on it.

    Parameters
    ----------
    speeds : iterable of Speed
        Of one device, with as many threads.
    catalogue : iterable of ModelFacts
        What the measured models have to compute is looked up here.
    gains : mapping of (str, Task) to Gain, optional
        What runs compute faster than it was measured, by what `gained` gives.
    """

    def __init__(
        self,
        speeds: Iterable[Speed],
        catalogue: Iterable[ModelFacts],
        gains: Mapping[tuple[str, Task], Gain] | None = None,
    ) -> None:
        self._gains = gains or {}
        self._speeds: dict[str, list[Speed]] = {}
        for one in speeds:
            self._speeds.setdefault(one.architecture, []).append(one)
        self._facts = {
            row.architecture: row for row in catalogue if row.architecture in self._speeds
        }
        self._scales: dict[Task, _Scale] = {}

    @property
    def models(self) -> int:
        """How many models of the catalogue were measured."""
        return len(self._facts)

    @property
    def measured(self) -> frozenset[str]:
        """Architectures that were measured, whether the catalogue has them or not."""
        return frozenset(self._speeds)

    def of(self, facts: ModelFacts, task: Task) -> Pace | None:
        """Pace of a model; None where nothing was measured on the device.

        Its own speed where it was measured; where that was for another task, or of other models,
        in proportion to what it has to compute.
        """
        pace = self._usual(facts, task)
        gain = self._gains.get(gained(facts.name, task))
        return gain.of(pace) if gain is not None and pace is not None else pace

    def _usual(self, facts: ModelFacts, task: Task) -> Pace | None:
        """Pace in the way in which speeds are measured."""
        own = self._speeds.get(facts.architecture)
        if own:
            return _own(task, min(own, key=lambda one: _distance(one, task)))
        if not self._facts:
            return None
        if task not in self._scales:
            self._scales[task] = self._scale(task)
        scale = self._scales[task]
        forward = scale.rate * work(facts, task.image_size, scale.device_type)
        train = forward * (1 + _backward(task.trained) * scale.backward)
        words = f"estimated from {self.models} measured model{'s' * (self.models != 1)}"
        return Pace(forward, train, "estimated", words)

    def _scale(self, task: Task) -> _Scale:
        nearest = {
            name: min(self._speeds[name], key=lambda one: _distance(one, task))
            for name in self._facts
        }
        rates = [
            one.forward_ms
            / one.batch_size
            / work(self._facts[name], one.image_size, one.device_type)
            for name, one in nearest.items()
        ]
        found = list(nearest.values())
        rate = statistics.geometric_mean(rates)
        return _Scale(rate, _typical_backward(found), found[0].device_type)


def gained(name: str, task: Task) -> tuple[str, Task]:
    """What a gain is known by: the architecture, and the task, whole models apart from parts."""
    whole = "all" if task.trained in ("all", "gentle") else "head"
    return name.partition(".")[0], replace(task, trained=whole)


@dataclass(frozen=True)
class _Scale:
    """Milliseconds for each unit of work, and a backward pass in forward passes."""

    rate: float
    backward: float
    device_type: str


def work(facts: ModelFacts, image_size: int, device_type: str) -> float:
    """What an image of `image_size` costs a forward pass, in multiply-accumulates."""
    cost = ACTIVATION_MACS["cpu" if device_type == "cpu" else "gpu"]
    area = (image_size / facts.image_size) ** 2
    return (facts.macs + cost * facts.activations) * area


def _own(task: Task, one: Speed) -> Pace:
    area = (task.image_size / one.image_size) ** 2
    forward = area * one.forward_ms / one.batch_size
    if _backward(one.trained) == _backward(task.trained):
        train = area * one.train_ms / one.batch_size
    else:
        train = forward * (1 + _backward(task.trained) * _typical_backward([one]))
    if one.task == task:
        return Pace(forward, train, "measured", "measured here" + ", beside other work" * one.busy)
    at = f"{one.image_size} pixels, {one.batch_size} images a batch"
    return Pace(forward, train, "estimated", f"estimated from its own speed at {at}")


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

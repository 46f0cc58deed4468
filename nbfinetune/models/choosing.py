"""Which three models to try first: for so many images, so much memory and so much time."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal, TypeAlias

from nbfinetune.models.model_facts import ModelFacts
from nbfinetune.models.speed import Pace, Task

__all__ = ["BytesOf", "Candidate", "PaceOf", "Role", "Situation", "candidates", "choose"]

TOYS = "Test"
"""Family of timm's networks that are there to test code."""

Role: TypeAlias = Literal["fast", "balanced", "best"]
ROLES: tuple[Role, ...] = ("fast", "balanced", "best")
PaceOf: TypeAlias = Callable[[ModelFacts, Task], Pace | None]
BytesOf: TypeAlias = Callable[[ModelFacts, Task], int]

SHARE: dict[Role, float] = {"fast": 0.12, "balanced": 0.4, "best": 0.9}
"""Of the time budget, for each role; estimates may be off by a fifth."""

USUAL_SECONDS: dict[Role, float] = {"fast": 120.0, "balanced": 600.0, "best": 3600.0}
"""For all epochs, where nobody set a budget."""

FEW, SOME = (300, 15), (3000, 150)
"""Images, and images of a class: below, the head alone is trained, or everything gently."""

SMALL_ENOUGH = ((1_000, 60e6), (10_000, 120e6))
"""Training images, and the parameters that they are enough for where they are large."""

LARGE_PX = 224

BATCHES = (32, 16, 8)
ROOM = 0.9
"""Of the free memory."""

SMALLER_SIZES = (160, 128)
"""Sides in pixels that save time where a network takes any."""

HALF_THE_SIZE_COSTS = 6.0
HEAD_ALONE_COSTS = 4.0
CACHED_IS_WORTH = 0.5
EVEN = 0.3
"""Points of top-1, like those above, that decide nothing: the quicker model is taken."""


@dataclass(frozen=True)
class Situation:
    """What a model is to be chosen for.

    Parameters
    ----------
    images, val_images : int
        That are trained on, and validated on.
    classes : int
    image_size : int, optional
        Side in pixels above which these images gain nothing; None where they are large.
    epochs : int
    head_passes : int, optional
        How many of them run images through the frozen layers where the head alone is trained; the
        others take features that were kept. None: all.
    budget_s : float, optional
        Seconds that all epochs may take.
    available_bytes : int, optional
        Free memory of the device.
    cached : frozenset of str
        Names of weights that are on this machine.
    offline : bool
        Whether no others can be had.
    any_license : bool
        Whether weights may be chosen whose licence is restricted or unknown.
    """

    images: int
    classes: int
    val_images: int = 0
    image_size: int | None = None
    epochs: int = 5
    head_passes: int | None = None
    budget_s: float | None = None
    available_bytes: int | None = None
    cached: frozenset[str] = frozenset()
    offline: bool = False
    any_license: bool = False

    @property
    def trained(self) -> str:
        """What of a model so many images are enough for."""
        each = self.images / max(1, self.classes)
        if self.images < FEW[0] or each < FEW[1]:
            return "head"
        return "gentle" if self.images < SOME[0] or each < SOME[1] else "all"

    @property
    def most_parameters(self) -> float:
        """What so many images of their size are enough for."""
        enough = next((most for count, most in SMALL_ENOUGH if self.images < count), math.inf)
        return enough * min(1.0, (self.image_size or LARGE_PX) / LARGE_PX)

    def passes(self, trained: str) -> int:
        """Epochs whose time counts, for what of a model is trained."""
        kept = trained == "head" and self.head_passes is not None
        return min(self.epochs, self.head_passes or 0) if kept else self.epochs

    def allowance_s(self, role: Role) -> float:
        """Seconds that the role's model may take for all epochs."""
        return USUAL_SECONDS[role] if self.budget_s is None else SHARE[role] * self.budget_s


@dataclass(frozen=True)
class Candidate:
    """A model and how it would be trained.

    Parameters
    ----------
    facts : ModelFacts
    task : Task
    seconds : float
        For all epochs.
    pace : Pace
    needed_bytes : int
    worth : float
        Points: its top-1, less what smaller images or a frozen backbone cost.
    """

    facts: ModelFacts
    task: Task
    seconds: float
    pace: Pace
    needed_bytes: int
    worth: float


def choose(found: Iterable[Candidate], situation: Situation) -> dict[Role, Candidate]:
    """The best that a short, a middling and the whole time allow, each another architecture.

    Returns
    -------
    dict
        By role, the quickest first. Where too few are in time, the quickest of the others; fewer
        than three only where there are no more.
    """
    left = sorted(found, key=lambda one: one.seconds)
    chosen: list[Candidate] = []
    for role in ROLES[::-1]:
        longest = min([situation.allowance_s(role), *(one.seconds for one in chosen)])
        in_time = [one for one in left if one.seconds <= longest] or left[:1]
        if in_time:
            chosen.append(_quickest_of_the_best(in_time))
            taken = {one.facts.architecture for one in chosen}
            left = [one for one in left if one.facts.architecture not in taken]
    ordered = sorted(chosen, key=lambda one: one.seconds)
    return dict(zip(ROLES, ordered, strict=False))


def candidates(
    rows: Iterable[ModelFacts], situation: Situation, pace_of: PaceOf, bytes_of: BytesOf
) -> Iterator[Candidate]:
    """Every way to train every model that may be chosen, as far as memory allows.

    Parameters
    ----------
    rows : iterable of ModelFacts
    situation : Situation
    pace_of : callable (facts, task) -> Pace or None
    bytes_of : callable (facts, task) -> int
        Memory at its peak.
    """
    kept = [row for row in rows if _is_eligible(row, situation)]
    if situation.offline and any(row.name in situation.cached for row in kept):
        kept = [row for row in kept if row.name in situation.cached]
    for row in kept:
        for size, trained in product(_sizes(row, situation), _ways(situation)):
            task, needed = _that_fits(row, size, trained, situation, bytes_of)
            pace = pace_of(row, task) if task else None
            if task and pace:
                epoch_s = pace.epoch_seconds(situation.images, situation.val_images)
                worth = _worth(row, task, situation)
                seconds = situation.passes(trained) * epoch_s
                yield Candidate(row, task, seconds, pace, needed, worth)


def _is_eligible(row: ModelFacts, situation: Situation) -> bool:
    licensed = situation.any_license or row.license_kind == "permissive"
    known = row.pretrained and row.top1 is not None and row.macs > 0 and row.family != TOYS
    return licensed and known and row.parameters <= situation.most_parameters


def _sizes(row: ModelFacts, situation: Situation) -> list[int]:
    # What looks at patches sees too little of an image that is but a few of them.
    if row.kind != "cnn" or not row.other_sizes:
        return [row.image_size]
    usual = max(row.min_size, min(row.image_size, situation.image_size or row.image_size))
    return [usual, *(px for px in SMALLER_SIZES if row.min_size <= px < usual)]


def _ways(situation: Situation) -> list[str]:
    return list(dict.fromkeys([situation.trained, "head"]))


def _that_fits(
    row: ModelFacts, size: int, trained: str, situation: Situation, bytes_of: BytesOf
) -> tuple[Task | None, int]:
    room = math.inf if situation.available_bytes is None else ROOM * situation.available_bytes
    for batch in BATCHES:
        task = Task(size, batch, trained)
        needed = bytes_of(row, task)
        if needed <= room:
            return task, needed
    return None, 0


def _worth(row: ModelFacts, task: Task, situation: Situation) -> float:
    # An enlarged image shows no more than it did.
    seen = min(task.image_size, situation.image_size or task.image_size)
    size_costs = HALF_THE_SIZE_COSTS * math.log2(row.image_size / seen)
    head_costs = HEAD_ALONE_COSTS * (task.trained != situation.trained)
    is_here = CACHED_IS_WORTH * (row.name in situation.cached)
    return (row.top1 or 0.0) - size_costs - head_costs + is_here


def _quickest_of_the_best(found: Sequence[Candidate]) -> Candidate:
    top = max(one.worth for one in found)
    even = [one for one in found if one.worth >= top - EVEN]
    return min(even, key=lambda one: (one.seconds, -one.worth))

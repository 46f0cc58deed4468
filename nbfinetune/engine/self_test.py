"""Training steps in several ways by turns, on a copy that is thrown away: which is the fastest."""

from __future__ import annotations

import copy
import statistics
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from nbfinetune.engine.device import Placement
from nbfinetune.engine.laps import BUSY_SHARE, timed
from nbfinetune.engine.step_timing import PROBED_IMAGES, noise, still_stepper
from nbfinetune.engine.tuning_book import Way
from nbfinetune.engine.world import World
from nbfinetune.records import StepTuned

if TYPE_CHECKING:
    from nbfinetune.engine.assemble import Parts

MOST_S = 5.0
"""After which no further step begins."""
THREADS_S = 1.5
"""Of them, what is left for trying fewer threads."""
LAPS = 4
STEP_S = 0.15
"""Of a step: so many images that its overhead is in proportion."""
HOPELESS = 1.4
"""Ways that take so many times the fastest's time are not measured again."""
MARGIN = 0.05
"""By which a way must be faster than those before it to be taken."""
DISTURBED_MARGIN = 0.25
"""The same where others had the CPU meanwhile: so much is not their doing."""


def measured(parts: Parts, ways: Sequence[Way], threads: Sequence[int]) -> tuple[StepTuned, bool]:
    """Race the ways, then the fastest of them with fewer threads.

    Parameters
    ----------
    ways : sequence of Way
        The usual one first; it stays where none is faster by `MARGIN`.
    threads : sequence of int
        Fewer than torch takes by itself; empty where there is nothing to choose.

    Returns
    -------
    tuple of StepTuned and bool
        What is to be taken, and whether the CPU was left alone meanwhile.
    """
    ends = time.perf_counter() + MOST_S
    most = torch.get_num_threads()
    fewer = [count for count in threads if _takes(count)]
    try:
        with torch.random.fork_rng():
            race = _Race(parts)
            chosen = race.winner(ways, ends - THREADS_S if fewer else ends)
            if fewer and not race.disturbed():
                also = [chosen._replace(threads=count) for count in fewer]
                chosen = race.winner([chosen, *also], ends)
    finally:
        torch.set_num_threads(most)
    quiet = not race.disturbed()
    if not quiet:
        chosen = race.fastest(ways, DISTURBED_MARGIN)
    found = StepTuned(
        precision=chosen.precision,
        channels_last=chosen.channels_last,
        ms_per_image={
            way.words(): 1000 * min(laps) / race.images for way, laps in race.laps.items()
        },
        threads=(chosen.threads or most) if fewer else None,
    )
    return found, quiet


def _takes(threads: int) -> bool:
    """Whether torch computes with so many threads when told to; not every build does."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    taken = torch.get_num_threads()
    torch.set_num_threads(before)
    return taken == threads


class _Race:
    """A copy of what a run trains, and how long its steps took in each way.

    Attributes
    ----------
    images : int
        That a step takes.
    laps : dict of Way to list of float
        Seconds of each step. The first of a way sets up what later ones use, so that the shortest
        is what counts.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        copied = replace(parts, model=copy.deepcopy(parts.model), world=World())
        self._stepper = still_stepper(copied, parts.groups, parts.config)
        self._threads = torch.get_num_threads()
        self._shares: list[float] = []
        self.laps: dict[Way, list[float]] = {}
        self.images = self._images_for(STEP_S, parts.config.training.batch_size)

    def winner(self, ways: Sequence[Way], ends: float) -> Way:
        """The first of the ways that is, within `MARGIN`, the fastest."""
        left = list(ways)
        for lap in range(LAPS + 1):
            for way in left:
                if time.perf_counter() > ends:
                    break
                self._lap(way)
            best = min(self._best(way) for way in left)
            if lap:
                left = [way for way in left if self._best(way) <= HOPELESS * best]
        return self.fastest(ways, MARGIN)

    def fastest(self, ways: Sequence[Way], margin: float) -> Way:
        """The first of the ways that no other is faster than by more than a part of its time."""
        fastest = min(self._best(way) for way in ways)
        return next(way for way in ways if (1 - margin) * self._best(way) <= fastest)

    def disturbed(self) -> bool:
        """Whether others had the CPU while steps were measured."""
        on_cpu = self._parts.placement.device.type == "cpu"
        return on_cpu and statistics.median(self._shares or [1.0]) < BUSY_SHARE

    def _best(self, way: Way) -> float:
        return min(self.laps.get(way, ()), default=float("inf"))

    def _lap(self, way: Way) -> None:
        took, share = self._step(way, self.images)
        self.laps.setdefault(way, []).append(took)
        self._shares.append(share)

    def _images_for(self, seconds: float, most: int) -> int:
        """How many images a step of about `seconds` takes."""
        way = Way(self._parts.placement.precision, self._parts.placement.channels_last)
        images = min(PROBED_IMAGES, most)
        took, _ = self._step(way, images)
        if took < 2 * seconds:  # else setting up is a small part of it
            took, _ = self._step(way, images)
        while 2 * took < seconds and images < most:
            images = min(most, 2 * images)
            took, _ = self._step(way, images)
        return images

    def _step(self, way: Way, images: int) -> tuple[float, float]:
        """Seconds of one training step, and the part of them in which it had the CPU."""
        parts = self._parts
        placement = Placement(parts.placement.device, way.precision, way.channels_last)
        self._stepper.placement = placement
        self._stepper.model.to(memory_format=placement.memory_format)
        torch.set_num_threads(way.threads or self._threads)
        channels, classes = parts.config.model.in_chans, len(parts.classes)
        pixels, labels = noise(placement, images, channels, parts.image_size, classes)
        return timed(lambda: self._stepper.step(pixels, labels), placement)

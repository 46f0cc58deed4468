"""Memory format and precision that train a model fastest here, by a short self-test.

No choice is right everywhere: on one core, channels-last makes MobileNetV3-small at 128 px 1.7
times as fast and bfloat16 makes it slower, while ResNet-18 at 224 px gains 2.4 times by both.
"""

from __future__ import annotations

import copy
import statistics
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from nbfinetune.engine import tuning_book
from nbfinetune.engine.device import Placement
from nbfinetune.engine.laps import BUSY_SHARE, timed
from nbfinetune.engine.step_timing import noise, still_stepper
from nbfinetune.engine.world import World
from nbfinetune.models.catalogue import known
from nbfinetune.records import Event, StepTuned

if TYPE_CHECKING:
    from nbfinetune.engine.assemble import Parts

Choice = tuple[str, bool]
"""Precision, and whether channels come last."""

WORTH_MACS = {"cpu": 3e12, "cuda": 1e15, "xpu": 1e15}
"""Work of a run for which a self-test of some seconds is worth its time."""

LAPS = 4
STEP_S = 0.15
"""Of a step: so many images that its overhead is in proportion."""
MOST_S = 5.0
"""After which no further lap begins."""
HOPELESS = 1.4
"""Ways that take so many times the fastest's time are not measured again."""
MARGIN = 0.05
"""By which another way must be faster than float32 with channels last to be taken."""


def tuned(parts: Parts, told: Sequence[Event]) -> tuple[Parts, StepTuned | None]:
    """Parts that train as fast as this device can, and what was chosen if it is new.

    A resumed run goes on as it began. All processes of a run do as the first.

    Parameters
    ----------
    told : sequence of Event
        The run's log so far.
    """
    before = next((event for event in told if isinstance(event, StepTuned)), None)
    found = before or (_remembered(parts) if parts.world.leads else None)
    if found is None and parts.world.leads and _worth_it(parts):
        found = _measured(parts)
    found = parts.world.share(found)
    if found is None:
        return parts, None
    placement = replace(
        parts.placement, precision=found.precision, channels_last=found.channels_last
    )
    parts.model.to(memory_format=placement.memory_format)
    return replace(parts, placement=placement), None if before else found


def choices(parts: Parts) -> list[Choice]:
    """Ways that are left open by the config, the usual one first."""
    asked, usual = parts.config.training, parts.placement
    formats = [usual.channels_last]
    if asked.channels_last is None:
        formats.append(not usual.channels_last)
    precisions = [usual.precision]
    # Half floats on an accelerator are taken for granted; on a CPU they may cost or save.
    if asked.precision == "auto" and usual.device.type == "cpu":
        precisions.append("bf16")
    return [(precision, last) for precision in precisions for last in formats]


def _worth_it(parts: Parts) -> bool:
    config, device = parts.config, parts.placement.device.type
    if device not in WORTH_MACS or len(choices(parts)) < 2 or config.lr_search == "only":
        return False
    images = parts.steps_per_epoch * config.training.batch_size * config.training.epochs
    return 3 * _macs(parts) * images >= WORTH_MACS[device]


def _macs(parts: Parts) -> float:
    """Multiply-accumulates of an image, about: enough to tell long runs from short ones."""
    facts = known(parts.config.model.name)
    if facts is not None and facts.macs:
        return float(facts.macs * (parts.image_size / facts.image_size) ** 2)
    # Every weight is used at least at each place of the last feature map, a 32nd of the side.
    count = sum(parameter.numel() for parameter in parts.model.parameters())
    return float(count * max(1.0, parts.image_size / 32) ** 2)


def _remembered(parts: Parts) -> StepTuned | None:
    found = tuning_book.read(_key(parts))
    allowed = found is not None and (found.precision, found.channels_last) in choices(parts)
    return found if allowed else None


def _key(parts: Parts) -> str:
    """Everything that decides which way is the fastest."""
    sizes = [(p.numel(), p.requires_grad) for p in parts.model.parameters()]
    facts: list[object] = [
        parts.config.model.name,
        sum(number for number, _ in sizes),
        sum(number for number, trained in sizes if trained),
        parts.image_size,
        parts.config.training.batch_size,
        parts.placement.name(),
        torch.__version__,
        parts.config.training.precision,
        parts.config.training.channels_last,
    ]
    return "|".join(map(str, facts))


def _measured(parts: Parts) -> StepTuned:
    """Time every way by turns, on a copy that is thrown away; the usual way where others disturb.

    What is found beside other work is not remembered.
    """
    ways = choices(parts)
    usual, ends = ways[0], time.perf_counter() + MOST_S
    with torch.random.fork_rng():
        bench = _Bench(parts)
        images = bench.images_for(STEP_S, parts.config.training.batch_size)
        times: dict[Choice, list[float]] = {way: [] for way in ways}
        shares = []
        for lap in range(LAPS + 1):
            for way in ways:
                took, share = bench.step(way, images)
                if lap:  # the first one sets up what all later ones use
                    times[way].append(took)
                    shares.append(share)
            if lap:
                best = min(min(laps) for laps in times.values())
                ways = [way for way in ways if min(times[way]) <= HOPELESS * best]
            if lap and (len(ways) == 1 or time.perf_counter() > ends):
                break
    fastest = {way: min(laps) for way, laps in times.items()}
    chosen = min(fastest, key=lambda way: fastest[way])
    busy = parts.placement.device.type == "cpu" and statistics.median(shares) < BUSY_SHARE
    if busy or fastest[chosen] > (1 - MARGIN) * fastest[usual]:
        chosen = usual
    found = StepTuned(
        precision=chosen[0],
        channels_last=chosen[1],
        ms_per_image={words(way): 1000 * took / images for way, took in fastest.items()},
    )
    if not busy:
        tuning_book.keep(_key(parts), found)
    return found


def words(way: Choice) -> str:
    """A way as people read it: "bf16, channels last"."""
    precision, last = way
    return f"{precision}, channels {'last' if last else 'first'}"


class _Bench:
    """A copy of what a run trains, and images of noise."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        copied = replace(parts, model=copy.deepcopy(parts.model), world=World())
        self._stepper = still_stepper(copied, parts.groups, parts.config)

    def images_for(self, seconds: float, most: int) -> int:
        """How many images a step of about `seconds` takes, at least 4."""
        few = min(4, most)
        way = (self._parts.placement.precision, self._parts.placement.channels_last)
        self.step(way, few)
        took, _ = self.step(way, few)
        return max(few, min(most, int(few * seconds / took)))

    def step(self, way: Choice, images: int) -> tuple[float, float]:
        """Seconds of one training step, and the part of them in which it had the CPU."""
        parts, (precision, last) = self._parts, way
        placement = Placement(parts.placement.device, precision, last)
        self._stepper.placement = placement
        self._stepper.model.to(memory_format=placement.memory_format)
        channels, classes = parts.config.model.in_chans, len(parts.classes)
        pixels, labels = noise(placement, images, channels, parts.image_size, classes)
        return timed(lambda: self._stepper.step(pixels, labels), placement)

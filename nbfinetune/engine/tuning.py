"""Memory format, precision and threads that train a model fastest here, by a short self-test.

No choice is right everywhere: on one core, channels-last makes MobileNetV3-small at 128 px 1.7
times as fast and bfloat16 makes it slower, while ResNet-18 at 224 px gains 2.4 times by both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import nn

from nbfinetune.engine import tuning_book
from nbfinetune.engine.self_test import measured
from nbfinetune.engine.threads import compute_here
from nbfinetune.engine.tuning_book import Way
from nbfinetune.models.catalogue import known
from nbfinetune.models.head_epochs import feature_views, head_epochs
from nbfinetune.records import Event, PhaseStarted, StepTuned

if TYPE_CHECKING:
    from nbfinetune.engine.assemble import Parts
    from nbfinetune.engine.device import Placement
    from nbfinetune.records import FineTuneConfig

WORTH_MACS = {"cpu": 3e12, "cuda": 1e15, "xpu": 1e15}
"""Work of a run for which a self-test of some seconds is worth its time."""


def tuned(
    parts: Parts, told: Sequence[Event], emit: Callable[[PhaseStarted], None]
) -> tuple[Parts, StepTuned | None]:
    """Parts that train as fast as this device can, and what was chosen if it is new.

    A resumed run goes on as it began. All processes of a run do as the first.

    Parameters
    ----------
    told : sequence of Event
        The run's log so far.
    emit : callable
        Told when steps are going to be measured.
    """
    before = next((event for event in told if isinstance(event, StepTuned)), None)
    found = before or (_found(parts, emit) if parts.world.leads else None)
    found = parts.world.share(found)
    if found is None:
        return parts, None
    placement = replace(
        parts.placement, precision=found.precision, channels_last=found.channels_last
    )
    parts.model.to(memory_format=placement.memory_format)
    compute_here(found.threads)
    return replace(parts, placement=placement), None if before else found


def choices(parts: Parts) -> list[Way]:
    """Ways that are left open by the config, the usual one first."""
    asked, usual = parts.config.training, parts.placement
    formats = [usual.channels_last]
    if asked.channels_last is None:
        formats.append(not usual.channels_last)
    precisions = [usual.precision]
    # Half floats on an accelerator are taken for granted; on a CPU they may cost or save.
    if asked.precision == "auto" and usual.device.type == "cpu":
        precisions.append("bf16")
    return [Way(precision, last) for precision in precisions for last in formats]


def fewer_threads(parts: Parts) -> list[int]:
    """Numbers of CPU threads to try besides as many as torch takes by itself: half, a quarter."""
    if parts.config.runner.threads or parts.placement.device.type != "cpu":
        return []
    most = torch.get_num_threads()
    return [most >> halvings for halvings in range(1, most.bit_length())]


def key_of(config: FineTuneConfig, model: nn.Module, image_size: int, placement: Placement) -> str:
    """Everything that decides which way is the fastest, as the book of findings is kept by.

    Parameters
    ----------
    model : nn.Module
        Its weights are counted.
    placement : Placement
        As `place` gives it for the config, before anything was chosen.
    """
    sizes = [(p.numel(), p.requires_grad) for p in model.parameters()]
    facts: list[object] = [
        config.model.name,
        sum(number for number, _ in sizes),
        sum(number for number, trained in sizes if trained),
        image_size,
        config.training.batch_size,
        placement.name(),
        torch.__version__,
        config.training.precision,
        config.training.channels_last,
        config.runner.threads,
    ]
    return "|".join(map(str, facts))


def _found(parts: Parts, emit: Callable[[PhaseStarted], None]) -> StepTuned | None:
    """What an earlier run has found, else this one where that is worth its time."""
    ways, threads = choices(parts), fewer_threads(parts)
    key = key_of(parts.config, parts.model, parts.image_size, parts.placement)
    found = tuning_book.read(key)
    if found is not None and Way(found.precision, found.channels_last) in ways:
        return found
    if (len(ways) < 2 and not threads) or not _worth_it(parts):
        return None
    emit(PhaseStarted(phase="trying which way of computing is the fastest"))
    found, quiet = measured(parts, ways, threads)
    if quiet:
        tuning_book.keep(key, found)
    return found


def _worth_it(parts: Parts) -> bool:
    config, device = parts.config, parts.placement.device.type
    if device not in WORTH_MACS or config.lr_search == "only":
        return False
    images = parts.steps_per_epoch * config.training.batch_size
    return _passes(config) * _macs(parts) * images >= WORTH_MACS[device]


def _passes(config: FineTuneConfig) -> int:
    """How often an image goes through the model forward; a pass backward costs two of them."""
    head = head_epochs(config)
    return min(head, feature_views(config) or head) + 3 * (config.training.epochs - head)


def _macs(parts: Parts) -> float:
    """Multiply-accumulates of an image, about: enough to tell long runs from short ones."""
    facts = known(parts.config.model.name)
    if facts is not None and facts.macs:
        return float(facts.macs * (parts.image_size / facts.image_size) ** 2)
    # Every weight is used at least at each place of the last feature map, a 32nd of the side.
    count = sum(parameter.numel() for parameter in parts.model.parameters())
    return float(count * max(1.0, parts.image_size / 32) ** 2)

"""How much has to go until one image takes only a part of its time, found by timing."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import msgspec
import torch
from torch import nn

from nbfinetune.errors import ConfigError
from nbfinetune.evaluation.forward_times import forward_ms
from nbfinetune.models.removing import remove
from nbfinetune.pruning.plan import TOLERANCE

if TYPE_CHECKING:
    from nbfinetune.engine.assemble import Parts
    from nbfinetune.engine.leaner import Chooser, Cut

LOOKS = 8
"""Smaller models that are timed at most."""

LEAST = 0.01
"""Smallest part of the multiply-accumulates that is worth a look."""


def cut(chooser: Chooser, amount: float) -> Cut:
    """Choose so much that one image takes `amount` less of its time.

    Time falls with the multiply-accumulates, though not in proportion, so the part of them that
    goes is narrowed down between what was too slow and what was fast enough. Both models are timed
    by turns, one image at a time, with the run's threads on its device.

    Raises
    ------
    ConfigError
        If the smallest model is still too slow; the message says how fast it is.
    """
    low, high = (LEAST, 0.0), (chooser.most("macs") - TOLERANCE / 2, 1.0)
    macs = min(amount, high[0])
    best = tried = _timed(chooser, macs)
    for _ in range(LOOKS - 1):
        gone = _saved(tried)
        if abs(gone - amount) <= TOLERANCE / 2 or high[0] - low[0] < LEAST:
            break
        if gone < amount:
            low = (macs, gone)
        else:
            high = (macs, gone)
        macs = _between(low, high, amount)
        tried = _timed(chooser, macs)
        best = min(best, tried, key=lambda one: abs(_saved(one) - amount))
    if _saved(best) < amount - 2 * TOLERANCE:
        raise ConfigError(
            f"amount is {amount:g}, but at most {_saved(best):.2f} of the latency went when "
            "everything was taken out that can go; ask for less, or set the target to 'macs'"
        )
    return best


def times_ms(parts: Parts, smaller: nn.Module, batch: int = 1) -> tuple[float, float]:
    """Milliseconds that a batch takes in the model of `parts` and in a smaller one, by turns."""
    side, placement = parts.image_size, parts.placement
    images = torch.zeros(batch, parts.config.model.in_chans, side, side, device=placement.device)
    images = images.contiguous(memory_format=placement.memory_format)
    models = [parts.model.eval(), smaller.eval()]
    before, after = forward_ms(models, images, placement.autocast)
    return before, after


def _between(low: tuple[float, float], high: tuple[float, float], amount: float) -> float:
    """Where a line from one to the other has `amount`, though not close to either end."""
    rise = max(high[1] - low[1], 1e-6)
    part = min(max((amount - low[1]) / rise, 0.2), 0.8)
    return low[0] + part * (high[0] - low[0])


def _timed(chooser: Chooser, macs: float) -> Cut:
    """What goes, with the times before and after; the first process's, in all of them."""
    chosen = chooser.cut(macs, "macs")
    parts = chooser.parts
    smaller = copy.deepcopy(parts.model)
    for recipe in chosen.recipes:
        remove(smaller, recipe)
    smaller.to(memory_format=parts.placement.memory_format)
    times = times_ms(parts, smaller) if parts.world.leads else None
    told = msgspec.structs.replace(chosen.told, latency_ms=parts.world.share(times))
    return type(chosen)(chosen.recipes, told)


def _saved(cut: Cut) -> float:
    before, after = cut.told.latency_ms or (1.0, 1.0)
    return 1 - after / before

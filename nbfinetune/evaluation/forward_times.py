"""How long models take for images, beside each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

import torch
from torch import Tensor, nn

from nbfinetune.evaluation.turns import by_turns

ROUNDS = {1: 15, 32: 5}
"""Turns of each model, by the images at a time."""


def forward_ms(
    models: Sequence[nn.Module],
    images: Tensor,
    within: Callable[[], AbstractContextManager[object]] = torch.inference_mode,
) -> list[float]:
    """Milliseconds that each model takes for a batch, by turns.

    Parameters
    ----------
    models : sequence of nn.Module
        In evaluation mode, on the device of the images.
    images : Tensor, (B, C, S, S)
        One, or 32.
    within : callable
        Gives the context in which they compute, such as autocast.
    """

    def way(model: nn.Module) -> Callable[[], None]:
        def once() -> None:
            with torch.inference_mode(), within():
                model(images)
            if images.device.type != "cpu":
                torch.accelerator.synchronize(images.device)

        return once

    return by_turns_ms([way(model) for model in models], len(images))


def by_turns_ms(ways: Sequence[Callable[[], object]], images: int) -> list[float]:
    """Milliseconds of each way of sending a batch through, by turns.

    Parameters
    ----------
    ways : sequence of callable
    images : int
        Of the batch: one, or 32.
    """
    return [1000 * seconds for seconds in by_turns(ways, ROUNDS[images])]

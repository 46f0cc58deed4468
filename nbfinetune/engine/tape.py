"""Losses that stay on the device and are read a few steps later."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
from msgspec.structs import replace

if TYPE_CHECKING:
    from nbfinetune.engine.device import Placement
    from nbfinetune.records import StepDone

LAG = 4
"""Steps between a loss and its reading on a device that works behind the Python code."""


class LossTape:
    """Pairs each step's record with its loss without waiting for the device.

    Parameters
    ----------
    placement : Placement
        On an asynchronous device a loss is copied to pinned memory behind the step and read
        `LAG` steps later; elsewhere at once.
    """

    def __init__(self, placement: Placement) -> None:
        self._asynchronous = placement.asynchronous
        self._device = placement.device
        self._waiting: deque[tuple[StepDone, torch.Tensor, torch.Event | None]] = deque()

    def put(self, done: StepDone, loss: torch.Tensor) -> None:
        """Keep the record of a step with its loss, a scalar on the device."""
        if not self._asynchronous:
            self._waiting.append((done, loss, None))
            return
        host = torch.empty((), dtype=torch.float32, pin_memory=True)
        host.copy_(loss.float(), non_blocking=True)
        copied = torch.Event(self._device)
        copied.record()
        self._waiting.append((done, host, copied))

    def ready(self) -> Iterator[StepDone]:
        """Records whose loss may be read now without waiting."""
        return self._read(LAG if self._asynchronous else 0)

    def drain(self) -> Iterator[StepDone]:
        """All records; waits for the device."""
        return self._read(0)

    def _read(self, keep: int) -> Iterator[StepDone]:
        while len(self._waiting) > keep:
            done, loss, copied = self._waiting.popleft()
            if copied is not None:
                copied.synchronize()
            yield replace(done, loss=float(loss))

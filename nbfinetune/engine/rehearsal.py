"""Passes of a model by which something is found out, and which leave no trace in the run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from nbfinetune.engine import randomness


@contextmanager
def without_trace(model: nn.Module, device: torch.device) -> Iterator[None]:
    """Give the model's buffers and every random stream back as they were, whatever happens."""
    streams = randomness.capture(device)
    buffers = [(buffer, buffer.clone()) for buffer in model.buffers()]
    try:
        yield
    finally:
        randomness.restore(streams, device)
        with torch.no_grad():
            for buffer, before in buffers:
                buffer.copy_(before)

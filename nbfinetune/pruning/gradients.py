"""Gradients for a look at a network, whatever of it is trained."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def all_trained(module: nn.Module) -> Iterator[None]:
    """Let gradients reach every parameter, also of frozen layers, as long as the block lasts."""
    before = [(parameter, parameter.requires_grad) for parameter in module.parameters()]
    for parameter, _ in before:
        parameter.requires_grad_(True)
    try:
        yield
    finally:
        for parameter, trained in before:
            parameter.requires_grad_(trained)

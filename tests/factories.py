"""Small networks of one's own, as a user gives them: "factories:small_cnn"."""

from __future__ import annotations

import time

import torch
from torch import Tensor, nn

STEP_S = 0.02
"""Least time between two batches of an `Unhurried` network."""


def small_cnn(num_classes: int) -> nn.Module:
    """Two convolutions with everything that has a state: batch norm, dropout."""
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, stride=2, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Conv2d(8, 16, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Dropout(0.2),
        nn.Linear(16, num_classes),
    )


def no_norm(num_classes: int) -> nn.Module:
    """A network whose gradient is a plain mean over the images."""
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, stride=4), nn.ReLU(), nn.Flatten(), nn.LazyLinear(num_classes)
    )


class Unhurried(nn.Linear):
    """A head that no machine is so quick with that all is over before a test has acted."""

    _due = 0.0

    def forward(self, features: Tensor) -> Tensor:
        time.sleep(max(0.0, self._due - time.monotonic()))
        self._due = time.monotonic() + STEP_S
        return super().forward(features)


def unhurried(num_classes: int) -> nn.Module:
    """`small_cnn` at a pace."""
    network = small_cnn(num_classes)
    network[-1] = Unhurried(16, num_classes)
    return network


class Hungry(nn.Module):
    """Runs out of memory with more than eight images, as an accelerator would."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.body = small_cnn(num_classes)

    def forward(self, images: Tensor) -> Tensor:
        if self.training and len(images) > 8:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return self.body(images)


def hungry(num_classes: int) -> nn.Module:
    """See `Hungry`."""
    return Hungry(num_classes)


class Exploding(nn.Module):
    """Its logits become infinite after some training steps."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.body = small_cnn(num_classes)
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    def forward(self, images: Tensor) -> Tensor:
        logits = self.body(images)
        if self.training:
            self.steps += 1
            if self.steps > 60:
                return logits * float("inf")
        return logits


def exploding(num_classes: int) -> nn.Module:
    """See `Exploding`."""
    return Exploding(num_classes)


def wide_cnn(num_classes: int) -> nn.Module:
    """A checkpoint of it takes long enough to be killed in the middle."""
    return nn.Sequential(
        nn.Conv2d(3, 64, 3, stride=4, padding=1),
        nn.BatchNorm2d(64),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(4),
        nn.Flatten(),
        nn.Linear(1024, 1024),
        nn.ReLU(),
        nn.Dropout(0.3),
        nn.Linear(1024, num_classes),
    )


def unhurried_wide_cnn(num_classes: int) -> nn.Module:
    """`wide_cnn` at a pace."""
    network = wide_cnn(num_classes)
    network[-1] = Unhurried(1024, num_classes)
    return network


def raising(num_classes: int) -> nn.Module:
    """A factory with a fault."""
    raise RuntimeError("this network can't be built today")


class Branching(nn.Module):
    """It computes with numpy in the middle, where no gradient leads."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.first, self.head = nn.Conv2d(3, 8, 3, stride=2), nn.Linear(8, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        features = self.first(images).detach().numpy()
        return self.head(torch.from_numpy(features).mean((2, 3)))


def branching(num_classes: int) -> nn.Module:
    """See `Branching`."""
    return Branching(num_classes)

"""Networks whose head can be taken off, or can't, as a user gives them: "headed_nets:two_heads"."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

PIECE = 8
"""Images that a network of `hungry_layers` can take at a time, unless it is only measured."""


class Net(nn.Module):
    """Frozen layers and a head, with an odd way between or behind them."""

    def __init__(self, num_classes: int, way: str) -> None:
        super().__init__()
        self.way = way
        self.layers = nn.Sequential(
            nn.Conv2d(3, 24, 3, stride=2), nn.Tanh(), nn.AdaptiveAvgPool2d(2), nn.Flatten()
        )
        self.norm = nn.BatchNorm1d(96, affine=False)
        self.head = nn.Linear(96, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        features = self.layers(images)
        if self.way == "batch norm":
            features = self.norm(features)
        if self.way == "dropout":
            features = F.dropout(features, 0.35, self.training)
        if self.way == "noise" and self.training:
            features = features + 0.1 * torch.randn_like(features)
        if self.way == "twice":
            return self.head(features) + self.head(-features)
        logits = self.head(features)
        measured = torch.is_inference_mode_enabled()
        if self.way == "hungry" and len(images) > PIECE and not measured:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return 2 * logits if self.way == "scaled" else logits


def _net(way: str):
    def make(num_classes: int) -> nn.Module:
        return Net(num_classes, way)

    return make


batch_norm, dropout, noise = _net("batch norm"), _net("dropout"), _net("noise")
twice, scaled, hungry_layers = _net("twice"), _net("scaled"), _net("hungry")

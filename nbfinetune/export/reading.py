"""What an exported model reads, and what its file says about that."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Literal, TypeAlias, get_args

import torch
from torch import Tensor, nn

from nbfinetune.errors import ConfigError
from nbfinetune.evaluation.preprocessing import Preprocess

__all__ = ["FromPixels", "Input", "check_input", "example", "reading", "told"]

Input: TypeAlias = Literal["normalised", "pixels"]
"""Float32 (N, C, S, S), or uint8 (N, S, S, C) that the model normalises itself."""


class FromPixels(nn.Module):
    """A model with its normalisation before it.

    Parameters
    ----------
    module : nn.Module
        Of `load_model`; takes float32 (N, C, S, S).
    """

    mean: Tensor
    std: Tensor

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        described: Any = module
        self.classes, self.preprocess = described.classes, described.preprocess
        for name in ("mean", "std"):
            values = torch.tensor(getattr(self.preprocess, name)).mul_(255.0).view(-1, 1, 1)
            self.register_buffer(name, values)
        self.module = module

    def forward(self, pixels: Tensor) -> Tensor:
        """Logits (N, classes) of uint8 pixels (N, S, S, C)."""
        images = pixels.permute(0, 3, 1, 2).to(torch.float32)
        logits: Tensor = self.module((images - self.mean) / self.std)
        return logits


def check_input(asked: str) -> None:
    """Refuse what no exported model reads.

    Raises
    ------
    ConfigError
        With what there is.
    """
    if asked not in get_args(Input):
        raise ConfigError(
            f"input is {asked!r}; a model reads 'normalised' (float32, N × C × S × S) or 'pixels' "
            "(uint8, N × S × S × C, normalised inside)"
        )


def reading(module: nn.Module, asked: Input) -> nn.Module:
    """The model of `load_model` as it reads what is asked for, in evaluation mode."""
    return FromPixels(module).eval() if asked == "pixels" else module


def example(module: nn.Module, count: int) -> Tensor:
    """Images of chance as a model reads them, the same for every call.

    Parameters
    ----------
    module : nn.Module
        Of `load_model` or `reading`.
    count : int
    """
    seen: Preprocess = getattr(module, "preprocess")  # noqa: B009 - torch types it as a tensor
    chance = torch.Generator().manual_seed(count)
    if isinstance(module, FromPixels):
        shape = (count, seen.size_px, seen.size_px, seen.channels)
        return torch.randint(0, 256, shape, generator=chance, dtype=torch.uint8)
    return torch.randn((count, seen.channels, seen.size_px, seen.size_px), generator=chance)


def told(module: nn.Module) -> Mapping[str, str]:
    """JSON of the classes and of the preprocessing, for the file's metadata.

    ``preprocessing`` has `image_size`, `mean` and `std` on the scale of pixels in [0, 1],
    `interpolation`, `crop_pct`, and `input`: ``"normalised"`` or ``"pixels"``.
    """
    described: Any = module
    seen = asdict(described.preprocess)
    seen["image_size"] = seen.pop("size_px")
    seen["input"] = "pixels" if isinstance(module, FromPixels) else "normalised"
    return {"classes": json.dumps(described.classes), "preprocessing": json.dumps(seen)}

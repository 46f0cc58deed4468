"""Runs on images in which a square in one quadrant, red or green, decides the class."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from left_checkpoints import leave_checkpoint
from PIL import Image
from torch.nn.functional import cross_entropy

from nbfinetune.data.index import build_index
from nbfinetune.evaluation.trained import load_model
from nbfinetune.models.build import build
from nbfinetune.records import DataConfig, FineTuneConfig, Folder, ModelConfig

CLASSES = ("green", "red")
SIDE = 64
SQUARE = 20
COUNT = 240
STEPS = 90


class Planted(NamedTuple):
    """A run, and where the squares of its images are."""

    folder: Path
    config: FineTuneConfig
    photos: Path
    quadrants: dict[str, tuple[slice, slice]]


def squares(folder: Path, wrong: Collection[int] = ()) -> dict[str, tuple[slice, slice]]:
    """Write the images, some under the wrong class; the quadrant of each, by path."""
    rng = np.random.default_rng(0)
    quadrants = {}
    half = SIDE // 2
    for number in range(COUNT):
        colour = number % 2
        label = 1 - colour if number in wrong else colour
        pixels = rng.integers(60, 140, (SIDE, SIDE, 3), dtype=np.uint8)
        down, across = (half * int(place) for place in rng.integers(0, 2, 2))
        top, left = (int(place) for place in rng.integers(2, half - SQUARE - 1, 2))
        place = (
            slice(down + top, down + top + SQUARE),
            slice(across + left, across + left + SQUARE),
        )
        pixels[place] = (40, 230, 40) if colour == 0 else (230, 40, 40)
        path = folder / CLASSES[label] / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(pixels).save(path)
        quadrants[str(path)] = (slice(down, down + half), slice(across, across + half))
    return quadrants


def trained(name: str, folder: Path, photos: Path) -> FineTuneConfig:
    """Train a small network for a few seconds and leave what a run leaves."""
    config = FineTuneConfig(
        data=DataConfig(source=Folder(path=str(photos))),
        model=ModelConfig(name=name, pretrained=False),
    )
    torch.manual_seed(0)
    built = build(config.model, num_classes=2, image_size=SIDE)
    index = build_index(config.data, 0, folder, print)
    save(config, built.module, folder)
    batch = load_model(folder, config).preprocess([index.path(n) for n in range(len(index))])
    learn(built.module, batch, torch.from_numpy(index.labels))
    save(config, built.module, folder)
    return config


def learn(module: torch.nn.Module, images: torch.Tensor, labels: torch.Tensor) -> None:
    optimizer = torch.optim.AdamW(module.parameters(), lr=3e-3)
    made = torch.Generator().manual_seed(0)
    module.train()
    for _ in range(STEPS):
        some = torch.randint(0, len(images), (48,), generator=made)
        loss = cross_entropy(module(images[some]), labels[some])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    right = (module.eval()(images).argmax(1) == labels).float().mean()
    assert right > 0.9, "the network has not learned; nothing can be explained"


def save(config: FineTuneConfig, module: torch.nn.Module, folder: Path) -> None:
    leave_checkpoint(folder, config.model, module, CLASSES, SIDE, step=STEPS, epoch=1)

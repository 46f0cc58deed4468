"""Folders of small photos for the tests of the preview, some of them hostile."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

HOSTILE = '<img src=x onerror=\'document.title="hit"\'>& "quoted" 雛菊.png'
"""A name that would be markup if it were not taken as text."""


def photo(path: Path, seed: int, size: tuple[int, int] = (48, 36)) -> Path:
    """Write a smooth coloured picture that no other seed gives."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rough = np.random.default_rng(seed).integers(0, 256, (5, 6, 3), dtype=np.uint8)
    Image.fromarray(rough).resize(size, Image.Resampling.BICUBIC).save(path)
    return path


def photos(folder: Path, counts: dict[str, int]) -> Path:
    """Write that many photos a class: ``cats/000.jpg`` and so on."""
    for number, (name, count) in enumerate(counts.items()):
        for i in range(count):
            photo(folder / name / f"{i:03}.jpg", seed=1000 * number + i)
    return folder

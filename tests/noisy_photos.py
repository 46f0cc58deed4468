"""Folders of noisy photos whose colour tells their class."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image


def noisy_photos(folder: Path, classes: Sequence[str], sizes: Sequence[tuple[int, int]]) -> Path:
    """Write a photo of each size (height, width) for each class: ``rose/3.jpg`` and so on.

    Of three classes at most the first is reddish, the second greenish, the third bluish.
    """
    rng = np.random.default_rng(0)
    for colour, name in enumerate(classes):
        (folder / name).mkdir(parents=True)
        for number, size in enumerate(sizes):
            pixels = rng.integers(0, 120, (*size, 3), dtype=np.uint8)
            pixels[..., colour] += 130
            Image.fromarray(pixels).save(folder / name / f"{number}.jpg", quality=90)
    return folder

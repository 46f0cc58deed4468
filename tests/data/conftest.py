"""Small photo sets, written by Pillow."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nbfinetune.data import decoded_cache
from nbfinetune.data.bands import Raster
from nbfinetune.data.stored_image import stored_image


@pytest.fixture
def write_photo() -> Callable[..., Path]:
    """``write_photo(path, width, height, seed)`` writes a smooth coloured picture."""

    def write(path: Path, width: int = 40, height: int = 30, seed: int = 0) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        rough = np.random.default_rng(seed).integers(0, 256, (4, 5, 3), dtype=np.uint8)
        Image.fromarray(rough).resize((width, height), Image.Resampling.BICUBIC).save(path)
        return path

    return write


@pytest.fixture
def write_photos(write_photo: Callable[..., Path]) -> Callable[..., Path]:
    """``write_photos(folder, {"cats": 3, "dogs": 4})`` writes that many photos a class."""

    def write(folder: Path, counts: dict[str, int]) -> Path:
        for number, (name, count) in enumerate(counts.items()):
            for i in range(count):
                write_photo(folder / name / f"{i:03}.jpg", seed=1000 * number + i)
        return folder

    return write


@pytest.fixture
def decodings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Paths that a cache decoded, in order."""
    seen: list[str] = []

    def watched(path: str, side_px: int, channels: int) -> Raster:
        seen.append(path)
        return stored_image(path, side_px, channels)

    monkeypatch.setattr(decoded_cache, "stored_image", watched)
    return seen

"""Pictures with detail of every size, as photos have it: what perceptual hashes are made for."""

from __future__ import annotations

import numpy as np
from PIL import Image


def photo(seed: int, width: int = 160, height: int = 120) -> Image.Image:
    """A coloured picture; another seed shows another scene."""
    rng = np.random.default_rng(seed)
    total = np.zeros((height, width, 3))
    for cells, weight in ((3, 1.0), (6, 0.6), (12, 0.4), (24, 0.25), (48, 0.15)):
        rough = Image.fromarray(rng.integers(0, 256, (cells, cells, 3), dtype=np.uint8))
        total += weight * np.asarray(rough.resize((width, height), Image.Resampling.BICUBIC))
    return Image.fromarray((total / 2.4).astype(np.uint8))

"""A run on digits that is over, for pages that ask its model."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

import nbfinetune as nf
from nbfinetune.runner.run import Run

DEADLINE_S = 240


def trained_digits(folder: Path) -> Run:
    """Train a small model for two epochs; its run and its cache lie in `folder`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NBFINETUNE_HOME", str(folder / "runs"))
        patch.setenv("NBFINETUNE_CACHE", str(folder / "cache"))
        run = nf.fine_tune(
            "digits", model="resnet10t", pretrained=False, flip=False, epochs=2, image_size=32,
            device="cpu", threads=1, loader_threads=1,
        )  # fmt: skip
        return run.wait(progress=False, timeout_s=DEADLINE_S)


def digit(number: int, side: int = 96) -> bytes:
    """The first picture of a digit, as a PNG file."""
    found = load_digits()
    pixels = found.images[list(found.target).index(number)] * (255 / 16)
    target = io.BytesIO()
    image = Image.fromarray(np.rint(pixels).astype(np.uint8))
    image.resize((side, side), Image.Resampling.BICUBIC).save(target, "PNG")
    return target.getvalue()

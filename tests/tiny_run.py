"""A real run on arrays that a network learns in a second."""

from __future__ import annotations

from typing import Any

import numpy as np

import nbfinetune as nf
from nbfinetune.runner.run import Run

SMALL = {
    "model": "factories:small_cnn",
    "pretrained": False,
    "image_size": 16,
    "batch_size": 16,
    "device": "cpu",
    "threads": 1,
    "loader_threads": 1,
}
"""Keywords of a run that trains in a second and disturbs nobody."""


def tiny_run(classes: int = 2, count: int = 32, **settings: Any) -> Run:
    """A run that is over, on images whose brightness tells the class."""
    labels = np.arange(count) % classes
    images = np.random.default_rng(0).integers(0, 80, (count, 16, 16, 3))
    images += 60 * labels[:, None, None, None]
    data = (images.astype(np.uint8), labels)
    return nf.fine_tune(data, **{**SMALL, "epochs": 1, **settings}).wait(progress=False)

"""The random streams of a process as tensors, so that a resumed run draws what the other would."""

from __future__ import annotations

import random

import numpy as np
import torch
from torch import Tensor


def seed_everything(seed: int) -> None:
    """Start every random stream of this process from one number."""
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 - own modules may draw from the global stream
    torch.manual_seed(seed)


def capture(device: torch.device) -> dict[str, Tensor]:
    """State of every random stream of this process."""
    version, words, next_gauss = random.getstate()
    _, keys, position, has_gauss, gauss = np.random.get_state()  # noqa: NPY002
    streams = {
        "torch": torch.get_rng_state(),
        "python": torch.tensor([version, *words], dtype=torch.int64),
        "python_rest": torch.tensor(
            [] if next_gauss is None else [next_gauss], dtype=torch.float64
        ),
        "numpy": torch.from_numpy(np.asarray(keys).astype(np.int64)),
        "numpy_rest": torch.tensor([position, has_gauss, gauss], dtype=torch.float64),
    }
    if device.type != "cpu":
        streams["device"] = torch.get_device_module(device).get_rng_state(device)
    return streams


def restore(streams: dict[str, Tensor], device: torch.device) -> None:
    """Set every random stream to a state that `capture` gave."""
    torch.set_rng_state(streams["torch"])
    version, *words = streams["python"].tolist()
    gauss_left = streams["python_rest"].tolist() if "python_rest" in streams else []
    random.setstate((version, tuple(words), gauss_left[0] if gauss_left else None))
    position, has_gauss, gauss = streams["numpy_rest"].tolist()
    keys = streams["numpy"].numpy().astype(np.uint32)
    np.random.set_state(("MT19937", keys, int(position), int(has_gauss), gauss))  # noqa: NPY002
    if device.type != "cpu" and "device" in streams:
        torch.get_device_module(device).set_rng_state(streams["device"], device)

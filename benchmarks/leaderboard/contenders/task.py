"""What every contender is given, and how it tells what it does; imported by their scripts."""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

BEGAN = psutil.Process().create_time()


@dataclass(frozen=True)
class Task:
    """One training, the same for all.

    Parameters
    ----------
    data : str
        Folder with `train/` and `val/`, each with a folder of photos for each class.
    model : str
        Of timm.
    weights : str
        File of ImageNet weights; empty for none.
    half : bool
        The peer's own switch for bfloat16 is on.
    told : str
        File that takes a line of JSON for everything that happens.
    """

    data: str
    model: str
    weights: str
    image_size: int
    batch_size: int
    epochs: int
    lr: float
    threads: int
    half: bool
    seed: int
    told: str

    @classmethod
    def given(cls) -> Task:
        """Out of the command line."""
        return cls(**json.loads(sys.argv[1]))

    def tell(self, what: str, at: float | None = None, **facts: Any) -> None:
        """Note that something happened, in seconds since this process was started."""
        seconds = (time.time() if at is None else at) - BEGAN
        with Path(self.told).open("a") as file:
            file.write(json.dumps({"what": what, "t": seconds, **facts}) + "\n")

    @property
    def classes(self) -> int:
        return sum(entry.is_dir() for entry in os.scandir(Path(self.data) / "train"))

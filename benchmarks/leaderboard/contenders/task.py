"""What every contender is given, and how it tells what it does; imported by their scripts."""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import dataclass, field
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
    told : str
        File that takes a line of JSON for everything that happens.
    weights : str
        File of ImageNet weights; empty for none.
    augment : {"standard", "none"}
        Random resized crop (0.35 of the photo at least) and flip, or neither.
    frozen : bool
        The head alone is trained.
    half : bool
        The peer's own switch for bfloat16 is on.
    first_step_only : bool
        End after it.
    target : float
        End after the epoch that reaches this accuracy; 0 for all epochs.
    settings : dict
        For nbfinetune alone.
    """

    data: str
    model: str
    told: str
    image_size: int
    batch_size: int
    epochs: int
    lr: float
    threads: int
    seed: int = 0
    weights: str = ""
    augment: str = "standard"
    frozen: bool = False
    half: bool = False
    device: str = "cpu"
    first_step_only: bool = False
    target: float = 0.0
    settings: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def given(cls) -> Task:
        """Out of the command line."""
        return cls(**json.loads(sys.argv[1]))

    def tell(self, what: str, at: float | None = None, **facts: Any) -> None:
        """Note that something happened, in seconds since this process was started.

        Ends the process, in good order, after what it was asked to do.
        """
        seconds = (time.time() if at is None else at) - BEGAN
        with Path(self.told).open("a") as file:
            file.write(json.dumps({"what": what, "t": seconds, **facts}) + "\n")
        if what == "first step" and self.first_step_only:
            raise SystemExit
        if what == "epoch" and 0 < self.target <= facts["accuracy"]:
            raise SystemExit

    @property
    def classes(self) -> int:
        """How many folders the training photos lie in."""
        return sum(entry.is_dir() for entry in os.scandir(Path(self.data) / "train"))

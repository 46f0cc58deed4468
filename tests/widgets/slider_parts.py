"""Sliders on runs on record, with studies whose processes are scripted."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from chart_runs import filled

from nbfinetune.records import (
    RunFinished,
)
from nbfinetune.runner.run import Run
from nbfinetune.store import RunStore
from nbfinetune.store.layout import checkpoint
from nbfinetune.widgets.pruning_slider import PruningSlider

PATIENCE_S = 120


def until(condition: Callable[[], object], patience_s: float = PATIENCE_S) -> None:
    end = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < end, "this never came true"
        time.sleep(0.005)


class Shelf:
    """Runs on record, and what was asked of them."""

    def __init__(self, home: Path) -> None:
        self.home, self.stores = home, []

    def run(self, name: str, *, best: bool = True, over: bool = True) -> Run:
        folder = self.home / name
        store = filled(folder, 300)
        self.stores.append(store)
        if best:
            save_best(folder)
        if over:
            store.append([RunFinished(step=300, reason="completed", best_epoch=3)])
        else:
            store.claim(os.getpid())
        return Run(folder)

    def store(self, run: Run) -> RunStore:
        return next(store for store in self.stores if store.path == run.path)


def save_best(folder: Path) -> None:
    """A file with the header of a real one: two layers of weights, a norm, and a head."""
    shapes = {"stem": [32, 3, 3, 3], "middle": [64, 32, 3, 3], "norm": [64], "head": [2, 64]}
    header: dict[str, Any] = {
        name: {"dtype": "F32", "shape": shape, "data_offsets": [0, 0]}
        for name, shape in shapes.items()
    }
    header["steps"] = {"dtype": "I64", "shape": [3, 4], "data_offsets": [0, 0]}
    header["__metadata__"] = {"nbfinetune": json.dumps({"classes": ["cat", "dog"]})}
    text = json.dumps(header).encode()
    path = checkpoint(folder, "best")
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(len(text).to_bytes(8, "little") + text)


def say(slider: PruningSlider, name: str, value: Any = None) -> str:
    """Send what a page would, and give the answer."""
    heard: list[Any] = []
    slider.send, before = heard.append, slider.send
    try:
        slider._handle_custom_msg({"id": 1, "do": "act", "name": name, "value": value}, [])
    finally:
        slider.send = before
    return heard[-1]["error"]

"""The learning rate that the finder suggests, against a grid of nine, by validation loss.

    python benchmarks/bench_finder.py ../shared/data

Digits (resnet10t, random weights, 32 px) and an even sample of the flower photos (mobilenetv2_100,
ImageNet weights, 96 px), each with AdamW and SGD, two epochs of a cosine curve a rate. Everything
runs in this process, one after the other, so that the figures depend on the seed and not on how
busy the machine is. Aim: the suggestion lies within a factor of 3 of the best rate of the grid.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from nbfinetune.data.sources import accept
from nbfinetune.engine.ports import NoCommands
from nbfinetune.engine.train import train
from nbfinetune.errors import NonFiniteLoss
from nbfinetune.records import EpochDone, Event, LearningRateFound, RateTried
from nbfinetune.runner.settings import configure
from nbfinetune.schedules.lr_suggestions import RULE

GRIDS = {
    "adamw": [10 ** (-5 + k / 2) for k in range(9)],
    "sgd": [10 ** (-4 + k / 2) for k in range(9)],
}
AIM = 3.0


class Log:
    """Events in a list."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def emit(self, event: Event) -> None:
        """Take one event."""
        self.events.append(event)

    def flush(self) -> None:
        """Nothing waits."""

    def of(self, kind: Any) -> list[Any]:
        """Events of a kind."""
        return [event for event in self.events if isinstance(event, kind)]


def main() -> None:
    """Print a table per data set and optimizer, and a summary."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("shared", type=Path, help="folder with tf_flowers.zip and weights/")
    parser.add_argument("--photos", type=int, default=480, help="training photos")
    parser.add_argument(
        "--seeds", type=int, default=1, help="searches, and runs whose losses are averaged"
    )
    parser.add_argument("--only", default="", help="digits or flowers")
    parser.add_argument("--save", type=Path, help="write curves and losses to this JSON file")
    arguments = parser.parse_args()
    kept: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["NBFINETUNE_CACHE"] = str(Path(scratch) / "cache")
        for name, data, settings in _cases(arguments, Path(scratch)):
            for optimizer, grid in GRIDS.items():
                found = _compare(name, data, {**settings, "optimizer": optimizer}, grid, arguments)
                kept[f"{name}, {optimizer}"] = found
                if arguments.save:
                    arguments.save.write_text(json.dumps(kept))
    print(f"\nsuggestion as a multiple of the best rate of the grid; aim {1 / AIM:.2f} to {AIM}")
    for name, found in kept.items():
        met = all(1 / AIM <= value <= AIM for value in found["factors"][RULE])
        print(f"{name}: {_told(found['factors'])}; {RULE} {'meets' if met else 'misses'} it")


def _cases(arguments: argparse.Namespace, scratch: Path) -> list[tuple[str, Any, dict[str, Any]]]:
    cases: list[tuple[str, Any, dict[str, Any]]] = []
    if arguments.only in ("", "digits"):
        digits = {"model": "resnet10t", "pretrained": False, "image_size": 32, "augment": "none"}
        cases.append(("digits", "digits", digits))
    if arguments.only in ("", "flowers"):
        weights = arguments.shared / "weights" / "mobilenetv2_100.in1k_dropin.safetensors"
        flowers = {"model": "mobilenetv2_100", "checkpoint": str(weights), "image_size": 96}
        cases.append(("flowers", _sample(arguments, scratch), flowers))
    return cases


def _sample(arguments: argparse.Namespace, scratch: Path) -> Path:
    with zipfile.ZipFile(arguments.shared / "tf_flowers.zip") as archive:
        for part, count in (("train", arguments.photos), ("val", 250)):
            names = sorted(n for n in archive.namelist() if f"{part}/" in n and n.endswith(".jpg"))
            for number in range(count):
                name = names[number * len(names) // count]
                target = scratch / "flowers" / name[name.index(f"{part}/") :]
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(archive.read(name))
    return scratch / "flowers"


def _compare(
    name: str,
    data: Any,
    settings: dict[str, Any],
    grid: Sequence[float],
    arguments: argparse.Namespace,
) -> dict[str, Any]:
    print(f"\n{name}, {settings['optimizer']}", flush=True)
    seeds = range(arguments.seeds)
    searches = [_run(data, {**settings, "epochs": 1, "seed": s}, search="only") for s in seeds]
    found = [search.of(LearningRateFound)[0] for search in searches]
    for one in found:
        print(f"  {one.sentence}", flush=True)
    losses = []
    for lr in grid:
        logs = [_run(data, {**settings, "epochs": 2, "lr": lr, "seed": seed}) for seed in seeds]
        ends = [log.of(EpochDone)[-1].val_loss if log else math.inf for log in logs]
        losses.append(sum(ends) / len(ends))
        print(f"  lr {lr:8.1e}  validation loss {losses[-1]:.4f}", flush=True)
    best = grid[losses.index(min(losses))]
    rules = found[0].suggestions
    factors = {rule: [one.suggestions.get(rule, 0.0) / best for one in found] for rule in rules}
    print(f"  best {best:.1e}; suggestions as a multiple of it: {_told(factors)}")
    curves = [[(e.lr, e.loss) for e in search.of(RateTried)] for search in searches]
    return {"factors": factors, "curves": curves, "grid": list(zip(grid, losses, strict=True))}


def _told(factors: dict[str, list[float]]) -> str:
    each = {rule: " ".join(f"{value:.2f}" for value in values) for rule, values in factors.items()}
    return ", ".join(f"{rule} {values}" for rule, values in each.items())


def _run(data: Any, settings: dict[str, Any], search: str = "off") -> Any:
    """Events of a run; None where the rate was too high to end it."""
    accepted = accept(data)
    config = replace(configure(accepted.source, {"device": "cpu", **settings}), lr_search=search)
    log = Log()
    with tempfile.TemporaryDirectory() as folder:
        accepted.place(Path(folder))
        try:
            train(config, Path(folder), log, NoCommands())
        except NonFiniteLoss:
            return None
    return log


if __name__ == "__main__":
    main()

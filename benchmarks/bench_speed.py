"""How well a model's speed is told from three others' that were measured on this machine.

    python benchmarks/bench_speed.py [--batch-size 16] [--seconds 4]

Measures the references of `recommend` and ten other models with `SpeedMeasure`, in a cache of its
own, and compares the ten with what would have been said of them. Run it on a machine that does
nothing else: lines marked `busy` say little.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
import tempfile
from pathlib import Path

from nbfinetune.models.catalogue import catalogue, facts
from nbfinetune.models.speed import Paces, Speed, Task
from nbfinetune.runner.recommend import REFERENCES
from nbfinetune.runner.speed_book import SpeedBook
from nbfinetune.runner.speed_measure import Measuring, SpeedMeasure
from nbfinetune.runner.speed_table import watch

OTHERS = (
    "resnet50",
    "mobilenetv3_small_100",
    "efficientnet_b0",
    "convnext_atto",
    "convnext_tiny",
    "regnety_008",
    "densenet121",
    "deit_small_patch16_224",
    "swin_tiny_patch4_window7_224",
    "edgenext_xx_small",
)


def main() -> None:
    """Print a line for each model, and the median errors."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--device", default="auto")
    given = parser.parse_args()
    how = Measuring(batch_size=given.batch_size, seconds=given.seconds, device=given.device)
    with tempfile.TemporaryDirectory() as folder:
        measure = SpeedMeasure([*REFERENCES, *OTHERS], how, SpeedBook(Path(folder, "speeds.json")))
        measure.start()
        watch(measure)
    if measure.error:
        sys.exit(measure.error)
    for name, why in measure.errors.items():
        print(f"{name}: {why}")
    compare(measure.results)


def compare(found: dict[str, Speed]) -> None:
    """What was measured against what the references alone tell."""
    paces = Paces([found[name] for name in REFERENCES], catalogue())
    errors: dict[str, list[float]] = {"forward": [], "train": []}
    print(f"{'':32}{'images/s':>9}{'forward':>9}{'train':>9}   (told / measured)")
    for name in OTHERS:
        one = found.get(name)
        if one is None:
            continue
        told = paces.of(facts(name), Task(one.image_size, one.batch_size))
        if told is None:
            sys.exit("no reference could be measured")
        forward = told.forward_ms * one.batch_size / one.forward_ms
        train = told.train_ms * one.batch_size / one.train_ms
        errors["forward"].append(abs(math.log(forward)))
        errors["train"].append(abs(math.log(train)))
        busy = "   busy" * one.busy
        print(f"{name:32}{one.images_per_s:9.1f}{forward:9.2f}{train:9.2f}{busy}")
    for part, logs in errors.items():
        print(f"median error of {part}: {math.expm1(statistics.median(logs)):.0%}")


if __name__ == "__main__":
    main()

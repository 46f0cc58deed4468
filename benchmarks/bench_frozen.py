"""What it saves to keep the frozen layers' features while the head alone is trained.

    python benchmarks/bench_frozen.py PHOTOS WEIGHTS [--model mobilenetv2_100] [--epochs 10 100]

PHOTOS is a folder with one folder of photos for each class (or with `train` and `val`), WEIGHTS a
file of the model's. Each round trains the head three ways, in fresh processes and by turns: the
frozen layers in every epoch, kept features with the usual augmentation, and kept features without.
Then the last once more for the longer run. Seconds are those from the first step to the end.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import nbfinetune as nf
from nbfinetune.records import FeaturesKept, RunFinished, StepDone

WAYS: dict[str, dict[str, Any]] = {
    "augmented, every epoch": {"augment": "standard", "feature_views": 0},
    "augmented, 4 views kept": {"augment": "standard"},
    "plain, every epoch": {"augment": "none", "feature_views": 0},
    "plain, kept": {"augment": "none"},
}


class Timed(NamedTuple):
    """One run."""

    seconds: float
    accuracy: float
    megabytes: float


def main() -> None:
    """Print a line for each run, then the medians and their ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("weights", type=Path)
    parser.add_argument("--model", default="mobilenetv2_100")
    parser.add_argument("--image-size", type=int, default=128)
    parser.add_argument("--epochs", type=int, nargs=2, default=(10, 100))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    given = parser.parse_args()
    few, many = given.epochs
    races = [(way, few) for way in WAYS] + [("plain, kept", many)]
    found: dict[tuple[str, int], list[Timed]] = {race: [] for race in races}
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NBFINETUNE_HOME"] = f"{folder}/runs"
        os.environ["NBFINETUNE_CACHE"] = f"{folder}/cache"
        train(given, "plain, kept", 1)  # whoever comes first would decode for all
        for number in range(given.rounds):
            for race in races if number % 2 == 0 else reversed(races):
                timed = train(given, *race)
                found[race].append(timed)
                print(f"{race[1]:4} epochs, {race[0]:24} {words(timed)}", flush=True)
    compare(found, few, many)


def train(given: argparse.Namespace, way: str, epochs: int) -> Timed:
    """One run in a worker of its own."""
    run = nf.fine_tune(
        given.photos,
        model=given.model,
        checkpoint=str(given.weights),
        freeze="backbone",
        image_size=given.image_size,
        epochs=epochs,
        batch_size=32,
        lr=2e-3,
        threads=given.threads,
        wait=False,
        **WAYS[way],
    )
    run.wait(progress=False)
    steps = [event for event in run.events() if isinstance(event, (StepDone, RunFinished))]
    kept = [event.megabytes for event in run.events() if isinstance(event, FeaturesKept)]
    accuracy = run.metrics()["accuracy"].max()
    return Timed(steps[-1].time - steps[0].time, float(accuracy), kept[0] if kept else 0.0)


def words(timed: Timed) -> str:
    """A run as a line shows it."""
    kept = f", {timed.megabytes:.0f} MB kept" if timed.megabytes else ""
    return f"{timed.seconds:8.2f} s, accuracy {timed.accuracy:.4f}{kept}"


def compare(found: dict[tuple[str, int], list[Timed]], few: int, many: int) -> None:
    """Medians with their spread, and what the ways cost in proportion."""
    middle = {race: statistics.median(t.seconds for t in runs) for race, runs in found.items()}
    best = {race: statistics.median(t.accuracy for t in runs) for race, runs in found.items()}
    print()
    for race, runs in found.items():
        seconds = [timed.seconds for timed in runs]
        print(
            f"{race[1]:4} epochs, {race[0]:24} median {middle[race]:8.2f} s "
            f"({min(seconds):.2f} to {max(seconds):.2f}), accuracy {best[race]:.4f}"
        )
    for kept, ever in (
        ("augmented, 4 views kept", "augmented, every epoch"),
        ("plain, kept", "plain, every epoch"),
    ):
        ratio = middle[ever, few] / middle[kept, few]
        points = 100 * (best[kept, few] - best[ever, few])
        print(f"{kept}: {ratio:.2f} times as fast over {few} epochs, {points:+.2f} points")
    ratio = middle["plain, kept", many] / middle["plain, kept", few]
    print(f"{many} epochs cost {ratio:.2f} times {few}")


if __name__ == "__main__":
    main()

"""How soon a slider knows something of a pruning, and how true what it tells is.

    python benchmarks/bench_pruning_study.py ../shared/data [--run RUN] [--size 128]

Trains MobileNetV2 on the flower photos (or takes a run that is there), studies it, and prints when
the first point and when the whole curve was there, what the slider's answer costs, and at five
amounts off the measured ones what was predicted beside what a run tells that is really pruned so
far. Aims: the first point within 3 s on two idle cores, an answer within 50 ms, and each prediction
within 5 points of accuracy.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import threading
import time
import zipfile
from pathlib import Path

import nbfinetune as nf
from nbfinetune.records import ChannelsRemoved
from nbfinetune.runner import standby
from nbfinetune.runner.pruning_study import MODULE, PruningStudy

AMOUNTS = (0.15, 0.33, 0.45, 0.57, 0.69)

SETTLE_S = 2.0
"""For processes of the round before to be gone."""


def main() -> None:
    """Print everything about one model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--run", type=Path)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3, help="first points of each kind")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NBFINETUNE_HOME"] = str(Path(folder, "runs"))
        run = nf.Run.open(given.run) if given.run else trained(given, Path(folder))
        first_points(run, given.rounds)
        study = PruningStudy(run)
        follow(study)
        answer(study)
        compare(run, study)
        study.cancel()


def trained(given: argparse.Namespace, folder: Path) -> nf.Run:
    """MobileNetV2 with ImageNet weights, fine-tuned on the flowers."""
    with zipfile.ZipFile(given.data / "tf_flowers.zip") as archive:
        archive.extractall(folder)
    return nf.fine_tune(
        folder / "tf_flowers",
        model="mobilenetv2_100",
        checkpoint=str(given.data / "weights" / "mobilenetv2_100.in1k_dropin.safetensors"),
        image_size=given.size,
        epochs=given.epochs,
    ).wait()


def first_points(run: nf.Run, rounds: int) -> None:
    """Seconds to the first point: with a standby that waits, as on a surface, and without."""
    took: dict[str, list[float]] = {"with a standby": [], "from nothing": []}
    for _ in range(rounds):
        for way, times in took.items():
            if way == "with a standby":
                standby.prepare().describe(run.config)  # answers once it is warm
            time.sleep(SETTLE_S)
            times.append(first_point(run))
            end_standby()
    for way, times in took.items():
        said = ", ".join(f"{one:.2f}" for one in times)
        print(f"first point {way}: median {statistics.median(times):.2f} s ({said})")


def end_standby() -> None:
    """Have no process wait."""
    waiting = standby.take_for(MODULE)
    if waiting is not None and waiting.stdin is not None:
        waiting.stdin.close()
        waiting.wait()


def first_point(run: nf.Run) -> float:
    """Seconds from the request."""
    study, there = PruningStudy(run), threading.Event()

    def look() -> None:
        if any(point.amount for point in study.points) or study.error:
            there.set()

    study.on_change(look)
    began = time.perf_counter()
    study.start()
    there.wait()
    took = time.perf_counter() - began
    study.cancel()
    return took


def follow(study: PruningStudy) -> None:
    """When what was known."""
    began, told = time.perf_counter(), ["", 0]

    def note() -> None:
        if study.progress != told[0] or len(study.points) != told[1]:
            told[:] = [study.progress, len(study.points)]
            pruned = [point for point in study.points if point.amount]
            last = f"{pruned[-1].accuracy:.3f}" if pruned else ""
            print(
                f"{time.perf_counter() - began:7.1f} s  {len(pruned):3} points  {told[0]}  {last}"
            )

    study.on_change(note)
    study.start()
    study.wait()
    if study.error:
        sys.exit(study.error)
    for point in study.points:
        print(f"  {point.amount:5.2f} of the MACs  {point.accuracy:.3f}  ({point.images} images)")


def answer(study: PruningStudy) -> None:
    """What moving the slider costs the kernel."""
    laps = []
    for place in range(60):
        start = time.perf_counter()
        study.predicted(study.prospect(0.1 + place / 100))
        study.board()
        laps.append(time.perf_counter() - start)
    print(f"an answer: {1000 * sorted(laps)[30]:.1f} ms, at most {1000 * max(laps):.1f} ms")


def compare(run: nf.Run, study: PruningStudy) -> None:
    """Predicted beside what a run tells that is pruned so far, before its first step."""
    print("  amount  predicted  (low to high)  really   off")
    for amount in AMOUNTS:
        told = study.predicted(study.prospect(amount))
        if told is None:
            sys.exit("nothing was measured")
        smaller = run.prune(amount, method="structured", recover_epochs=1)
        really = cut(smaller)
        smaller.stop()
        between = f"{told.low:.3f} to {told.high:.3f}"
        off = 100 * abs(told.accuracy - really)
        print(f"{amount:8.2f}{told.accuracy:11.3f}  {between:>14}{really:8.3f}{off:6.1f}")


def cut(run: nf.Run) -> float:
    """Accuracy right after the pruning that a run begins with."""
    while run.status in ("starting", "running"):
        for event in run.events():
            if isinstance(event, ChannelsRemoved) and event.accuracy is not None:
                return event.accuracy
        time.sleep(0.5)
    run.wait(progress=False)
    sys.exit(f"run {run.id} told nothing of its pruning")


if __name__ == "__main__":
    main()

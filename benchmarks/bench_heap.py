"""Training steps in a process that keeps the memory it frees, beside one as the system has it.

    python benchmarks/bench_heap.py

For each model two processes with its tuned step on one batch of noise, which take turns at the
same CPUs, a lap of steps each, in an order drawn anew for each round. Printed are images a second,
the median of the rounds' ratios and their middle half, the same by processor time, and the peak of
the resident set.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field

CASES = (
    ("mobilenetv3_small_100", 128, "fp32", 5),
    ("resnet18", 224, "bf16", 1),
    ("resnet50", 160, "bf16", 1),
    ("vit_tiny_patch16_224", 224, "fp32", 1),
)
"""Model, pixels, precision, steps of a lap."""
SETTLING = 3


@dataclass
class Stepper:
    """A process that steps when told to.

    Attributes
    ----------
    laps : list of tuple of float
        Images a second, images a second of processor time, peak in MiB.
    """

    process: subprocess.Popen[str]
    laps: list[tuple[float, ...]] = field(default_factory=list)

    def lap(self, steps: int) -> tuple[float, ...]:
        """Take steps; what they came to."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{steps}\n")
        self.process.stdin.flush()
        return tuple(float(word) for word in self.process.stdout.readline().split())


def main() -> None:
    """Print a row for each model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=16)
    parser.add_argument("--only", default="", help="a model's name")
    parser.add_argument("--stepper", nargs=4, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.stepper:
        name, size, precision, heap = arguments.stepper
        _step(name, int(size), precision, arguments.batch, keep=heap == "keep")
        return
    print(f"batch {arguments.batch}, load {os.getloadavg()[0]:.1f}")
    print(
        "| model | px | precision | images/s | kept | ratio | processor time | peak, MiB | kept |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for case in CASES:
        if arguments.only in case[0]:
            _race(case, arguments.batch, arguments.rounds)


def _race(case: tuple[str, int, str, int], batch: int, rounds: int) -> None:
    name, size, precision, steps = case
    usual, keeping = (_stepper(case, batch, heap) for heap in ("leave", "keep"))
    for stepper in (usual, keeping):
        stepper.lap(SETTLING)
    for _ in range(rounds):
        for stepper in random.sample((usual, keeping), 2):
            stepper.laps.append(stepper.lap(steps))
    pairs = list(zip(keeping.laps, usual.laps, strict=True))
    by_clock = [kept[0] / other[0] for kept, other in pairs]
    by_processor = [kept[1] / other[1] for kept, other in pairs]
    low, middle, high = statistics.quantiles(by_clock, n=4)
    rates = [statistics.median(lap[0] for lap in one.laps) for one in (usual, keeping)]
    print(
        f"| {name} | {size} | {precision} | {rates[0]:.0f} | {rates[1]:.0f} "
        f"| {middle:.2f} ({low:.2f} to {high:.2f}) | {statistics.median(by_processor):.2f} "
        f"| {usual.laps[-1][2]:.0f} | {keeping.laps[-1][2]:.0f} |",
        flush=True,
    )
    for stepper in (usual, keeping):
        stepper.process.communicate()


def _stepper(case: tuple[str, int, str, int], batch: int, heap: str) -> Stepper:
    given = [*map(str, case[:3]), heap]
    command = [sys.executable, __file__, "--batch", str(batch), "--stepper", *given]
    pipe = subprocess.PIPE
    return Stepper(subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True))


def _step(name: str, size: int, precision: str, batch: int, *, keep: bool) -> None:
    from nbfinetune.engine import heap

    if keep and not heap.keep_freed():
        raise SystemExit("this C library, or the environment, has its own way with memory")
    import torch

    from nbfinetune.engine.device import Placement
    from nbfinetune.engine.step_timing import fixed_step
    from nbfinetune.runner.speed_measure import Measuring

    how = Measuring(batch_size=batch, image_size=size, classes=5)
    step = fixed_step(how.config(name), Placement(torch.device("cpu"), precision, True), 5)
    for line in sys.stdin:
        steps = int(line)
        began, worked = time.perf_counter(), time.process_time()
        for _ in range(steps):
            step()
        images = batch * steps
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
        took, cpu = time.perf_counter() - began, time.process_time() - worked
        print(images / took, images / cpu, peak, flush=True)


if __name__ == "__main__":
    main()

"""What `compile=True` costs before a first step, and what it gives after it.

    python benchmarks/bench_compile.py

For each model and precision a training step as a run takes it, compiled and not, by turns in one
process, on noise. Each case is run in two processes one after the other: the first finds an empty
cache, the second what the first has compiled. Seconds until a graph is there are wall-clock time
and depend on what else runs; the ratio of the steps is by processor time of one thread, which
hardly does.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from nbfinetune.engine.compiling import Compiling

CASES = (
    ("mobilenetv3_small_100", 128, "fp32"),
    ("resnet18", 224, "fp32"),
    ("resnet18", 224, "bf16"),
)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--only", default="", help="a model's name")
    parser.add_argument("--case", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.case:
        print(json.dumps(_measured(json.loads(arguments.case), arguments)))
        return
    print(f"batch {arguments.batch}, {arguments.device}, load {os.getloadavg()[0]:.1f}")
    print(
        "| model | px | precision | first graph, s | again, s | step, ms | compiled, ms | ratio |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for case in CASES:
        if arguments.only in case[0]:
            _print(case)


def _print(case: tuple[str, int, str]) -> None:
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "NBFINETUNE_CACHE": cache, "OMP_NUM_THREADS": "1"}
        environment.pop("TORCHINDUCTOR_CACHE_DIR", None)
        command = [sys.executable, __file__, *sys.argv[1:], "--case", json.dumps(case)]
        first, again = (
            json.loads(
                subprocess.run(
                    command, env=environment, check=True, stdout=subprocess.PIPE, text=True
                ).stdout.splitlines()[-1]
            )
            for _ in range(2)
        )
    plain, compiled = (
        statistics.median([*first[name], *again[name]]) for name in ("plain", "compiled")
    )
    ratios = [
        p / c for one in (first, again) for p, c in zip(one["plain"], one["compiled"], strict=True)
    ]
    low, _, high = statistics.quantiles(ratios, n=4)
    print(
        f"| {case[0]} | {case[1]} | {case[2]} | {first['graph_s']:.1f} | {again['graph_s']:.1f} "
        f"| {1000 * plain:.0f} | {1000 * compiled:.0f} "
        f"| {statistics.median(ratios):.2f} ({low:.2f} to {high:.2f}) |",
        flush=True,
    )


def _measured(case: tuple[str, int, str], arguments: argparse.Namespace) -> dict[str, Any]:
    import torch

    from nbfinetune.engine.compiling import graph_of, keep_in_own_cache
    from nbfinetune.engine.device import Placement
    from nbfinetune.engine.step_timing import fixed_batch, fixed_step
    from nbfinetune.runner.speed_measure import Measuring

    model, size, precision = case
    config = Measuring(batch_size=arguments.batch, image_size=size, classes=5).config(model)
    placement = Placement(torch.device(arguments.device), precision, channels_last=True)
    keep_in_own_cache()
    plain = fixed_step(config, placement, 5)
    stepper, pixels, labels = fixed_batch(config, placement, 5)
    graph = graph_of(stepper.model)
    stepper.compiling = cast("Compiling", SimpleNamespace(forward=lambda *_: graph))
    plain()
    began = time.perf_counter()
    stepper.step(pixels, labels)
    graph_s = time.perf_counter() - began
    laps: dict[str, list[float]] = {"plain": [], "compiled": []}
    for _ in range(arguments.rounds):
        for name, step in (("plain", plain), ("compiled", lambda: stepper.step(pixels, labels))):
            laps[name].append(_seconds(step, arguments.device))
    return {"graph_s": graph_s, **laps}


def _seconds(step: Callable[[], object], device: str) -> float:
    """Processor time of a step; on an accelerator, time until it is done."""
    import torch

    if device == "cpu":
        began = time.process_time()
        step()
        return time.process_time() - began
    began = time.perf_counter()
    step()
    torch.accelerator.synchronize()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()

"""How long a command takes to reach a worker in the middle of its training.

    python benchmarks/bench_commands.py

Starts a run whose step takes about 50 ms, sends 60 `SetOptimizer` commands at random moments and
measures from the call to the answer in the caller's hand, next to the median step of the same run.
"""

from __future__ import annotations

import random
import statistics
import time

import numpy as np

import nbfinetune as nf

COMMANDS = 60


def main() -> None:
    """Print the table."""
    images = np.random.default_rng(0).integers(0, 255, (512, 32, 32, 3)).astype(np.uint8)
    run = nf.fine_tune(
        (images, np.arange(512) % 4),
        model="resnet10t",
        pretrained=False,
        image_size=32,
        batch_size=32,
        epochs=100_000,
        device="cpu",
        threads=1,
    )
    while len(run.metrics("step")) < 10:
        time.sleep(0.05)
    moments = random.Random(0)
    waits = []
    for number in range(COMMANDS):
        time.sleep(moments.random() * 0.2)
        start = time.perf_counter()
        run.set_optimizer(l1=1e-9 * (number + 1))
        waits.append(1e3 * (time.perf_counter() - start))
    run.stop()
    rows = run.metrics("step")
    steps = (32 / rows["images_per_s"] * 1e3).tolist()[5:]
    step, slowest = statistics.median(steps), np.quantile(steps, 0.95)
    late = [wait - step for wait in waits]
    print(f"step:    median {step:6.1f} ms, 95% below {slowest:6.1f} ms ({len(steps)} steps)")
    print(f"command: median {statistics.median(waits):6.1f} ms, longest {max(waits):6.1f} ms")
    print(
        f"command beyond one median step: median {statistics.median(late):6.1f} ms, "
        f"longest {max(late):6.1f} ms (allowed: 50 ms)"
    )


if __name__ == "__main__":
    main()

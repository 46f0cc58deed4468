"""What recording a run costs its training: a batch of 50 steps written, and a look for commands.

`python benchmarks/bench_store.py` prints medians, and the share of a 50 ms training step.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from nbfinetune.records import DataConfig, FineTuneConfig, Named, StepDone
from nbfinetune.store import RunStore
from nbfinetune.store.layout import database, new_run_folder

BATCH = 50
BATCHES = 2_000
LOOKS = 50_000
STEP_S = 0.050


def batches() -> Iterator[list[StepDone]]:
    """Steps with numbers that do not compress."""
    for first in range(1, BATCH * BATCHES, BATCH):
        yield [
            StepDone(
                time=time.time(),
                step=step,
                epoch=step // 1000,
                loss=1 / step,
                lr=1e-3 / step,
                images_per_s=1e4 / (step + 7),
                data_wait_s=1 / (step + 3),
                memory_mb=512.25,
            )
            for step in range(first, first + BATCH)
        ]


def seconds(work: Callable[[], object]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> None:
    """Fill a run with a hundred thousand steps, as its worker would."""
    with tempfile.TemporaryDirectory() as home:
        folder = new_run_folder(Path(home), "bench")
        config = FineTuneConfig(data=DataConfig(source=Named(name="digits")))
        store = RunStore.create(folder, config)
        store.claim(os.getpid())
        writes = [seconds(lambda batch=batch: store.append(batch)) for batch in batches()]
        looks = [seconds(store.pending_commands) for _ in range(LOOKS)]
        reads = [seconds(store.steps) for _ in range(5)]
        store.close()
        size = database(folder).stat().st_size / (BATCH * BATCHES)
    # The mean counts what a median hides: the log of the database is folded in now and then.
    per_step = statistics.fmean(writes) / BATCH + statistics.median(looks)
    print(f"append of {BATCH} steps: median {statistics.median(writes) * 1e6:.0f} µs,", end=" ")
    print(f"mean {statistics.fmean(writes) * 1e6:.0f} µs, longest {max(writes) * 1e3:.1f} ms")
    print(f"look for commands, none there: median {statistics.median(looks) * 1e6:.1f} µs")
    print(f"both together: {per_step / STEP_S:.3%} of a {STEP_S * 1e3:.0f} ms step")
    print(f"{size:.0f} bytes a step; {BATCH * BATCHES} steps read in {min(reads):.2f} s")
    if per_step / STEP_S >= 0.01:
        raise SystemExit("recording costs 1% of a training step or more")


if __name__ == "__main__":
    main()

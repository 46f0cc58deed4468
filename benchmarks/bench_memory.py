"""Memory that a run is reckoned to need, against the peak of its process: five models on the CPU.

`python benchmarks/bench_memory.py` trains each in a fresh process, as a worker does: three epochs
on arrays, a checkpoint written whenever the last one is. Measured is the peak of the resident set
over that of the process with everything imported; the aim is an estimate within 25 %. Beside it
stands the whole process against the estimate and what was there before. `--frozen` trains heads
alone.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

RUNS = (
    ("resnet18", 160, 32),
    ("resnet50", 128, 32),
    ("mobilenetv3_large_100", 160, 64),
    ("convnext_atto", 160, 32),
    ("vit_tiny_patch16_224", 224, 32),
)
BATCHES = 3
CLASSES = 4
MB = 2**20


def main() -> None:
    """Print a line for each model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frozen", action="store_true", help="train the heads alone")
    parser.add_argument("--models", nargs="*", help="name:size:batch instead of the five")
    parser.add_argument("--one", nargs=4, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        name, size, batch, freeze = asked.one
        print(json.dumps(_trained(name, int(size), int(batch), freeze)))
        return
    runs = [tuple(one.split(":")) for one in asked.models or ()] or RUNS
    print("model, px, batch: reckoned over measured, MB; the whole process")
    for name, size, batch in runs:
        told = _in_a_fresh_process(
            [name, str(size), str(batch), "backbone" if asked.frozen else "none"]
        )
        needed, peak, before = told["needed"], told["peak"], told["before"]
        rise = peak - before
        print(
            f"{name}, {size}, {batch}: {needed / MB:.0f} / {rise / MB:.0f} = {needed / rise:.2f}; "
            f"{(needed + before) / MB:.0f} / {peak / MB:.0f} = {(needed + before) / peak:.2f}; "
            f"the catalogue alone {told['by_facts'] / rise:.2f}",
            flush=True,
        )


def _in_a_fresh_process(arguments: list[str]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as scratch:
        done = subprocess.run(
            [sys.executable, __file__, "--one", *arguments],
            env={
                **os.environ,
                "NBFINETUNE_HOME": str(Path(scratch, "runs")),
                "NBFINETUNE_CACHE": str(Path(scratch, "cache")),
            },
            capture_output=True,
            text=True,
            check=True,
        )
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def _trained(name: str, size: int, batch: int, freeze: str) -> dict[str, int]:
    from nbfinetune.models.catalogue import facts
    from nbfinetune.models.estimate import facts_need
    from nbfinetune.runner import standing_by, worker

    folder = _a_run(name, size, batch, freeze)
    standing_by._warm_up()  # noqa: SLF001 - what a waiting worker has imported
    needed = _needed(folder)
    Path("/proc/self/clear_refs").write_text("5")  # the peak is counted from here
    before = _status("VmRSS")
    if worker.main(folder):
        sys.exit(f"the run of {name} failed, see above")
    by_facts = facts_need(facts(name), size, "head" if freeze == "backbone" else "all").at(batch)
    return {
        "needed": needed,
        "by_facts": by_facts,
        "before": before,
        "peak": _status("VmHWM"),
    }


def _a_run(name: str, size: int, batch: int, freeze: str) -> Path:
    from nbfinetune.data.sources import accept
    from nbfinetune.runner.settings import configure
    from nbfinetune.store import RunStore
    from nbfinetune.store.layout import home, new_run_folder

    count = round(BATCHES * batch / 0.8) + 64
    pixels = np.random.default_rng(0).integers(0, 256, (count, size, size, 3), dtype=np.uint8)
    accepted = accept((pixels, [str(number % CLASSES) for number in range(count)]))
    settings = {
        "model": name,
        "pretrained": False,
        "image_size": size,
        "batch_size": batch,
        "freeze": freeze,
        "epochs": 3,
        "device": "cpu",
        "checkpoint_every_s": 0.0,
    }
    config = configure(accepted.source, settings)
    folder = new_run_folder(home(), name)
    accepted.place(folder)
    RunStore.create(folder, config).close()
    return folder


def _needed(folder: Path) -> int:
    from nbfinetune.runner.standing_by import describe
    from nbfinetune.store import RunStore

    with RunStore.open(folder) as store:
        told = describe(store.config, folder)
    if "memory" not in told:
        sys.exit(f"no estimate: {told}")
    return int(told["memory"]["needed"])


def _status(key: str) -> int:
    """Bytes of one line of Linux's account of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{key}:"))


if __name__ == "__main__":
    main()

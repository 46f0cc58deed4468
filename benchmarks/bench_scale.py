"""Whether the work grows with the length of a run, or with the number of runs.

`python benchmarks/bench_scale.py` does all parts; name some to do these alone:

training  a tiny model for 100,000 steps: milliseconds a step (by the clock, and of the worker's
          processor time), megabytes, and bytes a step of the file, in windows of a tenth
resume    the first new step of a run taken up at a million steps, against one at a hundred
reading   what a caller and a surface ask of a run of a million steps
runs      `nbfinetune.runs()` with 500 of them, listed, shown and asked for their status
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import psutil

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

from long_runs import long_run, steps_of  # noqa: E402

import nbfinetune as nf  # noqa: E402
from nbfinetune.records import LIVE, RunRestored, StepDone  # noqa: E402
from nbfinetune.store import RunStore, layout  # noqa: E402
from nbfinetune.store.layout import checkpoint  # noqa: E402

if TYPE_CHECKING:
    from torch import nn

E = TypeVar("E")

BATCH, PER_EPOCH, VALIDATED = 8, 1000, 200
WINDOWS = 10
LOOK_S = 0.5
PATIENCE_S = 120.0


def tiny(num_classes: int) -> nn.Module:
    """A network so small that a step costs hardly more than what surrounds it."""
    from torch import nn

    return nn.Sequential(
        nn.Conv2d(3, 4, 3, stride=4), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 8 * 8, num_classes)
    )


def tiny_run(steps: int) -> nf.Run:
    """Start a run of the tiny model on noise."""
    rng = np.random.default_rng(0)
    many = BATCH * PER_EPOCH + VALIDATED
    images = rng.integers(0, 256, (many, 32, 32, 3), dtype=np.uint8)
    return nf.fine_tune(
        (images, np.arange(many) % 4),
        val_split=VALIDATED / many,
        model=f"{Path(__file__).stem}:tiny",
        pretrained=False,
        image_size=32,
        batch_size=BATCH,
        epochs=steps // PER_EPOCH,
        threads=1,
        seed=0,
    )


# ---- training ----


def training(steps: int) -> None:
    """Print how a run's cost a step, its memory and its file go along."""
    run = tiny_run(steps)
    looks = followed(run, steps)
    with RunStore.open(run.path) as store:
        taken, times = store.steps("step", "time").values()
    awaited(run, worker_gone)
    # With the log that SQLite folds in when the last one closes the file.
    size = sum(file.stat().st_size for file in run.path.glob("run.sqlite*"))
    print(f"training of {steps:,} steps: {run.status}")
    print("up to step    ms a step    busy ms a step    memory MB    its top")
    rows = windows(taken, times, looks, steps)
    for last, row in rows:
        print(f"{last:12,}{row[0]:12.3f}{row[1]:18.3f}{row[2]:13.1f}{row[3]:11.1f}")
    first, second, end = (np.array(rows[place][1]) for place in (0, 1, -1))
    print(f"last window / first: {listed(end / first)}; / second: {listed(end / second)}")
    print(f"the file: {size / steps:.1f} bytes a step (under 200: {size / steps < 200})\n")


def followed(run: nf.Run, steps: int) -> np.ndarray:
    """Step, busy seconds and megabytes of the worker, as often as we look, until it ends."""
    looks: list[tuple[float, float, float]] = []
    with RunStore.open(run.path) as store:
        while store.status() in LIVE and (not looks or looks[-1][0] < steps):
            worker, newest = store.worker(), store.last(StepDone)
            if worker and worker.pid and newest:
                try:
                    process = psutil.Process(worker.pid)
                    busy, memory = process.cpu_times(), process.memory_full_info().uss / 2**20
                except psutil.Error:
                    break
                looks.append((newest.step, busy.user + busy.system, memory))
            time.sleep(LOOK_S)
    run.wait(progress=False)
    return np.array(looks)


def windows(
    taken: np.ndarray, times: np.ndarray, looks: np.ndarray, steps: int
) -> list[tuple[int, tuple[float, ...]]]:
    """For each tenth of the run: milliseconds a step, of them busy, memory, its highest."""
    made = []
    for place in range(WINDOWS):
        ends = np.array([place, place + 1]) * steps / WINDOWS
        # The first steps wait for what happens once in a run.
        ends[0] = max(ends[0], steps / WINDOWS**2)
        wall = np.diff(np.interp(ends, taken, times))[0]
        busy = np.diff(np.interp(ends, looks[:, 0], looks[:, 1]))[0]
        seen = looks[(looks[:, 0] > ends[0]) & (looks[:, 0] < ends[1]), 2]
        inside = np.concatenate([seen, np.interp(ends, looks[:, 0], looks[:, 2])])
        count = ends[1] - ends[0]
        row = (wall / count * 1e3, busy / count * 1e3, np.median(inside), inside.max())
        made.append((int(ends[1]), tuple(map(float, row))))
    return made


def listed(ratios: np.ndarray) -> str:
    """The four ratios in words."""
    names = ("clock", "busy", "memory", "its top")
    return ", ".join(f"{name} {ratio:.3f}" for name, ratio in zip(names, ratios, strict=True))


# ---- resume ----


def resume(steps: int) -> None:
    """Print how long a run takes to its first new step, by the steps that it has."""
    print("first new step after resume()")
    for length in (PER_EPOCH, steps):
        run = tiny_run(2 * steps)
        awaited(run, lambda store: store.last(StepDone))
        run.stop()
        lengthen(run, length)
        began = time.time()
        run.resume()
        newest = awaited(run, partial(new_step, after=length))
        restored = awaited(run, lambda store: store.last(RunRestored))
        run.stop()
        size = checkpoint(run.path, "last").stat().st_size
        print(
            f"at step {length:9,}: {restored.time - began:.2f} s until it is restored, "
            f"{newest.time - began:.2f} s until a new step; checkpoint {size / 1e3:,.0f} kB"
        )
    print()


def lengthen(run: nf.Run, steps: int) -> None:
    """Let a stopped run have taken so many steps, in its store and in its checkpoint."""
    from nbfinetune.engine.checkpoint import read, write

    path = checkpoint(run.path, "last")
    state = read(path)
    epochs = steps // PER_EPOCH
    past = {name: [0.5] * epochs for name in ("val_loss", "accuracy", "macro_f1")}
    place = {"step": steps, "epoch": epochs}
    progress = state.facts["progress"] | place | {"batch": 0, "losses": 0, "history": past}
    write(path, replace(state, facts={**state.facts, **place, "progress": progress}))
    with RunStore.open(run.path) as store:
        store.rewind(0)
        # Beyond the checkpoint too: what a killed worker had recorded since.
        for epoch in range(1, epochs + 2):
            store.append(list(steps_of(epoch, PER_EPOCH, steps)))


def new_step(store: RunStore, after: int) -> StepDone | None:
    """The newest step, once a worker has taken it after the restored one."""
    newest, restored = store.last(StepDone), store.last(RunRestored)
    known = newest and restored and newest.seq > restored.seq and newest.step > after
    return newest if known else None


def worker_gone(store: RunStore) -> bool | None:
    """True once the run's worker has left; None before."""
    worker = store.worker()
    return None if worker and worker.pid and psutil.pid_exists(worker.pid) else True


def awaited(run: nf.Run, ask: Callable[[RunStore], E | None]) -> E:
    """What `ask` gives, as soon as it gives something."""
    deadline = time.monotonic() + PATIENCE_S
    with RunStore.open(run.path) as store:
        while (event := ask(store)) is None:
            if time.monotonic() > deadline:
                raise SystemExit(f"{run!r} told nothing new in {PATIENCE_S:.0f} s")
            time.sleep(0.01)
    return event


# ---- reading ----


def reading(steps: int) -> None:
    """Print what is asked of a long run, and how long the answer takes."""
    from nbfinetune.widgets.bearings import bearings
    from nbfinetune.widgets.chart_messages import snapshot
    from nbfinetune.widgets.history import RunHistory

    folder = layout.home() / f"{steps}-steps"
    store = long_run(folder, steps)
    run = nf.Run.open(folder)
    history = RunHistory(store.config.schedule)
    asked: dict[str, Callable[[], Any]] = {
        "open": lambda: nf.Run.open(folder),
        "read for the charts": lambda: RunHistory(store.config.schedule).catch_up(store),
        "the charts' snapshot": lambda: snapshot(0, history),
        "the status line": lambda: bearings(store),
        "repr": lambda: repr(run),
        "metrics('epoch')": lambda: run.metrics("epoch"),
        "metrics('step')": lambda: run.metrics("step"),
        "events()": run.events,
    }
    print(f"asked of a run of {steps:,} steps and {len(store.epochs()):,} epochs")
    import pandas  # noqa: F401, ICN001 - its import is not what is measured

    history.catch_up(store)
    for name, ask in asked.items():
        told(name, ask)
    store.close()
    print()


def told(name: str, ask: Callable[[], Any], times: int = 3) -> None:
    """Print the least of some times."""
    took = []
    for _ in range(times):
        wall, busy = time.perf_counter(), time.process_time()
        ask()
        took.append((time.perf_counter() - wall, time.process_time() - busy))
    wall, busy = (min(column) * 1e3 for column in zip(*took, strict=True))
    print(f"{name:24}{wall:10.1f} ms, busy {busy:10.1f} ms")


# ---- runs ----


def many_runs(count: int) -> None:
    """Print what a folder of many runs costs to look at."""
    for number in range(count):
        long_run(layout.home() / f"20260101-000000-resnet18-{number:04}", 200).close()
    print(f"{len(nf.runs()):,} runs")
    told("runs()", nf.runs)
    told("their status", lambda: [run.status for run in nf.runs()])
    told("their repr", lambda: repr(nf.runs()))
    told("the last one by its id", lambda: nf.Run.open(nf.runs()[-1].id))
    print()


def main() -> None:
    """Do the parts that are named, each in a home of its own."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    sizes = {"training": 100_000, "resume": 1_000_000, "reading": 1_000_000, "runs": 500}
    parts = {"training": training, "resume": resume, "reading": reading, "runs": many_runs}
    parser.add_argument("parts", nargs="*", choices=[*parts, []])
    parser.add_argument("--size", type=int, help="steps, or runs, instead of the part's own number")
    asked = parser.parse_args()
    os.environ["PYTHONPATH"] = os.pathsep.join(sys.path[:2])
    for part in asked.parts or parts:
        with tempfile.TemporaryDirectory() as home:
            os.environ |= {"NBFINETUNE_HOME": home, "NBFINETUNE_CACHE": f"{home}/cache"}
            parts[part](asked.size or sizes[part])


if __name__ == "__main__":
    main()

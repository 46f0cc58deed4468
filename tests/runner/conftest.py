"""Real worker processes that follow a script, and an end to all of them after each test."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from nbfinetune.records import DataConfig, FineTuneConfig, ModelConfig, Named, TrainingConfig
from nbfinetune.runner import answers
from nbfinetune.runner.launch import launch
from nbfinetune.runner.run import Run, runs
from nbfinetune.store import RunStore
from nbfinetune.store.layout import new_run_folder
from nbfinetune.store.liveness import alive, here

LONG = 100_000
"""Epochs of a run that does not end by itself."""


@pytest.fixture
def until() -> Callable[[Callable[[], object]], None]:
    """Wait for a condition, or fail after a while."""

    def wait(condition: Callable[[], object], deadline_s: float = 120.0) -> None:
        end = time.monotonic() + deadline_s
        while not condition():
            assert time.monotonic() < end, "this never came true"
            time.sleep(0.005)

    return wait


@pytest.fixture(autouse=True)
def nobody_left_behind(home: Path) -> Iterator[None]:
    """End every worker that a test has launched."""
    yield
    for run in runs(home):
        with RunStore.open(run.path) as store:
            found = store._connection.execute("SELECT pid, started, host FROM processes").fetchall()
        for pid, started, host in found:
            if pid and pid != os.getpid() and host == here() and alive(pid, started):
                os.kill(pid, signal.SIGKILL)


@pytest.fixture
def new_run(home: Path) -> Callable[..., Run]:
    """A run that no worker has yet."""

    def make(script: str = "obeys", epochs: int = LONG) -> Run:
        folder = new_run_folder(home, script)
        config = FineTuneConfig(
            data=DataConfig(source=Named(name="digits")),
            model=ModelConfig(name=script),
            training=TrainingConfig(epochs=epochs),
        )
        RunStore.create(folder, config).close()
        return Run.open(folder)

    return make


@pytest.fixture
def scripted(new_run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Run]:
    """A run whose workers, the first and all later ones, follow `scripted_worker`."""
    start = partial(launch, module="scripted_worker")
    monkeypatch.setattr(answers, "launch", start)

    def make(script: str = "obeys", epochs: int = LONG) -> Run:
        run = new_run(script, epochs)
        start(run.path)
        return run

    return make


@pytest.fixture
def training(scripted: Callable[..., Run], until: Callable[..., None]) -> Run:
    """A run that is past its first epoch and will not end by itself."""
    run = scripted()
    until(lambda: len(run.metrics()) > 0)
    return run


@pytest.fixture
def kill() -> Callable[[Run], None]:
    """End a run's worker as the system does when memory runs out."""

    def end(run: Run) -> None:
        with RunStore.open(run.path) as store:
            worker = store.worker()
        assert worker is not None
        assert worker.pid is not None
        os.kill(worker.pid, signal.SIGKILL)

    return end

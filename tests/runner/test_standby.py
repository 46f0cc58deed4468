"""A worker that waits: it answers questions, takes a run, and leaves with its kernel."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nbfinetune.records import FineTuneConfig, Named
from nbfinetune.runner import standby
from nbfinetune.runner.fine_tune import fine_tune
from nbfinetune.runner.settings import configure
from nbfinetune.store import RunStore
from nbfinetune.store.liveness import started_at


def config(**settings: object) -> FineTuneConfig:
    return configure(Named(name="digits"), {"model": "resnet10t", "pretrained": False, **settings})


@pytest.fixture(autouse=True)
def no_standby_left() -> Iterator[None]:
    yield
    if standby._waiting is not None:
        standby._waiting.dismiss()
        standby._waiting = None


def test_it_describes_a_run_and_then_becomes_its_worker(until: Callable[..., None]) -> None:
    waiting = standby.prepare()
    assert standby.prepare() is waiting
    facts = waiting.describe(config())
    assert (facts["images"], facts["classes"]) == (1797, 10)
    assert facts["parameters"] == pytest.approx(4.9e6, rel=0.05)
    assert facts["device"]
    assert "closest: resnet10t" in waiting.describe(config(model="resnet10"))["model_error"]
    run = fine_tune("digits", model="resnet10t", pretrained=False, image_size=32, epochs=50)
    with RunStore.open(run.path) as store:
        until(lambda: store.worker() is not None)
        assert store.worker().pid == waiting.pid
    assert waiting.describe(config()) == {}
    assert standby.prepare().pid != waiting.pid
    run.stop()
    assert run.status == "stopped"


def test_other_surroundings_need_another_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, until: Callable[..., None]
) -> None:
    waiting = standby.prepare()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert not waiting.fits()
    assert standby.take(tmp_path, tmp_path / "log") is None
    until(lambda: started_at(waiting.pid) is None)


def test_it_leaves_when_its_kernel_is_killed(until: Callable[..., None]) -> None:
    script = (
        "import os, signal; from nbfinetune.runner import standby\n"
        "print(standby.prepare().pid, flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    pid = int(done.stdout)
    until(lambda: started_at(pid) is None)
    assert pid != os.getpid()


def test_it_tells_what_the_model_takes_and_each_way_to_train_it() -> None:
    waiting = standby.prepare()
    facts = waiting.describe(config(batch_size=16, image_size=64))
    memory, choices = facts["memory"], facts["choices"]
    assert 0 < memory["needed"] < memory["available"]
    assert memory["largest_batch"] > 16
    assert facts["macs"] > 0
    assert [choice["name"] for choice in choices[:2]] == ["all", "gentle"]
    assert choices[0]["memory"] == memory["needed"]
    assert choices[0]["trained"] == facts["parameters"]
    assert choices[-1]["name"] == "head"
    fewer = waiting.describe(config(train_stages=facts["stages"] + 1))
    assert f"has {facts['stages']}; leave train_stages out" in fewer["model_error"]

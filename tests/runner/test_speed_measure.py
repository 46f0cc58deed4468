"""Speeds measured in a real process: found, kept, cancelled, and left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import nbfinetune as nf
from nbfinetune.errors import ConfigError, RunError, RunTimeout
from nbfinetune.models.catalogue import facts
from nbfinetune.models.speed import Task
from nbfinetune.records import RunnerConfig
from nbfinetune.runner.speed_book import SpeedBook, paces, this_place
from nbfinetune.runner.speed_measure import Measuring, SpeedMeasure
from nbfinetune.runner.speed_table import as_table, watch
from nbfinetune.store.liveness import started_at

DEADLINE_S = 120
QUICK = Measuring(batch_size=4, image_size=32, device="cpu", threads=1, seconds=0.05)
FOREVER = Measuring(batch_size=4, image_size=32, device="cpu", threads=1, seconds=1e6)


@pytest.mark.slow
def test_two_models_are_measured_and_kept_and_a_third_is_refused_in_a_sentence(
    capfd: pytest.CaptureFixture[str], until: Callable[..., None]
) -> None:
    measure = SpeedMeasure(["test_vit", "resnet99", "test_efficientnet"], QUICK)
    heard: list[tuple[object, ...]] = []
    measure.on_change(lambda: heard.append((measure.status, measure.now, *measure.progress)))
    assert (measure.status, measure.progress, measure.results) == ("waiting", (0, 3), {})
    measure.start()
    measure.start()
    watch(measure, timeout_s=DEADLINE_S)
    assert (measure.status, measure.error, measure.now) == ("done", "", "")
    assert ("running", "test_vit", 0, 3) in heard
    until(lambda: heard[-1] == ("done", "", 3, 3))  # who waits may be first to know
    assert list(measure.results) == ["test_vit", "test_efficientnet"]
    assert list(measure.errors) == ["resnet99"]
    assert "there is no model 'resnet99'; closest" in measure.errors["resnet99"]
    found = measure.results["test_efficientnet"]
    assert 0 < found.forward_ms < found.train_ms
    assert found.images_per_s == pytest.approx(4000 / found.train_ms)
    assert (found.image_size, found.batch_size, found.trained) == (32, 4, "all")
    assert 2 <= found.images <= 4
    assert found.device == this_place("cpu").device
    assert (found.device_type, found.threads) == ("cpu", 1)
    assert SpeedBook().speeds(this_place("cpu", 1)) == list(measure.results.values())
    pace = paces(RunnerConfig(device="cpu", threads=1)).of(facts("test_vit"), Task(32, 4))
    assert pace is not None
    assert pace.source == "measured"
    table = as_table(measure)
    assert list(table.index) == ["test_vit", "resnet99", "test_efficientnet"]
    assert list(table["train_ms"].notna()) == [True, False, True]
    assert list(table["error"] != "") == [False, True, False]
    assert "3/3" in capfd.readouterr().err


def test_a_measurement_is_cancelled_in_the_middle_and_keeps_nothing_of_it(
    until: Callable[..., None],
) -> None:
    measure = SpeedMeasure(["test_vit"], FOREVER)
    measure.start()
    child = measure._child
    assert child is not None
    until(lambda: measure.now == "test_vit", DEADLINE_S)
    measure.cancel()
    measure.cancel()
    assert (measure.status, measure.now, measure.wait(0)) == ("cancelled", "", True)
    until(lambda: started_at(child.pid) is None)
    assert (measure.results, SpeedBook().speeds()) == ({}, [])


def test_a_process_that_is_killed_is_a_failure_whatever_a_listener_makes_of_it(
    monkeypatch: pytest.MonkeyPatch, until: Callable[..., None]
) -> None:
    faults: list[str] = []
    heard: list[str] = []
    monkeypatch.setattr(threading, "excepthook", lambda told: faults.append(str(told.exc_value)))
    measure = SpeedMeasure(["test_vit"], FOREVER)
    measure.on_change(lambda: {}["nothing"])
    measure.on_change(lambda: heard.append(measure.status))
    measure.start()
    assert measure._child is not None
    os.kill(measure._child.pid, signal.SIGTERM)
    assert measure.wait(DEADLINE_S)
    assert measure.status == "failed"
    assert "ended early" in measure.error
    until(lambda: heard[-1:] == ["failed"])
    assert faults == ["'nothing'"] * len(heard)


def test_waiting_too_long_ends_the_measurement() -> None:
    with pytest.raises(RunTimeout, match="not all models were measured within"):
        nf.measure_speed("test_vit", progress=False, timeout_s=0.01, seconds=1e6)


def test_a_device_that_is_not_here_is_a_sentence() -> None:
    with pytest.raises(RunError, match=r"runner\.device is 'mps:3'"):
        nf.measure_speed("test_vit", progress=False, device="mps:3", timeout_s=DEADLINE_S)


def test_it_leaves_with_its_kernel(tmp_path: Path, until: Callable[..., None]) -> None:
    script = """
import os, signal
from nbfinetune.runner.speed_measure import Measuring, SpeedMeasure
measure = SpeedMeasure(["test_vit"], Measuring(seconds=1e6))
measure.start()
print(measure._child.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    pid = int(done.stdout)
    until(lambda: started_at(pid) is None)


@pytest.mark.parametrize(
    ("names", "how", "said"),
    [
        ([], {}, "names is"),
        (["resnet18"], {"batch": 8}, "there is no keyword 'batch'; there are batch_size"),
        (["resnet18"], {"batch_size": 0}, "batch_size"),
        (["resnet18"], {"image_size": 3}, "image_size"),
        (["resnet18"], {"trained": "half"}, "'half' is no choice"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_starts(
    names: list[str], how: dict[str, object], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        nf.measure_speed(names, **how)


def test_the_measuring_module_itself_brings_no_torch() -> None:
    script = (
        "import sys, nbfinetune.runner.measuring, nbfinetune.runner.speed_table\n"
        "print(*sorted({'torch', 'timm', 'torchvision', 'pandas', 'tqdm'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []

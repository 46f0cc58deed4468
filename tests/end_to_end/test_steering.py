"""A person (or two) and a run that trains in its own process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

import nbfinetune as nf
from nbfinetune.errors import CommandRefused
from nbfinetune.records import CommandApplied, RunStopped
from nbfinetune.schedules import Constant
from nbfinetune.store import RunStore


def steps(run: nf.Run) -> int:
    return len(run.metrics("step"))


@pytest.fixture
def running(small, until):
    run = small(epochs=100_000)
    until(lambda: steps(run) > 3)
    return run


def test_a_run_is_paused_steered_resumed_and_stopped(running, until):
    paused = running.pause()
    assert running.status == "paused"
    held = steps(running)
    assert held == paused.step
    applied = running.set_schedule(Constant(lr=2e-4))
    assert applied.step == held == steps(running)
    running.set_optimizer(weight_decay=0.3, clip_norm=0.5)
    running.resume()
    until(lambda: steps(running) > held + 2)
    assert running.metrics("step")["lr"].iloc[held] == 2e-4
    saved = running.save_checkpoint()
    assert saved.step > held
    running.stop()
    assert running.status == "stopped"
    assert running.load_model().classes == ("0", "1", "2", "3")
    with pytest.raises(CommandRefused, match="stopped"):
        running.pause()


def test_what_makes_no_sense_is_refused_and_changes_nothing(running, until):
    with pytest.raises(CommandRefused, match="not paused"):
        running.resume()
    with pytest.raises(CommandRefused, match="nothing to unfreeze"):
        running.unfreeze()
    with pytest.raises(nf.errors.ConfigError, match="-1"):
        running.set_optimizer(weight_decay=-1.0)
    with pytest.raises(nf.errors.ScheduleError, match="nan"):
        running.set_schedule(Constant(lr=float("nan")))
    done = steps(running)
    until(lambda: steps(running) > done)


OTHER_PROCESS = """
import json, sys
import nbfinetune as nf
run = nf.Run.open(sys.argv[1])
run.pause()
run.set_schedule(nf.schedules.Constant(lr=3e-4))
run.resume()
heavy = [name for name in ("torch", "timm", "torchvision") if name in sys.modules]
print(json.dumps([run.status, len(run.metrics("step")), heavy]))
"""


def test_another_process_sees_the_whole_history_and_steers_too(running, until):
    out = subprocess.run(
        [sys.executable, "-c", OTHER_PROCESS, str(running.path)],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    status, seen, heavy = json.loads(out)
    assert status == "running"
    assert seen >= 3
    assert not heavy
    running.set_schedule(Constant(lr=4e-4))
    answers = [e for e in running.events() if isinstance(e, CommandApplied)]
    assert [e.command_id for e in answers] == [1, 2, 3, 4]
    done = steps(running)
    until(lambda: steps(running) > done)
    assert running.metrics("step")["lr"].iloc[-1] == 4e-4
    assert nf.runs()[-1].id == running.id


def test_a_termination_signal_ends_the_run_like_stop(running, until):
    with RunStore.open(running.path) as store:
        os.kill(store.worker().pid, signal.SIGTERM)
    until(lambda: running.status == "stopped")
    assert isinstance(running.events()[-1], RunStopped)
    done = steps(running)
    running.resume()
    until(lambda: steps(running) > done)


def test_a_finished_run_says_so_when_it_is_steered(small):
    run = small(epochs=1).wait(progress=False)
    for steer in (run.pause, run.resume, run.stop, run.save_checkpoint):
        with pytest.raises(CommandRefused, match="finished"):
            steer()


FRESH_PROCESS = """
import json, sys, time
import nbfinetune as nf
before = [name for name in ("torch", "timm", "torchvision", "pandas") if name in sys.modules]
run = nf.fine_tune(
    sys.argv[1], model="factories:small_cnn", pretrained=False, epochs=1, image_size=24, wait=False
)
after = [name for name in ("torch", "timm", "torchvision") if name in sys.modules]
print(json.dumps([before, after, str(run.path)]))
"""


def test_neither_import_nor_fine_tune_brings_torch_into_the_kernel(tmp_path, photos):
    from PIL import Image

    images, labels = photos
    for row in range(0, 200, 5):
        folder = tmp_path / "photos" / f"class{labels[row]}"
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(images[row]).save(folder / f"{row}.png")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    out = subprocess.run(
        [sys.executable, "-c", FRESH_PROCESS, str(tmp_path / "photos")],
        check=True,
        capture_output=True,
        text=True,
        env=environment,
    ).stdout
    before, after, path = json.loads(out)
    assert before == []
    assert after == []
    run = nf.Run.open(path).wait(progress=False)
    assert run.status == "finished"
    assert run.metrics().loc[1, "accuracy"] >= 0

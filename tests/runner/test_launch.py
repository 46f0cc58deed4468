"""Workers are processes of their own, and see the world as their launcher does."""

from __future__ import annotations

import shutil
import sys

import psutil
import pytest

from nbfinetune.errors import CommandRefused, RunError
from nbfinetune.runner.launch import launch
from nbfinetune.store.layout import worker_log

TELLS = """
import os, sys
print(os.getcwd(), os.getsid(0) == os.getpid(), sys.argv[1], sep="\\n", flush=True)
print(sys.stdin.read() == "", flush=True)
import colleague
print(colleague.__file__, file=sys.stderr, flush=True)
"""


def test_a_worker_is_a_session_of_its_own_with_the_callers_folder_and_imports(
    new_run, until, tmp_path, monkeypatch
):
    (tmp_path / "tells.py").write_text(TELLS)
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "colleague.py").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend("")
    monkeypatch.syspath_prepend("src")
    run = new_run()
    pid = launch(run.path, module="tells")
    until(lambda: not psutil.pid_exists(pid))
    assert worker_log(run.path).read_text().splitlines() == [
        str(tmp_path),
        "True",
        str(run.path),
        "True",
        str(tmp_path / "src" / "colleague.py"),
    ]


def test_a_worker_that_ended_is_no_zombie(new_run, until):
    pid = launch(new_run().path, module="this")
    until(lambda: not psutil.pid_exists(pid))


def test_a_run_that_has_a_worker_gets_no_second_one(training):
    with pytest.raises(CommandRefused, match="is running; it needs no new worker"):
        launch(training.path, module="scripted_worker")


def test_logs_of_several_workers_follow_each_other(new_run, until):
    run = new_run()
    for _ in range(2):
        pid = launch(run.path, module="no_such_module")
        until(lambda pid=pid: not psutil.pid_exists(pid))
    assert worker_log(run.path).read_text().count("No module named no_such_module") == 2


def test_a_worker_that_can_not_be_spawned_fails_the_run(new_run, monkeypatch, tmp_path):
    run = new_run()
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no-python"))
    with pytest.raises(RunError, match=r"can't start a worker .*no-python"):
        launch(run.path)
    assert run.status == "failed"
    assert "no-python" in run.events()[-1].message


def test_several_devices_go_through_torchs_launcher(new_run, until, monkeypatch):
    run = new_run()
    monkeypatch.setattr(sys, "executable", shutil.which("echo"))
    pid = launch(run.path, devices=2)
    until(lambda: not psutil.pid_exists(pid))
    assert worker_log(run.path).read_text().split() == [
        *("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"),
        *("-m", "nbfinetune.runner.worker", str(run.path)),
    ]

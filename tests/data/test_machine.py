"""What the data floor takes of the machine: threads and a place for its cache."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from nbfinetune.data import machine
from nbfinetune.errors import DataError


def test_the_cache_lies_in_the_users_cache_folder_unless_told_otherwise(monkeypatch, tmp_path):
    monkeypatch.setenv("NBFINETUNE_CACHE", str(tmp_path))
    assert machine.cache_home() == tmp_path
    monkeypatch.delenv("NBFINETUNE_CACHE")
    monkeypatch.setattr(machine.sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert machine.cache_home() == tmp_path / "xdg" / "nbfinetune"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert machine.cache_home() == Path.home() / ".cache" / "nbfinetune"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a process give up CPUs")
def test_a_process_bound_to_one_core_decodes_on_one_thread():
    code = (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); "
        "from nbfinetune.data.machine import default_threads; print(default_threads())"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "1\n"


@pytest.mark.parametrize(
    ("files", "threads"),
    [
        ({"cpu.max": "100000 100000\n"}, 1),
        ({"cpu.max": "50000 100000\n"}, 1),
        ({"cpu.max": "250000 100000\n"}, 3),
        ({"cpu.max": "max 100000\n"}, 8),
        ({"cpu.max": "nonsense"}, 8),
        ({"cpu/cpu.cfs_quota_us": "200000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 2),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, 8),
        ({}, 8),
    ],
)
def test_a_containers_share_of_time_bounds_the_threads(files, threads, tmp_path, monkeypatch):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(machine, "_CGROUP", tmp_path)
    monkeypatch.setattr(machine.os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    assert machine.default_threads() == threads


def test_a_cache_that_can_not_be_written_is_named_with_a_remedy(tmp_path, monkeypatch):
    (tmp_path / "a file").write_text("")
    monkeypatch.setenv("NBFINETUNE_CACHE", str(tmp_path / "a file"))
    with pytest.raises(DataError, match=r"a file/archives can't be written .*NBFINETUNE_CACHE"):
        machine.scratch_folder("archives")


@pytest.mark.skipif(sys.platform != "linux", reason="threads share their niceness elsewhere")
def test_a_thread_that_loads_gives_way_and_the_others_do_not() -> None:
    def niceness() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    usual = niceness()
    with ThreadPoolExecutor(1, initializer=machine.give_way_to_training) as pool:
        assert pool.submit(niceness).result() == max(machine.NICENESS, usual)
        assert niceness() == usual

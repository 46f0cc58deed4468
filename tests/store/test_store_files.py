"""Files that are damaged, foreign, of another release, full or read-only."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from nbfinetune.errors import NoSuchRun, StoreError
from nbfinetune.records import RunFinished
from nbfinetune.store import RunStore
from nbfinetune.store.layout import database

ROOT = Path(__file__).parents[2]
READ = """
import os, sys
from pathlib import Path
import numpy
from nbfinetune.errors import StoreError
from nbfinetune.records import RunPaused
from nbfinetune.store import RunStore

if os.geteuid() == 0:  # nothing is read-only to root
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
try:
    store = RunStore.open(Path(sys.argv[1]))
    print("steps", len(store.steps()["step"]), store.status())
    store.append([RunPaused()])
except StoreError as error:
    print(error)
"""


@pytest.fixture
def closed(store, folder, step_done):
    """Folder of a run with ten steps that nobody has open."""
    store.append([step_done(step) for step in range(10)])
    store.append([RunFinished(reason="completed", best_epoch=0)])
    store.close()
    return folder


def read_as_a_guest(folder):
    """What a process sees that may read everything and write nothing."""
    for place in (folder, *folder.rglob("*")):
        place.chmod(0o555 if place.is_dir() else 0o444)
    for parent in folder.parents:
        if parent.owner() == folder.owner() and parent.stat().st_mode & 0o777 == 0o700:
            parent.chmod(0o711)
    seen = subprocess.run(
        [sys.executable, "-c", READ, folder], cwd=ROOT, capture_output=True, text=True, check=False
    )
    folder.chmod(0o700)
    assert seen.stderr == ""
    return seen.stdout.splitlines()


def read_everything(folder):
    with RunStore.open(folder) as store:
        return store.config, store.events(), store.steps()


def test_a_folder_without_a_run_is_named(tmp_path):
    with pytest.raises(NoSuchRun, match=f"no run in {tmp_path}"):
        RunStore.open(tmp_path)


def test_a_folder_takes_one_run(store, folder, config):
    with pytest.raises(StoreError, match="already holds a run"):
        RunStore.create(folder, config)


def test_a_run_that_can_not_be_made_says_where(tmp_path, config):
    with pytest.raises(StoreError, match="no-such-folder"):
        RunStore.create(tmp_path / "no-such-folder", config)


@pytest.mark.parametrize("content", [b"", b"my notes", os.urandom(8192)])
def test_another_kind_of_file_is_refused(tmp_path, content):
    database(tmp_path).write_bytes(content)
    with pytest.raises(StoreError, match=str(database(tmp_path))):
        RunStore.open(tmp_path)


def test_another_programs_database_is_refused_and_left_alone(tmp_path):
    with sqlite3.connect(database(tmp_path)) as foreign:
        foreign.execute("CREATE TABLE recipes (name TEXT)")
    foreign.close()
    before = database(tmp_path).read_bytes()
    with pytest.raises(StoreError, match="no run of nbfinetune"):
        RunStore.open(tmp_path)
    assert database(tmp_path).read_bytes() == before


def test_a_truncated_file_is_an_error_in_words(closed):
    whole = database(closed).read_bytes()
    database(closed).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(StoreError, match=r"run\.sqlite: .*damaged"):
        read_everything(closed)


def test_a_file_of_a_later_release_asks_for_an_update(closed):
    with sqlite3.connect(database(closed)) as later:
        later.execute("INSERT INTO migrations VALUES ('0099_wonders', 0)")
    later.close()
    with pytest.raises(StoreError, match=r"0099_wonders.*update nbfinetune"):
        RunStore.open(closed)


def test_an_event_of_a_later_release_asks_for_an_update(closed):
    with sqlite3.connect(database(closed)) as later:
        later.execute("""INSERT INTO events VALUES (99, 1, 'x', '{"kind": "dreamt"}')""")
    later.close()
    with pytest.raises(StoreError, match=r"dreamt.*update nbfinetune"):
        read_everything(closed)


def test_a_config_of_a_later_release_is_refused_with_its_reason(closed):
    with sqlite3.connect(database(closed)) as later:
        later.execute("UPDATE run SET config = json_set(config, '$.schema', 99)")
    later.close()
    with RunStore.open(closed) as store, pytest.raises(StoreError, match=r"schema"):
        store.config  # noqa: B018


def test_a_full_disk_is_an_error_that_loses_nothing(store, step_done):
    store.append([step_done(0)])
    (pages,) = store._connection.execute("PRAGMA page_count").fetchone()
    store._connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreError, match=r"run\.sqlite: .*full; free some space"):
        store.append([step_done(step) for step in range(1, 10_000)])
    assert store.steps()["step"].tolist() == [0]
    store._connection.execute(f"PRAGMA max_page_count = {pages + 1000}")
    store.append([step_done(1)])
    assert store.last_seq() == 2


@pytest.mark.skipif(sys.platform == "win32", reason="permissions are of another kind there")
def test_a_read_only_run_can_be_read_and_says_why_it_can_not_be_written(closed):
    steps, refusal = read_as_a_guest(closed)
    assert steps == "steps 10 finished"
    assert "it is read-only; copy the run's folder" in refusal


@pytest.mark.skipif(sys.platform == "win32", reason="permissions are of another kind there")
def test_a_read_only_run_whose_worker_was_killed_shows_all_that_was_recorded(
    store, folder, step_done, tmp_path
):
    store.append([step_done(step) for step in range(10)])
    killed = tmp_path / "killed"
    shutil.copytree(folder, killed)
    assert database(killed).with_name("run.sqlite-wal").stat().st_size
    steps, refusal = read_as_a_guest(killed)
    assert steps == "steps 10 starting"
    assert "read-only" in refusal


@pytest.mark.skipif(sys.platform == "win32", reason="permissions are of another kind there")
def test_a_read_only_run_that_would_show_only_a_part_is_refused(store, folder, step_done, tmp_path):
    store.append([step_done(step) for step in range(10)])
    part = tmp_path / "part"
    shutil.copytree(folder, part, ignore=shutil.ignore_patterns("*-shm"))
    (refusal,) = read_as_a_guest(part)
    assert "copy the run's folder to where you may write" in refusal


def test_a_closed_store_says_so(closed):
    store = RunStore.open(closed)
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.events()
    with pytest.raises(StoreError, match="closed"):
        store.pending_commands()

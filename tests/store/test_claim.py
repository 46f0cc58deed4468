"""One worker at a time, and a status that notices when it is gone."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from nbfinetune.errors import CommandRefused, StoreError
from nbfinetune.records import LIVE, Pause, RunFinished, RunRestored, RunStopped
from nbfinetune.store import RunStore, liveness
from nbfinetune.store.standing import HEARTBEAT_GRACE_S, LAUNCH_GRACE_S, Process, standing


@pytest.fixture
def other():
    """A process that lives until it is told to go."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield process
    process.kill()
    process.stdin.close()
    process.wait()


def end(process):
    process.kill()
    process.wait()


def elsewhere(store, role, seen):
    store._connection.execute("DELETE FROM processes")
    store._connection.execute(
        "INSERT INTO processes VALUES (?, ?, ?, ?, ?)", (role, 1, 1.0, "another machine", seen)
    )


def test_a_run_has_one_worker(store, folder, other):
    assert store.claim(other.pid)
    with RunStore.open(folder) as rival:
        assert not rival.claim(os.getpid())
        end(other)
        assert rival.claim(os.getpid())
        assert rival.worker().pid == os.getpid()


def test_the_same_worker_may_claim_twice(store):
    assert store.claim(os.getpid())
    assert store.claim(os.getpid())


def test_a_number_that_no_process_has_can_not_claim(store, other):
    end(other)
    with pytest.raises(StoreError, match=f"no process {other.pid} is running"):
        store.claim(other.pid)


def test_a_finished_run_is_not_trained_again(store):
    store.claim(os.getpid())
    store.append([RunFinished(reason="completed", best_epoch=0)])
    assert not store.claim(os.getpid())
    assert not store.reserve()
    assert store.status() == "finished"


def test_a_dead_worker_leaves_an_interrupted_run(store, other):
    store.claim(other.pid)
    store.append([RunRestored()])
    assert store.status() == "running"
    end(other)
    assert store.status() == "interrupted"
    with pytest.raises(CommandRefused, match="interrupted and has no worker"):
        store.send(Pause())


def test_a_last_word_outlives_its_worker(store, other):
    store.claim(other.pid)
    store.append([RunStopped(best_epoch=None)])
    end(other)
    assert store.status() == "stopped"


def test_a_zombie_is_dead(store, other):
    store.claim(other.pid)
    other.kill()
    deadline = time.monotonic() + 60
    while store.status() != "interrupted":  # nobody has collected its exit status
        assert time.monotonic() < deadline
    assert other.returncode is None


def test_a_later_process_with_the_same_number_is_not_the_worker():
    started = liveness.started_at(os.getpid())
    assert liveness.alive(os.getpid(), started)
    assert not liveness.alive(os.getpid(), started - 1)
    assert not liveness.alive(os.getpid(), None)


def test_both_ways_of_looking_at_a_process_agree(other):
    for look in (liveness._from_proc, liveness._from_psutil):
        if look is liveness._from_proc and sys.platform != "linux":
            continue
        before = look(other.pid)
        assert before is not None
        assert look(other.pid) == before
    end(other)
    assert liveness._from_proc(other.pid) is None
    assert liveness._from_psutil(other.pid) is None


def test_a_program_may_be_called_anything(tmp_path):
    odd = tmp_path / "a) Z 1 (b"
    odd.symlink_to(sys.executable)
    process = subprocess.Popen([odd, "-c", "input()"], stdin=subprocess.PIPE)
    assert liveness.started_at(process.pid) is not None
    process.communicate(b"\n")


def test_a_worker_elsewhere_lives_as_long_as_its_heart_beats(store):
    now = time.time()
    store.claim(os.getpid())
    elsewhere(store, "worker", now)
    assert store.status() == "starting"
    assert not RunStore.open(store.path).claim(os.getpid())
    elsewhere(store, "worker", now - HEARTBEAT_GRACE_S - 1)
    assert store.status() == "interrupted"
    assert RunStore.open(store.path).claim(os.getpid())


def test_a_worker_that_was_replaced_writes_nothing_more(store, folder, step_done):
    store.claim(os.getpid())
    elsewhere(store, "worker", 0.0)
    with pytest.raises(StoreError, match="is not the run's worker any more"):
        store.append([step_done(1)])
    store.heartbeat()
    assert store.last_seq() == 0
    assert store.worker().seen == 0.0


def test_a_stopped_run_can_be_launched_while_its_worker_is_on_its_way_out(store, folder, other):
    store.claim(other.pid)
    store.append([RunStopped(best_epoch=None)])
    with RunStore.open(folder) as rival:
        assert rival.reserve()
        assert rival.claim(os.getpid())


def test_only_a_worker_has_a_heart(store):
    with pytest.raises(StoreError, match="claim"):
        store.heartbeat()


def test_a_heartbeat_is_recorded(store):
    store.claim(os.getpid())
    before = store.worker().seen
    store.heartbeat()
    assert store.worker().seen >= before


def test_a_launch_is_announced_once(store, folder):
    with RunStore.open(folder) as rival:
        assert store.reserve()
        assert not rival.reserve()
    assert store.status() == "starting"


def test_a_launched_worker_that_dies_before_its_claim_interrupts_the_run(store, other):
    store.reserve()
    store.launched(other.pid)
    assert store.status() == "starting"
    end(other)
    assert store.status() == "interrupted"
    assert store.reserve()


def test_a_worker_that_is_gone_before_it_is_recorded_interrupts_the_run(store, other):
    end(other)
    store.reserve()
    store.launched(other.pid)
    assert store.status() == "interrupted"


def test_a_claim_counts_more_than_the_launch_that_is_recorded_after_it(store, other):
    store.reserve()
    store.claim(os.getpid())
    store.launched(other.pid)
    end(other)
    assert store.status() == "starting"


def test_a_new_launch_refuses_the_commands_that_the_dead_worker_left(store, other):
    store.claim(other.pid)
    number = store.send(Pause())
    end(other)
    assert store.reserve()
    assert store.pending_commands() == []
    assert "the worker died" in store.answer_of(number).reason


@pytest.mark.parametrize("word", LIVE)
def test_a_run_that_nobody_has_launched_is_given_up_after_a_while(word):
    assert standing(word, [], created=0.0, now=LAUNCH_GRACE_S) == word
    assert standing(word, [], created=0.0, now=LAUNCH_GRACE_S + 1) == "interrupted"


def test_an_announced_launch_that_never_comes_is_given_up_after_a_while():
    announced = Process("launched", None, None, liveness.here(), seen=100.0)
    assert not announced.gone(100.0 + LAUNCH_GRACE_S)
    assert announced.gone(100.0 + LAUNCH_GRACE_S + 1)

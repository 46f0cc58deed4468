"""One thread per run tells every widget what is new."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import time
import weakref
from itertools import pairwise

import numpy as np
import pytest
from chart_runs import filled, progress, step_done
from msgspec.structs import replace

from nbfinetune.records import CheckpointSaved, EpochDone, RunFinished, RunPaused, RunRestored
from nbfinetune.widgets import follower as follower_module
from nbfinetune.widgets.digest import COLUMN
from nbfinetune.widgets.follower import (
    ATTENDED_S,
    LATE_S,
    LIVE_S,
    SLOW_S,
    STATUS_S,
    UNATTENDED_S,
    Follower,
)


class Listener:
    def __init__(self) -> None:
        self.updates = []
        self.heard = threading.Condition()

    def hear(self, update) -> None:
        with self.heard:
            self.updates.append(update)
            self.heard.notify_all()

    def until(self, condition, seconds: float = 60.0):
        with self.heard:
            assert self.heard.wait_for(lambda: condition(self.updates), seconds), self.updates
            return list(self.updates)

    def steps(self) -> list[int]:
        return [int(s) for u in self.updates for s in u.rows[:, COLUMN["first"]]]


@pytest.fixture
def run(tmp_path):
    """The store of a live run: this process is its worker."""
    with filled(tmp_path / "run", 150) as store:
        assert store.claim(os.getpid())
        store.append([RunRestored(step=150)])
        yield store


@pytest.fixture
def listener(run):
    made = Listener()
    follower = Follower.of(run.path)
    follower.subscribe(made.hear)
    made.follower = follower
    yield made
    follower.unsubscribe(made.hear)


def ended(follower, seconds: float = 60.0) -> bool:
    deadline = time.monotonic() + seconds
    while follower._thread is not None and time.monotonic() < deadline:
        time.sleep(0.01)
    return follower._thread is None


def test_the_first_update_holds_the_whole_run(listener):
    (first,) = listener.until(lambda updates: updates)[:1]
    assert first.restarted
    assert first.status == "running"
    assert listener.steps() == list(range(1, 151))
    assert [e.epoch for e in first.events if isinstance(e, EpochDone)] == [1]


def test_every_step_and_event_is_told_once_while_the_run_goes_on(run, listener):
    listener.until(lambda updates: updates)
    for first in range(151, 391, 20):
        run.append(list(progress(first, first + 19)))
        run.append([CheckpointSaved(step=first + 19, which="last", epoch=1)])
    listener.until(lambda updates: updates[-1].seq == run.last_seq())
    assert listener.steps() == list(range(1, 391))
    events = [event.seq for update in listener.updates for event in update.events]
    assert events == sorted(set(events))
    ends = [(update.after, update.seq) for update in listener.updates]
    assert all(before[1] == after[0] for before, after in pairwise(ends))


def test_a_new_worker_makes_it_read_the_run_afresh(run, listener):
    listener.until(lambda updates: updates)
    run.rewind(120)
    run.append([RunRestored(step=120), step_done(121)])
    updates = listener.until(lambda updates: updates[-1].seq == run.last_seq())
    assert updates[-1].restarted
    assert listener.follower.history.digest.last_step == 121
    assert [e.epoch for e in listener.follower.history.epochs] == [1]


def test_a_status_that_changes_without_an_event_is_told(run, listener):
    listener.until(lambda updates: updates)
    run._connection.execute("UPDATE processes SET pid = 0, started = -1.0")
    listener.until(lambda updates: updates[-1].status == "interrupted")


def test_steps_wait_where_nobody_is_at_the_page_and_come_when_somebody_does(
    run, listener, monkeypatch
):
    for name in ("UNATTENDED_S", "LATE_S"):
        monkeypatch.setattr(follower_module, name, 3600.0)
    listener.until(lambda updates: updates)
    follower = listener.follower
    follower._attended_at -= ATTENDED_S
    run.append(list(progress(151, 160)))
    told = len(listener.updates)
    assert LIVE_S <= follower.look() <= STATUS_S
    assert len(listener.updates) == told
    follower.attend()
    listener.until(lambda updates: updates[-1].seq == run.last_seq())


def test_a_turn_of_the_run_does_not_wait_for_anybody(run, listener):
    listener.until(lambda updates: updates)
    listener.follower._attended_at -= ATTENDED_S
    run.append([*progress(151, 160), RunPaused(step=160)])
    listener.until(lambda updates: updates[-1].status == "paused")
    assert listener.steps() == list(range(1, 161))


def test_the_longer_a_run_the_less_a_look_adds_and_the_fewer_there_are(listener):
    listener.until(lambda updates: updates)
    follower = listener.follower
    started = follower.history.started
    paces = ((50, LIVE_S, UNATTENDED_S), (300, 0.6, 6.0), (86_400, SLOW_S, LATE_S))
    for age, attended, alone in paces:
        follower.history.started = replace(started, time=time.time() - age)
        follower._attended_at = time.monotonic()
        assert follower._pause() == pytest.approx(attended, rel=0.1)
        follower._attended_at -= ATTENDED_S
        assert follower._pause() == pytest.approx(alone, rel=0.1)


def test_a_pause_is_told_at_once(run, listener):
    listener.until(lambda updates: updates)
    run.append([RunPaused(step=150)])
    updates = listener.until(lambda updates: updates[-1].status == "paused")
    assert isinstance(updates[-1].events[0], RunPaused)


def test_it_ends_with_a_run_that_has_finished(run, listener):
    run.append([RunFinished(step=150, reason="completed", best_epoch=1)])
    listener.until(lambda updates: updates and updates[-1].status == "finished")
    assert ended(listener.follower)
    assert listener.follower._store is None


def test_it_ends_when_its_last_listener_is_collected(run):
    follower, forgotten = Follower.of(run.path), Listener()
    follower.subscribe(forgotten.hear)
    forgotten.until(lambda updates: updates)
    gone = weakref.ref(forgotten)
    with follower.lock:  # or it may be being told of something
        del forgotten
        gc.collect()
        assert gone() is None
    assert ended(follower)


def test_widgets_of_one_run_share_one_follower(run, listener):
    assert Follower.of(run.path) is listener.follower
    second = Listener()
    listener.until(lambda updates: updates)
    listener.follower.subscribe(second.hear)
    run.append([step_done(151)])
    second.until(lambda updates: updates)
    assert second.steps() == [151]
    listener.follower.unsubscribe(second.hear)


def test_a_listener_that_breaks_does_not_silence_the_others(run, listener, caplog):
    class Broken:
        def hear(self, update) -> None:
            raise ValueError("no page")

    broken, told_after_it = Broken(), Listener()
    listener.follower.subscribe(broken.hear)
    listener.follower.subscribe(told_after_it.hear)
    listener.until(lambda updates: updates)
    run.append([step_done(151)])
    listener.until(lambda updates: updates[-1].seq == run.last_seq())
    told_after_it.until(lambda updates: updates)
    assert "could not take an update" in caplog.text


def test_a_run_that_can_not_be_read_is_told_in_a_sentence(tmp_path):
    (tmp_path / "gone").mkdir()
    follower, listener = Follower.of(tmp_path / "gone"), Listener()
    follower.subscribe(listener.hear)
    updates = listener.until(lambda updates: updates)
    assert "no run in" in updates[0].trouble
    follower.unsubscribe(listener.hear)
    assert ended(follower)


def test_a_long_catch_up_comes_in_few_rows(run, listener):
    listener.until(lambda updates: updates)
    run.append(list(progress(151, 5000)))
    listener.until(lambda updates: updates[-1].seq == run.last_seq())
    later = listener.updates[1:]
    assert sum(len(update.rows) for update in later) <= 600
    assert listener.follower.history.digest.last_step == 5000
    total = listener.follower.history.digest.rows[:, COLUMN["count"]].sum()
    np.testing.assert_equal(total, 5000)


ENDING_KERNEL = """
import sys
from pathlib import Path
from nbfinetune.widgets.follower import Follower

class Watcher:
    def take(self, update):
        print(update.status, flush=True)

watcher = Watcher()
followers = [Follower.of(Path(folder)) for folder in sys.argv[1:]]
for follower in followers:
    follower.subscribe(watcher.take)
    follower.ready.wait(20)
"""


def test_a_kernel_that_ends_while_it_follows_ends_well(run):
    for _ in range(5):
        command = [sys.executable, "-c", ENDING_KERNEL, str(run.path)]
        kernel = subprocess.run(command, capture_output=True, text=True, check=False)
        assert kernel.returncode == 0, kernel.stderr

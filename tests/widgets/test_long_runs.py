"""What a surface asks of a run does not grow with the run, counted in what SQLite has to do."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

import pytest
from chart_runs import EPOCHS, epoch_done, filled, progress, step_done

from nbfinetune.records import ScheduleChanged
from nbfinetune.runner.run import Run
from nbfinetune.schedules import Cosine
from nbfinetune.store import RunStore
from nbfinetune.widgets.bearings import bearings
from nbfinetune.widgets.curve_course import Course
from nbfinetune.widgets.history import RunHistory

FEW, MANY = 2 * EPOCHS, 40 * EPOCHS
ROOM = 1.3
"""Trees of pages become a little higher."""


class Work:
    """How many instructions of its machine SQLite has carried out."""

    def __init__(self) -> None:
        self.done = 0

    def count(self) -> None:
        self.done += 1


@contextlib.contextmanager
def counted(store: RunStore) -> Iterator[Work]:
    work = Work()
    store._connection.set_progress_handler(work.count, 1)
    yield work
    store._connection.set_progress_handler(None, 0)


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    """Two live runs, one of them twenty times as long."""
    made = []
    for epochs in (FEW, MANY):
        store = filled(tmp_path_factory.mktemp("runs") / f"{epochs}-epochs", 0)
        store.claim(os.getpid())
        store.append(list(progress(1, 100 * epochs)))
        store.append([ScheduleChanged(step=100 * epochs, schedule=Cosine(lr=1e-3))])
        made.append(store)
    yield made
    for store in made:
        store.close()


def asked(stores, ask) -> tuple[int, int]:
    """Instructions that an answer takes in the short and in the long run."""
    done = []
    for store in stores:
        with counted(store) as work:
            ask(store)
        done.append(work.done)
    assert done[0] > 0
    return done[0], done[1]


def test_the_status_line_costs_the_same(stores):
    short, long = asked(stores, bearings)
    assert long <= ROOM * short


def test_a_look_at_what_is_new_costs_the_same(stores):
    histories = {store: RunHistory(store.config.schedule) for store in stores}
    for store, history in histories.items():
        history.catch_up(store)
        step = history.digest.last_step + 1
        store.append([step_done(step), epoch_done(step // 100 + 1)])
    short, long = asked(stores, lambda store: histories[store].catch_up(store))
    assert long <= ROOM * short


def test_the_first_look_reads_no_steps(stores):
    short, long = asked(stores, lambda store: store.digest(1024))
    assert stores[1].digest(1024)[:, 2].sum() > 10 * stores[0].digest(1024)[:, 2].sum()
    # The steps of the newest buckets are read one by one, of which there are 2,048 at most.
    assert long - short < 20 * 2048


def test_the_curve_in_force_is_found_without_the_epochs(stores, monkeypatch):
    monkeypatch.setattr(RunStore, "close", lambda _: None)
    monkeypatch.setattr(
        RunStore, "open", lambda folder: next(s for s in stores if s.path == folder)
    )
    short, long = asked(stores, lambda store: Course.of(Run(store.path)))
    assert long <= ROOM * short

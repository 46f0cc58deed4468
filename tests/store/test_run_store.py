"""What is written comes back: typed, in order, once."""

from __future__ import annotations

import math
import os
import threading

import pytest
from msgspec.structs import fields, replace

from nbfinetune.errors import StoreError
from nbfinetune.records import (
    Cosine,
    EpochDone,
    FileSkipped,
    PhaseStarted,
    RunFailed,
    RunFinished,
    RunPaused,
    RunRestored,
    RunResumed,
    RunStopped,
    ScheduleChanged,
    StepDone,
)
from nbfinetune.store import RunStore
from nbfinetune.store.layout import database


def test_a_config_comes_back_as_it_was_given(store, folder, config):
    assert RunStore.open(folder).config == config


def test_events_of_all_kinds_come_back_typed_and_in_their_order(store, step_done, epoch_done):
    given = [
        PhaseStarted(time=1.0, phase="reading images"),
        step_done(1),
        ScheduleChanged(time=3.0, step=1, schedule=Cosine(lr=0.1)),
        step_done(2),
        epoch_done(0, step=2, roc_auc=None),
        FileSkipped(time=5.0, step=2, path="a.jpg", reason="truncated"),
    ]
    store.append(given[:3])
    store.append(given[3:])
    assert store.events() == [replace(event, seq=seq) for seq, event in enumerate(given, 1)]


def test_a_reader_that_asks_for_what_is_new_misses_nothing_and_sees_nothing_twice(
    store, step_done, epoch_done
):
    for step in range(1, 31):
        store.append([step_done(step)])
        if step % 10 == 0:
            store.append([epoch_done(step // 10, step)])
    seen: list[int] = []
    while chunk := store.events(after=seen[-1] if seen else 0, limit=4):
        assert len(chunk) <= 4
        seen += [event.seq for event in chunk]
    assert seen == list(range(1, 34))


def test_steps_may_be_left_out_of_the_events(store, step_done):
    store.append([step_done(1), RunPaused(step=1), step_done(2)])
    assert [type(event) for event in store.events(steps=False)] == [RunPaused]


def test_events_of_some_kinds_come_in_their_order(store, step_done, epoch_done):
    store.append([RunPaused(step=1), step_done(1), PhaseStarted(phase="one"), epoch_done(1, 1)])
    store.append([RunResumed(step=1), RunPaused(step=2)])
    told = store.events_of(RunPaused, RunResumed)
    assert [(type(event), event.seq) for event in told] == [
        (RunPaused, 1),
        (RunResumed, 5),
        (RunPaused, 6),
    ]
    assert store.events_of(RunFinished) == []


def test_steps_come_as_arrays_with_every_field(store, step_done):
    store.append([step_done(step, loss=1 / step) for step in range(1, 6)])
    arrays = store.steps()
    assert list(arrays) == [field.name for field in fields(StepDone)]
    assert arrays["step"].tolist() == [1, 2, 3, 4, 5]
    assert arrays["step"].dtype == "int64"
    assert arrays["loss"].tolist() == [1 / step for step in range(1, 6)]
    assert store.steps(after=3)["seq"].tolist() == [4, 5]
    assert store.steps(after=5)["loss"].shape == (0,)
    some = store.steps("loss", "step", after=3)
    assert {name: values.tolist() for name, values in some.items()} == {
        "loss": [1 / 4, 1 / 5],
        "step": [4, 5],
    }
    with pytest.raises(StoreError, match="no 'wattage'; it has seq, time, step"):
        store.steps("wattage")


@pytest.mark.parametrize("loss", [math.inf, -math.inf, 1e308, 5e-324])
def test_extreme_losses_are_kept_exactly(store, step_done, loss):
    store.append([step_done(1, loss=loss)])
    assert store.steps()["loss"].tolist() == [loss]
    assert store.last(StepDone).loss == loss


def test_a_loss_that_is_no_number_is_kept_as_such(store, step_done, epoch_done):
    store.append([step_done(1), step_done(2, loss=math.nan), epoch_done(0, 2, accuracy=math.nan)])
    assert math.isnan(store.steps()["loss"][1])
    assert math.isnan(store.last(StepDone).loss)
    assert math.isnan(store.epochs()[0].accuracy)


def test_the_newest_event_of_a_kind_is_at_hand(store, step_done, epoch_done):
    assert store.last(StepDone) is None
    assert store.last(EpochDone) is None
    assert store.last(PhaseStarted) is None
    store.append([PhaseStarted(phase="one"), PhaseStarted(phase="two"), step_done(7)])
    store.append([epoch_done(0, 7), epoch_done(1, 8)])
    assert store.last(PhaseStarted).phase == "two"
    assert store.last(StepDone).step == 7
    assert store.last(EpochDone).epoch == 1


def test_the_status_follows_the_events(store):
    store.claim(os.getpid())
    words = [store.status()]
    for event in (
        RunRestored(),
        RunPaused(),
        RunResumed(),
        RunStopped(best_epoch=None),
        RunFailed(error="E", message="m", details="d"),
        RunFinished(reason="completed", best_epoch=1),
    ):
        store.append([event])
        words.append(store.status())
    assert words == ["starting", "running", "paused", "running", "stopped", "failed", "finished"]


def test_a_batch_that_can_not_be_written_whole_leaves_no_trace(store, step_done):
    store.append([step_done(1)])
    with pytest.raises(StoreError, match="on record already"):
        store.append([RunPaused(step=1), step_done(2), step_done(1)])
    assert store.last_seq() == 1
    assert [event.step for event in store.events()] == [1]
    store.append([step_done(2)])
    assert store.steps()["seq"].tolist() == [1, 2]


def test_a_rewind_takes_back_what_comes_again_and_no_number_is_used_twice(
    store, step_done, epoch_done
):
    store.append([step_done(step) for step in range(1, 11)])
    store.append([epoch_done(0, step=10), FileSkipped(step=3, path="a.jpg", reason="empty")])
    store.append([ScheduleChanged(step=8, schedule=Cosine())])
    store.rewind(6)
    assert store.steps()["step"].tolist() == [1, 2, 3, 4, 5, 6]
    assert store.epochs() == []
    assert [type(event) for event in store.events(steps=False)] == [FileSkipped]
    store.append([step_done(7)])
    assert store.last(StepDone).seq == 14
    assert store.events(after=13)[0].step == 7


def test_an_epoch_that_is_measured_again_replaces_its_row(store, epoch_done):
    store.append([epoch_done(0, step=10, accuracy=0.5)])
    store.append([epoch_done(0, step=10, accuracy=0.6)])
    assert [(epoch.seq, epoch.accuracy) for epoch in store.epochs()] == [(2, 0.6)]


def test_a_step_costs_less_than_200_bytes_on_disk(store, folder, step_done):
    count = 20_000
    empty = database(folder).stat().st_size
    for first in range(0, count, 50):
        store.append([step_done(step, loss=1 / (step + 1)) for step in range(first, first + 50)])
    store.close()
    grown = database(folder).stat().st_size - empty
    assert grown / count < 200


def test_threads_share_a_store_without_mixing_their_transactions(store, step_done):
    store.claim(os.getpid())
    errors: list[Exception] = []

    def attempt(work):
        try:
            for _ in range(50):
                work()
        except Exception as error:  # noqa: BLE001 - a thread has no other way to tell
            errors.append(error)

    threads = [
        threading.Thread(target=attempt, args=(work,))
        for work in (store.heartbeat, store.pending_commands, store.events, store.status)
    ]
    for thread in threads:
        thread.start()
    for step in range(50):
        store.append([step_done(step)])
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(store.steps()["step"]) == 50


def test_a_reader_in_the_middle_of_reading_does_not_hold_up_the_writer(store, folder, step_done):
    store.append([step_done(step) for step in range(1, 200)])
    reader = RunStore.open(folder)
    with reader._reading() as db:
        rows = db.execute("SELECT * FROM steps")
        rows.fetchone()
        store.append([step_done(200)])
        assert len(rows.fetchall()) == 198
    assert reader.last(StepDone).step == 200
    reader.close()


def test_columns_stand_in_the_order_of_the_records_fields(store):
    for kind, table in ((StepDone, "steps"), (EpochDone, "epochs")):
        columns = store._connection.execute("SELECT * FROM " + table).description
        assert tuple(name for name, *_ in columns) == kind.__struct_fields__

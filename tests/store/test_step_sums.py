"""Sums that are kept beside the steps say what the steps say, whatever happened to the run."""

from __future__ import annotations

import math
import sqlite3

import numpy as np
import pytest

from nbfinetune.records import FineTuneConfig
from nbfinetune.store import RunStore
from nbfinetune.store.database import connect
from nbfinetune.store.digest import _SUMMED, DIGEST, WIDTH
from nbfinetune.store.layout import database

SUMS = "SELECT count(*), sum(count) FROM step_sums"


def of_the_steps(store, width, first=0, last=10**9):
    """The same buckets, straight out of the table of the steps."""
    db = store._connection
    last = min(last, int(store.steps()["step"].max(initial=0)))
    ends = [
        (max(start, first), min(start + width - 1, last))
        for start in range(first // width * width, last + 1, width)
    ]
    rows = [row for end in ends if (row := db.execute(_SUMMED, end).fetchone())[2]]
    return np.array(rows, dtype=np.float64).reshape(-1, len(DIGEST))


def kept(store):
    return store._connection.execute(SUMS).fetchone()


def lossy(step_done, first, last):
    """Steps whose loss wobbles, and is no number now and then."""
    return [
        step_done(step, loss=math.nan if step % 97 == 0 else math.sin(step) / step)
        for step in range(first, last + 1)
    ]


@pytest.fixture
def long_run(store, step_done):
    """The store of 5,000 steps that came in uneven pieces."""
    for first, last in ((1, 100), (101, 101), (102, 255), (256, 3000), (3001, 5000)):
        store.append(lossy(step_done, first, last))
    return store


@pytest.mark.parametrize("width", [WIDTH, 2 * WIDTH, 8 * WIDTH])
@pytest.mark.parametrize(("first", "last"), [(0, None), (1, 4000), (300, 4607), (511, 512)])
def test_buckets_out_of_sums_are_those_of_the_steps(long_run, width, first, last):
    assert kept(long_run)[0] == 5000 // WIDTH
    expected = of_the_steps(long_run, width, first, last or 5000)
    np.testing.assert_allclose(long_run.digest(width, first, last), expected)


def test_a_rewind_forgets_the_sums_of_what_comes_again(long_run, step_done):
    long_run.rewind(1000)
    assert kept(long_run) == (1000 // WIDTH, 1000 // WIDTH * WIDTH - 1)
    long_run.append([step_done(step, loss=9.0) for step in range(1001, 2001)])
    np.testing.assert_allclose(long_run.digest(WIDTH), of_the_steps(long_run, WIDTH))
    assert long_run.digest(WIDTH)[-1, DIGEST.index("loss_high")] == 9.0


def test_a_rewind_to_the_end_of_a_bucket_keeps_it(long_run):
    long_run.rewind(2 * WIDTH - 1)
    assert kept(long_run)[0] == 2
    long_run.rewind(0)
    assert kept(long_run) == (0, None)


def test_a_batch_that_is_refused_leaves_no_sums(store, step_done):
    with pytest.raises(Exception, match="on record already"):
        store.append([step_done(step) for step in (*range(1, 600), 5)])
    assert kept(store) == (0, None)


def as_before(folder, config: FineTuneConfig, events) -> None:
    """Make the file as the first release made it."""
    with RunStore.create(folder, config) as store:
        store.append(events)
    with sqlite3.connect(database(folder)) as db:
        db.execute("DROP TABLE step_sums")
        db.execute("DROP INDEX epochs_by_best")
        db.execute("DELETE FROM migrations WHERE name > '0002'")
    db.close()


def test_a_file_of_the_first_release_is_summed_up_when_it_is_opened(folder, config, step_done):
    as_before(folder, config, lossy(step_done, 1, 2000))
    with RunStore.open(folder) as store:
        assert kept(store)[0] == 2000 // WIDTH
        np.testing.assert_allclose(store.digest(WIDTH), of_the_steps(store, WIDTH))


def test_a_file_of_the_first_release_that_can_not_be_written_is_read_all_the_same(
    folder, config, step_done, monkeypatch
):
    as_before(folder, config, lossy(step_done, 1, 2000))
    monkeypatch.setattr(
        "nbfinetune.store.database._connect",
        lambda path, _: sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None,
            check_same_thread=False,
        ),
    )  # fmt: skip
    with RunStore.open(folder) as store:
        np.testing.assert_allclose(store.digest(WIDTH), of_the_steps(store, WIDTH))
    with connect(database(folder)) as db, pytest.raises(sqlite3.OperationalError):
        db.execute("SELECT * FROM step_sums")
    db.close()


def test_steps_that_an_earlier_release_added_meanwhile_are_summed_up_with_the_next(
    store, step_done
):
    store.append(lossy(step_done, 1, 300))
    # As a worker of the first release does it, which knows of no sums.
    rows = "SELECT seq + 1000, time, step + 300, epoch, loss, lr, 1, 1, 1 FROM steps"
    store._connection.execute(f"INSERT INTO steps {rows}")
    store.append(lossy(step_done, 601, 1100))
    assert kept(store)[0] == 1100 // WIDTH
    np.testing.assert_allclose(store.digest(WIDTH), of_the_steps(store, WIDTH))


def test_the_columns_of_the_sums_are_those_of_the_digest(store):
    info = store._connection.execute("PRAGMA table_info(step_sums)").fetchall()
    assert [name for _, name, *_ in info] == ["bucket", *DIGEST]


def test_the_best_epoch_is_at_hand(store, epoch_done):
    from msgspec.structs import replace

    assert store.best_epoch() is None
    store.append([replace(epoch_done(epoch, epoch), best=False) for epoch in (1, 2)])
    assert store.best_epoch().epoch == 2
    store.append([epoch_done(3, 3), epoch_done(4, 4), replace(epoch_done(5, 5), best=False)])
    assert store.best_epoch().epoch == 4
    plan = store._connection.execute(
        "EXPLAIN QUERY PLAN SELECT * FROM epochs ORDER BY best DESC, epoch DESC LIMIT 1"
    ).fetchall()
    assert "epochs_by_best" in plan[0][-1]

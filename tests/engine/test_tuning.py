"""The self-test that picks memory format and precision."""

from __future__ import annotations

import numpy as np
import pytest

from nbfinetune.data.machine import cache_home
from nbfinetune.engine import tuning
from nbfinetune.records import RunStarted, StepTuned, Stop


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("NBFINETUNE_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def worthwhile(monkeypatch):
    monkeypatch.setitem(tuning.WORTH_MACS, "cpu", 0.0)


@pytest.fixture
def undisturbed(monkeypatch):
    """Others may use the machine while the suite runs; here nobody does."""
    monkeypatch.setattr(tuning, "BUSY_SHARE", 0.0)


def way(log):
    (started,) = log.of(RunStarted)
    return started.precision, started.channels_last


def test_a_short_run_is_not_worth_a_self_test(engine):
    log = engine(epochs=1).log
    assert not log.of(StepTuned)
    assert way(log) == ("fp32", True)


def test_the_fastest_way_is_taken_and_every_way_told(engine, worthwhile, undisturbed):
    log = engine(epochs=1).log
    (found,) = log.of(StepTuned)
    assert way(log) == (found.precision, found.channels_last)
    assert set(found.ms_per_image) == {
        f"{precision}, channels {place}"
        for precision in ("fp32", "bf16")
        for place in ("first", "last")
    }
    taken = found.ms_per_image[tuning.words((found.precision, found.channels_last))]
    assert taken == min(found.ms_per_image.values()) or way(log) == ("fp32", True)


def test_a_later_run_remembers_and_another_batch_does_not(engine, worthwhile, undisturbed):
    (first,) = engine(epochs=1).log.of(StepTuned)
    (again,) = engine(epochs=1).log.of(StepTuned)
    assert (first.remembered, again.remembered) == (False, True)
    assert again.ms_per_image == first.ms_per_image
    (other,) = engine(epochs=1, batch_size=8).log.of(StepTuned)
    assert not other.remembered


@pytest.mark.parametrize("damaged", [b"", b"{", b'{"format": 9, "found": {}}', b"\xff\xfe"])
def test_a_damaged_book_is_as_good_as_none(engine, worthwhile, undisturbed, damaged):
    cache_home().mkdir(parents=True)
    (cache_home() / "tuning.json").write_bytes(damaged)
    (found,) = engine(epochs=1).log.of(StepTuned)
    assert not found.remembered


def test_what_was_measured_beside_other_work_is_not_remembered(engine, worthwhile, monkeypatch):
    monkeypatch.setattr(tuning, "BUSY_SHARE", 2.0)
    for _ in range(2):
        (found,) = engine(epochs=1).log.of(StepTuned)
        assert (found.precision, found.channels_last, found.remembered) == ("fp32", True, False)


def test_who_chooses_is_obeyed(engine, worthwhile):
    log = engine(epochs=1, precision="bf16", channels_last=False).log
    assert not log.of(StepTuned)
    assert way(log) == ("bf16", False)


def test_a_resumed_run_goes_on_as_it_began_without_another_test(engine, worthwhile, monkeypatch):
    half = StepTuned(precision="bf16", channels_last=False, ms_per_image={})
    monkeypatch.setattr(tuning, "_measured", lambda _: half)
    alone = engine(epochs=2)
    stopped = engine({3: [Stop()]}, epochs=2)
    monkeypatch.setattr(tuning, "_measured", None)
    resumed = engine(folder=stopped.folder, told=stopped.log.events, epochs=2)
    assert way(resumed.log) == ("bf16", False)
    assert not resumed.log.of(StepTuned)
    weights = alone.weights()
    for name, values in resumed.weights().items():
        np.testing.assert_array_equal(values, weights[name])


def test_the_self_test_leaves_the_run_as_it_was(engine, worthwhile, undisturbed, monkeypatch):
    monkeypatch.setattr(tuning, "MARGIN", 1.0)  # the usual way stays
    tested = engine(epochs=1)
    assert tested.log.of(StepTuned)
    monkeypatch.setitem(tuning.WORTH_MACS, "cpu", 1e30)
    monkeypatch.setenv("NBFINETUNE_CACHE", "elsewhere")
    plain = engine(epochs=1)
    assert not plain.log.of(StepTuned)
    weights = plain.weights()
    for name, values in tested.weights().items():
        np.testing.assert_array_equal(values, weights[name])

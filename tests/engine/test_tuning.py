"""The self-test that picks memory format, precision and threads."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from msgspec.structs import replace

from nbfinetune.data.machine import cache_home
from nbfinetune.engine import self_test, tuning
from nbfinetune.engine.device import Placement
from nbfinetune.engine.tuning_book import Way
from nbfinetune.records import Folder, PhaseStarted, RunStarted, StepTuned, Stop
from nbfinetune.runner.settings import configure


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("NBFINETUNE_CACHE", str(tmp_path / "cache"))


@pytest.fixture(autouse=True)
def own_threads():
    """What a run chooses for its process, which here is that of all tests, ends with the test."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture
def two_threads():
    torch.set_num_threads(2)


@pytest.fixture
def worthwhile(monkeypatch):
    monkeypatch.setitem(tuning.WORTH_MACS, "cpu", 0.0)
    monkeypatch.setattr(self_test, "STEP_S", 0.0)  # two images tell as much here


@pytest.fixture
def undisturbed(monkeypatch):
    """Others may use the machine while the suite runs; here nobody does."""
    monkeypatch.setattr(self_test, "BUSY_SHARE", 0.0)


def way(log):
    (started,) = log.of(RunStarted)
    return started.precision, started.channels_last


def parts_on(device, **settings):
    return SimpleNamespace(
        config=configure(Folder(path="photos"), settings),
        placement=Placement(torch.device(device), "fp32", channels_last=True),
    )


def test_a_short_run_is_not_worth_a_self_test(engine):
    log = engine(epochs=1).log
    assert not log.of(StepTuned)
    assert way(log) == ("fp32", True)


def test_the_fastest_way_is_taken_and_every_way_told(engine, worthwhile, undisturbed):
    log = engine(epochs=1, threads=1).log
    (found,) = log.of(StepTuned)
    assert "trying which way" in log.of(PhaseStarted)[-1].phase
    assert way(log) == (found.precision, found.channels_last)
    assert set(found.ms_per_image) == {
        f"{precision}, channels {place}"
        for precision in ("fp32", "bf16")
        for place in ("first", "last")
    }
    taken = found.ms_per_image[Way(found.precision, found.channels_last).words()]
    assert taken <= 1.06 * min(found.ms_per_image.values())


def test_of_ways_that_are_about_as_fast_the_first_is_taken(
    engine, worthwhile, undisturbed, monkeypatch
):
    times = {Way("bf16", True): 0.101, Way("bf16", False): 0.1}

    def timed(work, placement):
        work()
        return times.get(Way(placement.precision, placement.channels_last), 0.2), 1.0

    monkeypatch.setattr(self_test, "timed", timed)
    assert way(engine(epochs=1, threads=1).log) == ("bf16", True)


def test_fewer_threads_are_taken_where_they_are_faster(
    engine, worthwhile, undisturbed, two_threads, monkeypatch
):
    def timed(work, placement):
        work()
        return 0.1 * torch.get_num_threads(), 1.0

    monkeypatch.setattr(self_test, "timed", timed)
    log = engine(epochs=1, channels_last=True, precision="fp32").log
    (found,) = log.of(StepTuned)
    assert found.threads == torch.get_num_threads() == 1
    assert [*found.ms_per_image] == ["fp32, channels last", "fp32, channels last, 1 thread"]
    assert log.of(RunStarted)[0].device_name.endswith("1 threads")


def test_all_threads_stay_where_fewer_are_hardly_faster(
    engine, worthwhile, undisturbed, two_threads, monkeypatch
):
    def timed(work, placement):
        work()
        return 0.2 if torch.get_num_threads() == 2 else 0.195, 1.0

    monkeypatch.setattr(self_test, "timed", timed)
    (found,) = engine(epochs=1).log.of(StepTuned)
    assert found.threads == torch.get_num_threads() == 2


@pytest.mark.parametrize(("threads", "tried"), [(1, []), (2, [1]), (6, [3, 1]), (16, [8, 4, 2, 1])])
def test_threads_are_halved_down_to_one(threads, tried, monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    assert tuning.fewer_threads(parts_on("cpu")) == tried
    assert tuning.fewer_threads(parts_on("cuda")) == []
    assert tuning.fewer_threads(parts_on("cpu", threads=4)) == []


def test_a_torch_that_does_not_obey_keeps_its_threads(
    engine, worthwhile, undisturbed, two_threads, monkeypatch
):
    monkeypatch.setattr(torch, "set_num_threads", lambda _: None)
    (found,) = engine(epochs=1).log.of(StepTuned)
    assert found.threads is None
    assert not any("thread" in way for way in found.ms_per_image)


def test_given_threads_are_kept_whatever_another_run_has_found(
    engine, worthwhile, two_threads, monkeypatch
):
    found = StepTuned(precision="fp32", channels_last=True, ms_per_image={}, threads=1)
    monkeypatch.setattr(tuning, "measured", lambda *_: (found, True))
    engine(epochs=1)
    monkeypatch.setattr(tuning, "measured", lambda *_: (replace(found, threads=None), True))
    engine(epochs=1, threads=2)
    assert torch.get_num_threads() == 2


def test_no_step_begins_after_the_time_is_over(engine, worthwhile, undisturbed, monkeypatch):
    monkeypatch.setattr(self_test, "MOST_S", 0.0)
    (found,) = engine(epochs=1).log.of(StepTuned)
    assert (found.precision, found.channels_last, found.ms_per_image) == ("fp32", True, {})


def test_a_later_run_remembers_and_another_batch_does_not(engine, worthwhile, undisturbed):
    (first,) = engine(epochs=1, threads=1).log.of(StepTuned)
    (again,) = engine(epochs=1, threads=1).log.of(StepTuned)
    assert (first.remembered, again.remembered) == (False, True)
    assert again.ms_per_image == first.ms_per_image
    (other,) = engine(epochs=1, threads=1, batch_size=8).log.of(StepTuned)
    assert not other.remembered


@pytest.mark.parametrize("damaged", [b"", b"{", b'{"format": 9, "found": {}}', b"\xff\xfe"])
def test_a_damaged_book_is_as_good_as_none(engine, worthwhile, undisturbed, damaged):
    cache_home().mkdir(parents=True)
    (cache_home() / "tuning.json").write_bytes(damaged)
    (found,) = engine(epochs=1, threads=1).log.of(StepTuned)
    assert not found.remembered


@pytest.mark.parametrize(("seconds", "precision"), [(0.16, "fp32"), (0.14, "bf16")])
def test_beside_other_work_a_way_must_be_much_faster_and_is_not_remembered(
    engine, worthwhile, monkeypatch, seconds, precision
):
    def timed(work, placement):
        work()
        return seconds if placement.precision == "bf16" else 0.2, 1.0

    monkeypatch.setattr(self_test, "timed", timed)
    monkeypatch.setattr(self_test, "BUSY_SHARE", 2.0)
    for _ in range(2):
        (found,) = engine(epochs=1, threads=1).log.of(StepTuned)
        assert (found.precision, found.channels_last) == (precision, True)
        assert not found.remembered


def test_who_chooses_is_obeyed(engine, worthwhile):
    log = engine(epochs=1, precision="bf16", channels_last=False, threads=1).log
    assert not log.of(StepTuned)
    assert way(log) == ("bf16", False)


def test_a_resumed_run_goes_on_as_it_began_without_another_test(engine, worthwhile, monkeypatch):
    half = StepTuned(precision="bf16", channels_last=False, ms_per_image={}, threads=1)
    monkeypatch.setattr(tuning, "measured", lambda *_: (half, False))
    alone = engine(epochs=2)
    stopped = engine({3: [Stop()]}, epochs=2)
    monkeypatch.setattr(tuning, "measured", None)
    torch.set_num_threads(2)
    resumed = engine(folder=stopped.folder, told=stopped.log.events, epochs=2)
    assert way(resumed.log) == ("bf16", False)
    assert torch.get_num_threads() == 1
    assert not resumed.log.of(StepTuned)
    weights = alone.weights()
    for name, values in resumed.weights().items():
        np.testing.assert_array_equal(values, weights[name])


def test_the_self_test_leaves_the_run_as_it_was(engine, worthwhile, undisturbed, monkeypatch):
    monkeypatch.setattr(self_test, "MARGIN", 1.0)  # the usual way stays
    tested = engine(epochs=1, threads=1)
    assert tested.log.of(StepTuned)
    monkeypatch.setitem(tuning.WORTH_MACS, "cpu", 1e30)
    monkeypatch.setenv("NBFINETUNE_CACHE", "elsewhere")
    plain = engine(epochs=1, threads=1)
    assert not plain.log.of(StepTuned)
    weights = plain.weights()
    for name, values in tested.weights().items():
        np.testing.assert_array_equal(values, weights[name])

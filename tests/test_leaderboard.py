"""The leaderboard of the benchmarks tells what was measured, and judges by it."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from file_tree import ROOT
from PIL import Image

BENCHMARKS = ROOT / "benchmarks"
sys.path.append(str(BENCHMARKS / "leaderboard"))

import must_show  # noqa: E402
import photo_folder  # noqa: E402
import results  # noqa: E402
from contender import LIMIT, OURS, TEXTBOOK  # noqa: E402
from kept import Kept, read  # noqa: E402
from outcome import Outcome, steady  # noqa: E402
from race import race, run  # noqa: E402
from race_sets import FROZEN, GPU, MOBILENET, SETS, START  # noqa: E402
from table import breakdown, ratio  # noqa: E402


def outcome(rate: float, **facts) -> Outcome:
    """A round at a rate in each of three epochs."""
    return Outcome({"first step": 5.0}, [rate] * 3, [0.2, 0.3, 0.4], [9.0, 14.0, 19.0], **facts)


def kept(race_set, **outcomes) -> dict[str, Kept]:
    named = {name.replace("_", " "): rounds for name, rounds in outcomes.items()}
    facts = {"load": [0.1, 2.0], "rounds": 2, "versions": {"torch": "2.15"}}
    return {race_set.key: Kept(race_set.title, race_set.key, **facts, outcomes=named)}


def test_a_ratio_is_of_medians_with_the_spread_of_the_rounds() -> None:
    ours = [outcome(rate) for rate in (200, 220, 300)]
    theirs = [outcome(rate) for rate in (100, 110, 120)]
    found = ratio(ours, theirs, steady)
    assert (found.value, found.low, found.high) == (2.0, 2.0, 2.5)
    assert str(found) == "2.00 (2.00 to 2.50; middle half 2.00 to 2.25)"


def test_the_first_epoch_does_not_count_as_steady() -> None:
    assert steady(Outcome(rates=[1.0, 100.0, 100.0])) == 100.0


@pytest.mark.parametrize(("ours", "verdict"), [(98.0, "**met**"), (90.0, "**not met**")])
def test_a_promise_is_judged_by_the_figure(ours: float, verdict: str) -> None:
    found = kept(MOBILENET, nbfinetune=[outcome(ours)], limit=[outcome(100.0)])
    [line] = [one for one in must_show.lines(found).splitlines() if "0.97 of the limit from" in one]
    assert line.endswith(f"| {ours / 100:.2f} | {verdict} |")


def test_a_race_that_was_not_run_shows_nothing() -> None:
    rows = must_show.lines({}).splitlines()[2:]
    assert len(rows) == len(must_show.PROMISES)
    assert all("was not run | not shown |" in row for row in rows)


def test_a_slower_first_epoch_in_one_round_breaks_the_promise() -> None:
    ours, theirs = [outcome(150.0), outcome(99.0)], [outcome(100.0), outcome(100.0)]
    found = kept(MOBILENET, nbfinetune=ours, textbook_loop=theirs)
    assert "in epoch 1 | 1.25 (0.99 to 1.50" in must_show.lines(found)
    [row] = [row for row in must_show.lines(found).splitlines() if "epoch 1" in row]
    assert row.endswith("| **not met** |")


def test_the_best_peer_is_neither_ours_nor_the_limit() -> None:
    rates = {OURS.name: 300.0, LIMIT.name: 310.0, TEXTBOOK.name: 90.0, "fastai": 100.0}
    outcomes = {name: [outcome(rate)] for name, rate in rates.items()}
    assert must_show.best_peer(outcomes, steady) == "fastai"


def test_a_faster_head_at_another_accuracy_keeps_no_promise() -> None:
    each = Outcome({"model": 5.0}, [9.0], [0.80], [105.0])
    for accuracy, verdict in ((0.80, "**met**"), (0.75, "**not met**")):
        ours = Outcome({"model": 5.0}, [9.0], [accuracy], [15.0])
        found = kept(FROZEN, nbfinetune=[ours])
        found[FROZEN.key].outcomes["nbfinetune, backbone each epoch"] = [each]
        [row] = [row for row in must_show.lines(found).splitlines() if "8 times" in row]
        assert row.endswith(f"{verdict} |")


def test_a_contender_that_failed_is_named_with_its_last_words(tmp_path: Path) -> None:
    failed = Outcome(failed="status 1: Traceback\n  ...\nValueError: no such thing\n")
    found = kept(MOBILENET, nbfinetune=[outcome(100.0)], fastai=[failed])[MOBILENET.key]
    found.write(tmp_path)
    section = results.section(MOBILENET, read(tmp_path)[MOBILENET.key])
    assert "| fastai | failed | failed |" in section
    assert "Failed 1 times: ValueError: no such thing" in section


def test_the_breakdown_adds_up_to_the_first_step() -> None:
    moments = {"imported": 0.5, "torch": 2.0, "first step": 5.0}
    table = breakdown({"nbfinetune": [Outcome(moments)], "fastai": [outcome(1.0)]})
    assert "| nbfinetune | 0.50 | 1.50 | 3.00 |" in table
    assert "| fastai | - | - | 5.00 |" in table


def test_a_skipped_race_replaces_none_that_was_run(tmp_path: Path) -> None:
    [gpu, *_] = GPU
    kept(gpu, nbfinetune=[outcome(900.0)])[gpu.key].write(tmp_path)
    Kept(gpu.title, gpu.key, skipped="no GPU").write(tmp_path)
    assert read(tmp_path)[gpu.key].outcomes["nbfinetune"][0].rates == [900.0] * 3
    assert "skipped: no GPU" in results.section(gpu, Kept(gpu.title, gpu.key, skipped="no GPU"))


def test_rounds_alternate_in_their_order() -> None:
    order: list[str] = []

    def train(contender, number):
        order.append(f"{contender.name} {number}")
        return Outcome()

    race((OURS, TEXTBOOK), 2, train, lambda outcomes: None)
    assert order == ["nbfinetune 0", "textbook loop 0", "textbook loop 1", "nbfinetune 1"]


def test_every_contender_has_a_script_and_the_first_is_ours() -> None:
    for one in SETS.values():
        assert one.contenders[0].name == OURS.name
        for contender in one.contenders:
            script = BENCHMARKS / "leaderboard" / "contenders" / f"{contender.script}.py"
            assert script.is_file(), script


def test_the_page_of_results_says_what_its_json_says() -> None:
    target = BENCHMARKS / "RESULTS.md"
    if not target.exists():
        pytest.skip("no race has been held")
    says = target.read_text(encoding="utf-8")
    assert says == results.page(BENCHMARKS / "results"), "run `make bench BENCH=--page`"


def photos(folder: Path, train: int, val: int) -> Path:
    """Two classes of noise."""
    rng = np.random.default_rng(0)
    for part, count in (("train", train), ("val", val)):
        for name in ("cats", "dogs"):
            (folder / part / name).mkdir(parents=True)
            for number in range(count):
                pixels = rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / part / name / f"{number}.jpg")
    return folder


def test_some_photos_are_as_many_of_each_class(tmp_path: Path) -> None:
    given = photos(tmp_path / "given", 5, 3)
    some = photo_folder.some(given, (6, 0), tmp_path / "some")
    assert photo_folder.counted(some) == (6, 6)
    assert len(list((some / "train" / "cats").iterdir())) == 3


def test_a_folder_without_parts_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="has no train/ and val/"):
        photo_folder.photos_of(tmp_path, tmp_path)


def test_digits_stand_in_where_there_are_no_photos(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(photo_folder, "FLOWERS", tmp_path / "absent.zip")
    found = photo_folder.photos_of(None, tmp_path)
    assert photo_folder.counted(found) == (480, 120)
    assert "stand in" in capsys.readouterr().out


TASK = {
    "model": "test_resnet",
    "image_size": 32,
    "batch_size": 4,
    "epochs": 2,
    "lr": 1e-3,
    "threads": 1,
}


@pytest.mark.slow
def test_contenders_train_in_processes_of_their_own(tmp_path: Path) -> None:
    task = {**TASK, "data": str(photos(tmp_path / "photos", 6, 4))}
    for contender in (OURS, TEXTBOOK, LIMIT):
        found = run(contender, task, tmp_path, Path(sys.executable))
        assert not found.failed
        assert len(found.rates) == 2
        assert found.peak_mb > 50
        if contender is not LIMIT:
            assert 0 < found.moments["imported"] < found.moments["first step"] < found.reached_s[1]
            assert found.moments["data"] < found.moments["model"] < found.moments["first batch"]


@pytest.mark.slow
def test_the_race_to_the_first_step_ends_there(tmp_path: Path) -> None:
    task = {**TASK, **START.task, "model": "test_resnet", "image_size": 32, "threads": 1}
    task["data"] = str(photos(tmp_path / "photos", 40, 4))
    for contender in (OURS, TEXTBOOK):
        found = run(contender, task, tmp_path, Path(sys.executable))
        assert not found.failed
        assert found.moments["first step"] > 0
        assert found.rates == []


@pytest.mark.slow
def test_a_contender_that_breaks_is_kept_as_failed(tmp_path: Path) -> None:
    task = {**TASK, "data": str(tmp_path / "absent")}
    found = run(TEXTBOOK, task, tmp_path, Path(sys.executable))
    assert "absent" in found.failed

"""A mirror's life: what it survives, what it never doubles, and that no run notices its end."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections import Counter
from pathlib import Path

import chart_runs
import pytest

import nbfinetune as nf
from nbfinetune.errors import RunError, RunTimeout, StoreError
from nbfinetune.records import RunFinished, RunRestored, RunStopped
from nbfinetune.runner.trackers import mirror as mirror_module
from nbfinetune.runner.trackers import mirrored_to, mirrors, track
from nbfinetune.runner.trackers.mirror import Mirror
from nbfinetune.runner.trackers.mirror_process import EVENTS_A_PAGE
from nbfinetune.runner.trackers.targets import TensorBoard
from nbfinetune.store import RunStore

STEPS = EVENTS_A_PAGE + 500


@pytest.fixture
def lines(tmp_path: Path, monkeypatch) -> Path:
    """File of the scripted tracker, which stands where MLflow would."""
    place = tmp_path / "libraries"
    place.mkdir()
    shutil.copy(Path(__file__).with_name("scripted_tracker.py"), place / "mlflow.py")
    monkeypatch.syspath_prepend(place)
    return tmp_path / "lines"


@pytest.fixture
def track_to(lines: Path):
    """``track_to(folder)`` mirrors a run; the test ends when all such mirrors have."""
    made: list[Mirror] = []

    def start(folder: Path) -> Mirror:
        made.append(track(folder, "mlflow", {"uri": lines}))
        return made[-1]

    yield start
    for mirror in made:
        if mirror._process is not None:
            mirror._process.wait(120)  # it leaves with its run


@pytest.fixture
def over(home: Path) -> Path:
    """Folder of a run that has finished, of more events than a page holds."""
    with chart_runs.filled(home / "over", STEPS) as store:
        store.append([RunFinished(step=STEPS, reason="completed", best_epoch=2)])
    return home / "over"


def told(lines: Path) -> list[list]:
    return [json.loads(line) for line in lines.read_text().splitlines()] if lines.exists() else []


def steps(lines: Path, name: str = "step/loss") -> list[int]:
    return [words[2] for words in told(lines) if words[:2] == ["metric", name]]


def said(recwarn: pytest.WarningsRecorder) -> list[str]:
    return [str(one.message) for one in recwarn if one.category is RuntimeWarning]


def test_a_run_that_is_over_is_mirrored_at_once_with_its_end(over, track_to, lines):
    assert mirrored_to(over) == {}
    mirror = track_to(over).wait(120)
    assert mirrored_to(over) == {"mirrored to": "mlflow (done)"}
    assert steps(lines) == list(range(1, STEPS + 1))
    assert steps(lines, "epoch/accuracy") == list(range(100, STEPS + 1, 100))
    assert steps(lines, "best/accuracy") == [STEPS]
    assert ["tag", "nbfinetune.status", "finished"] in told(lines)
    assert told(lines)[-1] == ["terminated", "FINISHED"]
    assert repr(mirror).startswith("Mirror('mlflow', status done, run over of experiment")


def test_a_target_that_has_everything_is_not_opened_again(over, track_to, lines):
    track_to(over).wait(120)
    before = told(lines)
    assert track_to(over).wait(0).status == "done"
    assert told(lines) == before


def test_tracking_a_live_run_twice_keeps_one_mirror(training, track_to, lines, until):
    track_to(training.path)
    until(lambda: steps(lines))
    second = track_to(training.path)
    assert second.status == "mirroring"
    assert second._process is None
    with pytest.raises(RunTimeout, match="is still at work after 0 s"):
        second.wait(0)
    training.stop()
    second.wait(120)
    assert [words[0] for words in told(lines)].count("opened") == 1
    taken = len(training.metrics("step"))
    assert steps(lines) == list(range(1, taken + 1))


def test_another_mirror_goes_on_where_a_killed_one_was_without_doubles(
    training, track_to, lines, until, recwarn
):
    mirror = track_to(training.path)
    until(lambda: mirror.seq > 0)
    os.kill(mirror._process.pid, signal.SIGKILL)
    until(lambda: mirror.status == "interrupted" and said(recwarn))
    (known,) = mirrors(training.path)
    assert known.status == "interrupted"
    known.go_on()
    training.stop()
    known.wait(120)
    assert [words[0] for words in told(lines)].count("opened") == 2
    taken = len(training.metrics("step"))
    assert Counter(steps(lines)) == Counter(range(1, taken + 1))


def test_a_run_that_is_resumed_goes_on_in_the_same_mirror(home, track_to, lines):
    with chart_runs.filled(home / "again", 150) as store:
        store.append([RunStopped(step=150, best_epoch=1)])
        track_to(store.path).wait(120)
        store.rewind(120)
        store.append([RunRestored(step=120), *chart_runs.progress(121, 180)])
        store.append([RunFinished(step=180, reason="completed", best_epoch=1)])
        track_to(store.path).wait(120)
    assert steps(lines) == list(range(1, 181))
    ends = [words[1] for words in told(lines) if words[0] == "terminated"]
    assert ends == ["KILLED", "FINISHED"]
    story = [words[2] for words in told(lines) if words[:2] == ["tag", "mlflow.note.content"]]
    assert "- step 120: taken up again from step 120" in story[-1]
    assert story[-1].startswith("- step 0: training on CPU in fp32")


def test_a_tracker_that_fails_says_so_once_and_the_run_trains_on(
    training, track_to, lines, until, recwarn
):
    full = lines.with_name("lines.full")
    full.touch()
    mirror = track_to(training.path)
    with pytest.raises(RunError, match=r"mlflow takes no more \(OSError: No space left"):
        mirror.wait(120)
    until(lambda: said(recwarn))
    assert said(recwarn) == [mirror.error]
    assert mirrored_to(training.path) == {"mirrored to": f"mlflow (failed: {mirror.error})"}
    assert "nobody reads" not in mirror.error
    assert "nobody reads" in mirror.log.read_text()
    with RunStore.open(training.path) as store:
        taken = store.last_seq()
        until(lambda: store.last_seq() > taken)
    assert training.status == "running"
    full.unlink()
    again = track_to(training.path)
    training.stop()
    assert again.wait(120).error == ""
    assert steps(lines) == list(range(1, len(training.metrics("step")) + 1))


def test_a_mirror_that_dies_without_a_word_is_told_of(training, track_to, lines, until, recwarn):
    mirror = track_to(training.path)
    until(lambda: mirror.status == "mirroring")
    mirror._process.kill()
    until(lambda: said(recwarn))
    assert "is gone without a word" in said(recwarn)[0]
    assert training.status == "running"


def test_a_bookmark_that_can_not_be_read_says_what_to_do(over, track_to):
    mirror = track_to(over).wait(120)
    mirror._path.write_text("{}")
    with pytest.raises(StoreError, match="delete it to have the run mirrored from its start"):
        track_to(over)


@pytest.mark.slow
def test_a_real_run_ends_well_though_its_tracker_never_works(track_to, lines, until, recwarn):
    lines.with_name("lines.full").touch()
    run = nf.fine_tune(
        "digits",
        model="factories:small_cnn",
        pretrained=False,
        epochs=1,
        image_size=16,
        device="cpu",
        threads=1,
    )
    mirror = track_to(run.path)
    run.wait(progress=False)
    until(lambda: said(recwarn))
    assert "the run itself is not touched" in said(recwarn)[0]
    assert run.status == "finished"
    assert mirror.status == "failed"
    assert len(run.metrics()) == 1


def test_a_run_may_begin_with_its_mirrors(lines, until):
    where = {"mlflow": {"uri": lines}}
    settings = {"model": "factories:small_cnn", "pretrained": False, "image_size": 16}
    run = nf.fine_tune("digits", epochs=1, trackers=where, **settings)
    (mirror,) = mirrors(run.path)
    run.wait(progress=False, timeout_s=120)
    assert mirror.wait(120).seq > 0
    assert steps(lines)[0] == 1
    assert told(lines)[-1] == ["terminated", "FINISHED"]


def test_a_mirror_that_can_not_begin_is_a_warning_and_the_run_trains(home, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(mirror_module.bookmark, "save", full)
    with (
        chart_runs.filled(home / "run", 10),
        pytest.warns(
            RuntimeWarning,
            match=r"run run trains, but is not mirrored to tensorboard: .*No space left",
        ),
    ):
        mirror_module.track_begun(home / "run", [TensorBoard()])

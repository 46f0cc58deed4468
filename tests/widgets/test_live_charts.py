"""What `LiveCharts` says to its page, and what it answers."""

from __future__ import annotations

import os
import time
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from chart_runs import filled, loss_at, progress, step_done
from comm_ear import recording

from nbfinetune.errors import ConfigError, NoSuchRun
from nbfinetune.records import Cosine, RunFinished, RunPaused, RunRestored, ScheduleChanged
from nbfinetune.store.digest import DIGEST
from nbfinetune.widgets.chart_messages import MEASURES
from nbfinetune.widgets.follower import ATTENDED_S, LIVE_S, UNATTENDED_S, Follower
from nbfinetune.widgets.live_charts import LiveCharts

FIRST, LAST, COUNT = (DIGEST.index(name) for name in ("first", "last", "count"))


def table(buffer: bytes, columns: int = len(DIGEST)) -> np.ndarray:
    return np.frombuffer(buffer).reshape(-1, columns)


class Hearing:
    """Charts of runs, and everything that they have said so far."""

    def __init__(self, charts, said) -> None:
        self.charts = charts
        self.said = said
        self.heard = []

    def ask(self, content):
        self.charts._handle_msg(
            {"content": {"data": {"method": "custom", "content": content}}, "buffers": []}
        )

    def set(self, **state):
        self.charts._handle_msg(
            {"content": {"data": {"method": "update", "state": state}}, "buffers": []}
        )

    def until(self, condition, seconds: float = 60.0):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            while not self.said.empty():
                data, buffers = self.said.get()
                if data["method"] == "custom":
                    self.heard.append((data["content"], buffers))
            for content, buffers in self.heard:
                if condition(content):
                    return content, buffers
            time.sleep(0.01)
        raise AssertionError([content for content, _ in self.heard])

    def kinds(self, kind):
        return [(c, b) for c, b in self.heard if c["kind"] == kind]


@pytest.fixture
def run(tmp_path):
    """The store of a live run of 150 steps."""
    with filled(tmp_path / "20260101-resnet18-aaaa", 150) as store:
        assert store.claim(os.getpid())
        store.append([RunRestored(step=150)])
        yield store


@pytest.fixture
def page(run):
    with recording() as said:
        charts = LiveCharts(run.path)
        hearing = Hearing(charts, said)
        hearing.until(lambda c: c["kind"] == "snapshot" and c["seq"] >= 0)
        yield hearing
        charts.close()


def test_a_snapshot_holds_the_whole_run(page):
    page.heard.clear()
    page.ask({"type": "snapshot"})
    content, (rows, epochs, planned) = page.until(lambda c: c["kind"] == "snapshot")
    assert content["status"] == "running"
    assert content["totalSteps"] == 1000
    assert table(rows)[:, COUNT].sum() == 150
    assert table(epochs, 3 + len(MEASURES))[:, :3].tolist() == [[100, 1, 1]]
    assert table(planned, 2)[:, 0].max() < 1001
    assert content["marks"] == [(150, "taken up again from step 150")]


def test_the_page_says_that_somebody_is_there(run, page):
    follower = Follower.of(run.path)
    follower._attended_at -= ATTENDED_S
    assert follower._pause() == UNATTENDED_S
    page.ask({"type": "present"})
    assert follower._pause() == LIVE_S
    assert not page.kinds("error")


def test_deltas_continue_the_snapshot_without_gap_or_double(run, page):
    for step in range(151, 211):
        run.append(list(progress(step, step)))
    page.until(lambda c: c.get("seq") == run.last_seq())
    _, (rows, *_) = page.kinds("snapshot")[-1]
    known = int(table(rows)[-1, LAST])
    seq = page.kinds("snapshot")[-1][0]["seq"]
    for content, buffers in page.kinds("delta"):
        assert content["after"] == seq
        seq = content["seq"]
        for row in table(buffers[0]):
            assert row[FIRST] == known + 1
            known = int(row[LAST])
    assert known == 210


def test_a_delta_is_as_small_at_a_hundred_thousand_steps_as_at_a_hundred(run, page):
    def size_of_one_step(step):
        run.append([step_done(step)])
        content, buffers = page.until(lambda c: c.get("seq") == run.last_seq())
        assert content["kind"] == "delta"
        return len(str(content)) + sum(map(len, buffers))

    early = size_of_one_step(151)
    run.append(list(map(step_done, range(152, 100_000))))
    page.until(lambda c: c.get("seq") == run.last_seq())
    assert size_of_one_step(100_000) < early + 20


def test_a_snapshot_is_bounded_however_long_the_run_is(run, page):
    run.append(list(map(step_done, range(151, 30_000))))
    page.until(lambda c: c.get("seq") == run.last_seq())
    page.heard.clear()
    page.ask({"type": "snapshot"})
    _, buffers = page.until(lambda c: c["kind"] == "snapshot")
    assert sum(map(len, buffers)) < 200_000
    rows = table(buffers[0])
    assert rows[:, DIGEST.index("loss_high")].max() == loss_at(37)


def test_a_window_comes_in_full_resolution(run, page):
    run.append(list(map(step_done, range(151, 20_000))))
    page.ask({"type": "window", "id": 7, "run": 0, "first": 10_000, "last": 10_099})
    content, (rows,) = page.until(lambda c: c["kind"] == "window")
    assert content["id"] == 7
    assert table(rows)[:, FIRST].tolist() == list(range(10_000, 10_100))


def test_a_new_worker_makes_a_new_snapshot(run, page):
    page.heard.clear()
    run.rewind(100)
    run.append([RunRestored(step=100)])
    _, (rows, *_) = page.until(lambda c: c["kind"] == "snapshot" and c["seq"] == run.last_seq())
    assert table(rows)[-1, LAST] == 100


def test_an_edit_brings_its_mark_and_the_new_plan(run, page):
    run.append([ScheduleChanged(step=150, schedule=Cosine(lr=0.5))])
    content, buffers = page.until(lambda c: c["kind"] == "delta" and c["marks"])
    assert content["marks"] == [(150, "schedule: Cosine, peak 0.5")]
    assert table(buffers[2], 2)[:, 1].max() == 0.5


@pytest.mark.parametrize(
    "nonsense",
    [
        None,
        42,
        "snapshot",
        [],
        {},
        {"type": "drop tables"},
        {"type": "window"},
        {"type": "window", "id": 1, "run": 9, "first": 0, "last": 1},
        {"type": "window", "id": 1, "run": -1, "first": 0, "last": 1},
        {"type": "window", "id": 1, "run": 0, "first": "a", "last": 1},
        {"type": "window", "id": 1, "run": 0, "first": 0, "last": 1e300},
        {"type": "snapshot", "more": 1},
    ],
)
def test_nonsense_is_answered_in_words_and_changes_nothing(page, nonsense):
    before = page.charts.get_state()
    page.ask(nonsense)
    content, _ = page.until(lambda c: c["kind"] == "error")
    assert "the page asked for nonsense" in content["error"]
    assert page.charts.get_state() == before


@pytest.mark.parametrize("state", [{"smoothing": 7}, {"smoothing": "a"}, {"hidden": [1]}])
def test_a_setting_that_can_not_be_is_refused_in_words(page, state):
    before = page.charts.get_state()
    page.set(**state)
    assert "can't be set" in page.until(lambda c: c["kind"] == "error")[0]["error"]
    assert page.charts.get_state() == before


def test_the_page_sets_options_and_nothing_else(page):
    page.set(smoothing=0.5, labels=["<b>"], picture="<script>", _esm="alert(1)")
    assert page.charts.smoothing == 0.5
    assert page.charts.labels == ["resnet18"]
    assert page.charts.picture == ""
    assert "alert(1)" not in page.charts._esm[:100]


def test_several_runs_are_told_apart(tmp_path, run):
    with filled(tmp_path / "other-bbbb", 20), recording() as said:
        charts = LiveCharts([run.path, str(tmp_path / "other-bbbb")])
        hearing = Hearing(charts, said)
        assert charts.labels == ["resnet18 aaaa", "resnet18 bbbb"]
        for place, steps in enumerate((150, 20)):
            _, (rows, *_) = hearing.until(
                lambda c, place=place: (
                    c["kind"] == "snapshot" and c["run"] == place and c["seq"] > 0
                )
            )
            assert table(rows)[-1, LAST] == steps
        charts.close()


def test_what_can_not_be_drawn_is_refused_in_words(run, home):
    with pytest.raises(ConfigError, match=r"no run; nbfinetune\.runs"):
        LiveCharts([])
    with pytest.raises(ConfigError, match="no metric 'acuracy'"):
        LiveCharts(run.path, metrics=["acuracy"])
    with pytest.raises(NoSuchRun, match="no run 'nowhere'"):
        LiveCharts("nowhere")


def test_metrics_chooses_what_is_shown_at_first(run):
    charts = LiveCharts(run.path, metrics=["accuracy", "recall"])
    assert set(charts.hidden) == {"macro_f1", "precision", "top5", "roc_auc"}
    charts.close()


@pytest.mark.parametrize("name", ["loss", "metrics", "learning_rate", "throughput"])
def test_a_figure_has_all_points(run, name):
    run.append(list(progress(151, 5000)))
    charts = LiveCharts(run.path)
    lines = charts.figure(name).data
    assert len(lines[0].x) == (50 if name == "metrics" else 5000)
    charts.close()


def test_a_chart_that_there_is_not_is_refused_with_those_there_are(page):
    with pytest.raises(ConfigError, match="there are loss, metrics, learning_rate, throughput"):
        page.charts.figure("los")


def test_the_still_is_a_picture_of_every_chart(run, page):
    run.append([RunPaused(step=150)])
    page.until(lambda c: c.get("status") == "paused")
    root = ET.fromstring(page.charts.snapshot_svg())
    texts = {node.text for node in root.iter("{http://www.w3.org/2000/svg}text")}
    assert {"Loss", "Metrics", "Learning rate", "Images/s"} <= texts
    assert "resnet18 (paused)" in root[0].text
    assert 'src="data:image/svg+xml;base64,' in page.charts.snapshot_html()


def test_a_line_of_one_point_is_a_dot_in_the_still(run, page):
    assert len(run.epochs()) == 1
    # Validation loss, accuracy and macro F1.
    assert page.charts.snapshot_svg().count('h0" stroke=') == 3


def test_the_still_of_a_run_without_a_step_says_so(tmp_path):
    with filled(tmp_path / "new", 0):
        charts = LiveCharts(tmp_path / "new")
        assert charts.snapshot_svg().count("nothing measured yet") >= 3
        charts.close()


def test_the_last_picture_travels_with_the_widget_once_the_run_is_over(run, page):
    assert page.charts.picture == ""
    run.append([RunFinished(step=150, reason="completed", best_epoch=1)])
    page.until(lambda c: c.get("status") == "finished")
    deadline = time.monotonic() + 60
    while not page.charts.picture and time.monotonic() < deadline:
        time.sleep(0.01)
    assert ET.fromstring(page.charts.picture) is not None

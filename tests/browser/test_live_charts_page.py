"""The page's half of `LiveCharts` in a real browser, fed by the real widget."""

from __future__ import annotations

import os

import pytest
from chart_runs import filled, progress, step_done
from charts_page import ChartsPage
from comm_ear import recording

from nbfinetune.records import RunPaused, RunRestored, RunResumed
from nbfinetune.widgets.live_charts import LiveCharts

pytestmark = pytest.mark.browser

REGIONS = ("Loss", "Metrics", "Learning rate", "Throughput")
AXIS = "document.querySelector(\"[aria-label='{}'] .nbft-plot\").layout.xaxis.range"


@pytest.fixture
def run(tmp_path):
    """The store of a live run of 150 steps."""
    with filled(tmp_path / "20260101-resnet18-aaaa", 150) as store:
        assert store.claim(os.getpid())
        store.append([RunRestored(step=150)])
        yield store


@pytest.fixture
def open_charts(page):
    """Opens charts of runs on a page that must stay free of errors."""
    errors, opened = [], []
    page.on("pageerror", lambda error: errors.append(str(error)))

    def open_them(*folders, **settings) -> ChartsPage:
        context = recording()
        charts = None
        said = context.__enter__()
        charts = LiveCharts(list(folders), **settings)
        opened.append((context, charts))
        return ChartsPage(page, charts, said)

    yield open_them
    for context, charts in opened:
        charts.close()
        context.__exit__(None, None, None)
    assert errors == []


def drawn(charts: ChartsPage, chart: str, step: int):
    """Wait until a chart's line reaches a step."""
    charts.until(
        f"(document.querySelector(\"[aria-label='{chart}'] .nbft-plot\").data ?? [])"
        f".some((trace) => trace.x.at(-1) === {step})"
    )


def test_four_regions_have_their_names_and_draw(run, open_charts):
    charts = open_charts(run.path)
    for name in REGIONS:
        charts.page.get_by_role("region", name=name, exact=True).wait_for()
    for name in ("Loss", "Learning rate", "Throughput"):
        drawn(charts, name, 150)
    drawn(charts, "Metrics", 100)


def test_the_first_picture_is_of_all_four_charts(run, open_charts, page):
    page.goto("about:blank")
    page.evaluate(
        """() => {
            globalThis.counts = new Set();
            globalThis.frames = 0;
            const look = () => {
                const plots = [...document.querySelectorAll('.nbft-plot')];
                counts.add(plots.filter((plot) => plot.data?.length).length);
                frames += 1;
                requestAnimationFrame(look);
            };
            look();
        }"""
    )
    charts = open_charts(run.path)
    # The kernel answers once the page has settled.
    settled = page.evaluate("frames") + 30
    page.wait_for_function(f"frames > {settled}")
    charts.until("counts.has(4)", 60)
    assert set(page.evaluate("[...counts]")) == {0, 4}


def test_the_curves_grow_with_the_run(run, open_charts):
    charts = open_charts(run.path)
    drawn(charts, "Loss", 150)
    before = charts.points("Loss")
    run.append(list(progress(151, 230)))
    drawn(charts, "Loss", 230)
    drawn(charts, "Metrics", 200)
    assert charts.points("Loss") == before + 80


def test_a_message_that_was_lost_is_noticed_and_made_good(run, open_charts):
    charts = open_charts(run.path)
    drawn(charts, "Loss", 150)
    run.append([step_done(151)])
    charts.lose("delta")
    run.append([step_done(152)])
    drawn(charts, "Loss", 152)
    assert charts.page.evaluate("sent.filter((m) => m.type === 'snapshot').length") >= 2
    assert charts.points("Loss") == 152


def test_a_run_that_is_taken_up_again_loses_what_was_not_saved(run, open_charts):
    charts = open_charts(run.path)
    drawn(charts, "Loss", 150)
    run.rewind(120)
    run.append([RunRestored(step=120)])
    drawn(charts, "Loss", 120)


def test_before_the_first_step_the_charts_say_what_they_wait_for(tmp_path, open_charts):
    with filled(tmp_path / "new", 0) as store:
        store.claim(os.getpid())
        charts = open_charts(store.path)
        words = "document.querySelector(\"[aria-label='{}'] .nbft-empty:not([hidden])\")?.innerText"
        charts.until(words.format("Loss") + " === 'waiting for the first step'")
        charts.until(words.format("Metrics") + " === 'waiting for the first epoch to end'")
        store.append([step_done(1)])
        drawn(charts, "Loss", 1)


def test_a_zoom_survives_updates_and_brings_every_step_of_the_window(run, open_charts):
    run.append(list(map(step_done, range(151, 20_000))))
    charts = open_charts(run.path)
    drawn(charts, "Loss", 19_999)
    stage = charts.page.locator("[aria-label='Loss'] .nsewdrag").first
    box = stage.bounding_box()
    middle = box["y"] + box["height"] / 2
    charts.page.mouse.move(box["x"] + 100, middle)
    charts.page.mouse.down()
    charts.page.mouse.move(box["x"] + 105, middle, steps=2)
    charts.page.mouse.move(box["x"] + 110, middle, steps=2)
    charts.page.mouse.up()
    first, last = charts.until(f"(({AXIS.format('Loss')})[0] > 100) && {AXIS.format('Loss')}")
    inside = (
        "document.querySelector(\"[aria-label='Learning rate'] .nbft-plot\").data[0].x"
        f".filter((x) => x >= {first} && x <= {last}).length"
    )
    charts.until(f"{inside} >= {int(last) - int(first)}")
    run.append([step_done(20_000)])
    drawn(charts, "Loss", 20_000)
    for chart in REGIONS:
        assert charts.page.evaluate(AXIS.format(chart)) == [first, last]
    charts.page.get_by_role("button", name="Show all of Loss").click()
    charts.until(f"{AXIS.format('Loss')}[0] === 0")


def test_lines_are_switched_from_the_keyboard_and_stay_so_in_a_second_view(run, open_charts):
    charts = open_charts(run.path)
    drawn(charts, "Metrics", 100)
    recall = charts.page.get_by_role("button", name="recall")
    assert recall.get_attribute("aria-pressed") == "false"
    recall.focus()
    charts.page.keyboard.press("Enter")
    charts.until(lambda: "recall" not in charts.charts.hidden)
    charts.until(lambda: recall.get_attribute("aria-pressed") == "true")
    charts.page.evaluate("view('second')")
    second = charts.page.locator("#second").get_by_role("button", name="recall")
    second.wait_for()
    charts.until(lambda: second.get_attribute("aria-pressed") == "true")


def test_smoothing_and_logarithm_have_names_and_reach_python(run, open_charts):
    charts = open_charts(run.path)
    drawn(charts, "Loss", 150)
    charts.page.get_by_role("slider", name="smoothing").fill("0")
    charts.until(lambda: charts.charts.smoothing == 0.0)
    charts.page.get_by_role("checkbox", name="Logarithmic loss").check()
    log = "document.querySelector(\"[aria-label='Loss'] .nbft-plot\").layout.yaxis.type === 'log'"
    charts.until(log)
    charts.until(lambda: charts.charts.log_loss)


def test_edits_are_marked_on_the_time_line(run, open_charts):
    charts = open_charts(run.path)
    drawn(charts, "Loss", 150)
    run.append([RunPaused(step=150), RunResumed(step=150)])
    label = "taken up again from step 150; paused; resumed"
    charts.until(
        "document.querySelector(\"[aria-label='Loss'] .nbft-plot\").data"
        f".some((trace) => trace.text?.[0] === '{label}')"
    )


def test_runs_are_laid_over_each_other_and_hidden_by_a_click(tmp_path, run, open_charts):
    with filled(tmp_path / "other-bbbb", 60, model="mobilenetv3_small_100") as other:
        charts = open_charts(run.path, other.path)
        drawn(charts, "Loss", 150)
        drawn(charts, "Loss", 60)
        charts.page.get_by_role("button", name="mobilenetv3_small_100").click()
        charts.until(
            "!document.querySelector(\"[aria-label='Loss'] .nbft-plot\").data"
            ".some((trace) => trace.x.at(-1) === 60)"
        )
        charts.until(lambda: charts.charts.hidden[-1:] == ["run:1"])


def test_the_colours_follow_the_theme(run, open_charts):
    charts = open_charts(run.path)
    drawn(charts, "Loss", 150)
    ink = "document.querySelector(\"[aria-label='Loss'] .nbft-plot\").layout.font.color"
    assert charts.page.evaluate(ink) == "rgb(33, 33, 33)"
    charts.page.evaluate(
        "document.documentElement.style.setProperty('--jp-ui-font-color1', 'rgb(250, 250, 250)')"
    )
    charts.until(f"{ink} === 'rgb(250, 250, 250)'")


def test_a_view_that_is_drawn_before_it_is_on_the_page_takes_its_colours_there(run, open_charts):
    charts = open_charts(run.path)
    drawn(charts, "Loss", 150)
    charts.page.evaluate(
        """async () => {
            document.documentElement.style.setProperty('--jp-ui-font-color1', 'rgb(250, 250, 250)');
            const late = Object.assign(document.createElement('div'), { id: 'late' });
            globalThis.late = late;
            document.getElementById('second').append(late);
            late.remove();
            const found = document.getElementById.bind(document);
            document.getElementById = (id) => (id === 'late' ? late : found(id));
            await view('late');
        }"""
    )
    plot = "late.querySelector(\"[aria-label='Loss'] .nbft-plot\")"
    charts.page.wait_for_timeout(300)
    charts.page.evaluate("document.getElementById('second').append(late); late.scrollIntoView()")
    charts.until(f"{plot}.layout?.font?.color === 'rgb(250, 250, 250)'")


def test_without_a_kernel_the_last_picture_is_shown(run, open_charts, monkeypatch):
    monkeypatch.setattr(LiveCharts, "_answer", lambda *_: None)
    monkeypatch.setattr(LiveCharts, "_take", lambda *_: None)
    charts = open_charts(run.path)
    picture = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"></svg>'
    charts.page.evaluate("(svg) => { model.state.picture = svg }", picture)
    charts.until("document.querySelector('.nbft-charts-picture img')?.naturalWidth === 9")
    assert not charts.page.get_by_role("region", name="Loss", exact=True).is_visible()

"""The curve is dragged in a real browser, on a real server, beside real runs."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from notebook_page import NotebookPage, wait_until
from playwright.sync_api import Locator, expect

from nbfinetune.records import RunStarted, ScheduleChanged
from nbfinetune.runner.run import Run, runs
from nbfinetune.schedules import lr_at
from nbfinetune.store import RunStore

pytestmark = pytest.mark.browser

EDITOR = """
import json, nbfinetune as nf, pathlib
from nbfinetune.schedules import Cosine
editor = nf.LRScheduleEditor(Cosine(lr=1e-3, warmup=0.1), epochs=10, steps_per_epoch=20)
def tell(_=None):
    said = {"schedule": json.loads(editor.schedule_json), "epochs": editor.epochs}
    pathlib.Path("said.tmp").write_text(json.dumps(said))
    pathlib.Path("said.tmp").replace("said.json")
tell()
editor.observe(tell, ["schedule_json", "curve"])
editor
"""
SURFACE = """
import nbfinetune as nf
w = nf.FineTuneWidget('digits', model='resnet10t', pretrained=False, flip=False, image_size=32,
                      epochs=400, warmup=0.0, lr=1e-3)
w
"""


def said(notebook: NotebookPage) -> dict[str, Any]:
    """What the kernel's side holds now."""
    path = Path(notebook.folder / "said.json")
    wait_until(path.exists, page=notebook.page)
    return json.loads(path.read_text())


def rates(notebook: NotebookPage) -> list[tuple[float, float]]:
    """Progress and rate of each knot, as Python has them; empty for a preset."""
    schedule = said(notebook)["schedule"]
    return [(k["at"], schedule["lr"] * k["factor"]) for k in schedule.get("points", [])]


def region(notebook: NotebookPage) -> Locator:
    return notebook.page.get_by_role("region", name="Learning-rate schedule").first


def knot(notebook: NotebookPage, number: int) -> Locator:
    return region(notebook).get_by_role("slider", name=f"Knot {number}", exact=True)


def drag(notebook: NotebookPage, held: Locator, right: float, up: float) -> None:
    """Drag by the pointer, in a few steps."""
    held.scroll_into_view_if_needed()
    box = held.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    mouse = notebook.page.mouse
    mouse.move(x, y)
    mouse.down()
    mouse.move(x + right, y - up, steps=8)
    mouse.up()


@pytest.fixture
def editor(notebook: NotebookPage) -> NotebookPage:
    notebook.run(EDITOR)
    expect(knot(notebook, 3)).to_be_visible()
    assert said(notebook)["schedule"]["kind"] == "cosine"
    return notebook


def test_a_knot_that_is_dragged_changes_the_schedule_in_python(editor: NotebookPage) -> None:
    expect(region(editor).get_by_role("slider")).to_have_count(3)
    drag(editor, knot(editor, 2), 120, -40)
    wait_until(lambda: said(editor)["schedule"]["kind"] == "knots", page=editor.page)
    points = rates(editor)
    assert points[1][0] > 0.2
    assert points[1][1] < 9e-4
    assert [points[0], points[2]] == [(0.0, pytest.approx(1e-5)), (1.0, 0.0)]
    text = knot(editor, 2).get_attribute("aria-valuetext")
    assert re.fullmatch(r"epoch [\d.]+ \(step \d+\): [\d.e-]+", text or "")


def test_the_end_a_piece_and_new_knots_are_taken_by_the_pointer(editor: NotebookPage) -> None:
    drag(editor, region(editor).get_by_role("spinbutton", name="End of the run"), 90, 0)
    wait_until(lambda: said(editor)["epochs"] > 10, page=editor.page)
    assert said(editor)["schedule"]["kind"] == "cosine", "a preset is stretched, not redrawn"
    plot = region(editor).get_by_role("group", name="Curve")
    box = plot.bounding_box()
    plot.dblclick(position={"x": box["width"] * 0.7, "y": box["height"] * 0.25})
    wait_until(lambda: len(rates(editor)) == 4, page=editor.page)
    expect(region(editor).get_by_role("slider")).to_have_count(4)
    knot(editor, 2).dblclick()
    expect(region(editor).get_by_role("slider")).to_have_count(4)
    before = rates(editor)
    first, second = knot(editor, 2).bounding_box(), knot(editor, 3).bounding_box()
    x = (first["x"] + second["x"]) / 2 + 6
    y = (first["y"] + second["y"]) / 2 + 6
    editor.page.mouse.move(x, y)
    editor.page.mouse.down()
    editor.page.mouse.move(x, y + 30, steps=5)
    editor.page.mouse.up()
    wait_until(lambda: rates(editor) != before, page=editor.page)
    fell = [old[1] - new[1] for old, new in zip(before, rates(editor), strict=True)]
    assert fell[1] == pytest.approx(fell[2], rel=1e-6)
    assert fell[1] > 1e-5
    assert fell[0] == pytest.approx(0, abs=1e-12)


def test_a_knot_is_moved_typed_removed_and_brought_back_by_keys(editor: NotebookPage) -> None:
    knot(editor, 2).focus()
    knot(editor, 2).press("ArrowDown")
    wait_until(lambda: rates(editor), page=editor.page)
    assert rates(editor)[1][1] == pytest.approx(9.9e-4)
    knot(editor, 2).press("Shift+ArrowRight")
    wait_until(lambda: rates(editor)[1][0] == pytest.approx(0.2), page=editor.page)
    knot(editor, 2).press("Enter")
    editor.page.keyboard.type("3e-4")
    editor.page.keyboard.press("Enter")
    wait_until(lambda: rates(editor)[1][1] == pytest.approx(3e-4), page=editor.page)
    knot(editor, 2).focus()
    knot(editor, 2).press("Delete")
    wait_until(lambda: len(rates(editor)) == 2, page=editor.page)
    for _ in range(4):
        editor.page.keyboard.press("Control+z")
    wait_until(lambda: said(editor)["schedule"]["kind"] == "cosine", page=editor.page)
    editor.page.keyboard.press("Control+Shift+z")
    wait_until(lambda: rates(editor), page=editor.page)
    region(editor).get_by_role("button", name="Reset to preset").click()
    wait_until(lambda: said(editor)["schedule"]["kind"] == "cosine", page=editor.page)


def test_a_second_view_stays_in_step_and_nonsense_is_refused_in_words(
    editor: NotebookPage,
) -> None:
    editor.run("editor")
    both = editor.page.get_by_role("slider", name="Knot 2", exact=True)
    expect(both).to_have_count(2)
    drag(editor, both.first, 60, -30)
    wait_until(lambda: rates(editor), page=editor.page)
    expect(both.last).to_have_attribute(
        "aria-valuetext", both.first.get_attribute("aria-valuetext") or ""
    )
    before = said(editor)
    both.first.press("Enter")
    editor.page.keyboard.type("-5")
    editor.page.keyboard.press("Enter")
    expect(region(editor).get_by_role("alert")).to_contain_text("-5 is impossible")
    region(editor).get_by_label("Knot rate").fill("fast")
    region(editor).get_by_label("Knot rate").press("Enter")
    expect(region(editor).get_by_role("alert")).to_contain_text("is not a number")
    assert said(editor) == before


def begun(notebook: NotebookPage) -> Run:
    notebook.run(SURFACE)
    notebook.button("Start").click()
    [run] = wait_until(lambda: runs(notebook.home), page=notebook.page)
    wait_until(lambda: len(taken(run)) > 20, 60, notebook.page)
    return run


def taken(run: Run) -> list[tuple[int, float]]:
    with RunStore.open(run.path) as store:
        steps = store.steps()
    return list(zip(steps["step"].tolist(), steps["lr"].tolist(), strict=True))


@pytest.mark.slow
def test_a_live_run_follows_what_was_dragged_once_it_is_applied(notebook: NotebookPage) -> None:
    run = begun(notebook)
    sliders = region(notebook).get_by_role("slider")
    expect(sliders).to_have_count(2)
    expect(knot(notebook, 1)).to_have_attribute("aria-disabled", "true")
    drag(notebook, sliders.last, 0, 60)
    apply = region(notebook).get_by_role("button", name="Apply to this run")
    expect(apply).to_be_enabled()
    apply.click()
    expect(region(notebook)).to_contain_text(re.compile(r"in force from step [\d,]+"))
    changed = next(e for e in run.events() if isinstance(e, ScheduleChanged))
    assert changed.schedule.points[-1].factor > 0.1
    wait_until(lambda: taken(run)[-1][0] > changed.step + 10, page=notebook.page)
    with RunStore.open(run.path) as store:
        total = store.epochs_planned() * store.last(RunStarted).steps_per_epoch
    for step, rate in taken(run)[changed.step :]:
        assert rate == pytest.approx(lr_at(changed.schedule, (step - 1) / total), rel=1e-12)
    notebook.button("Stop").click()
    expect(notebook.status()).to_contain_text("stopped")
    expect(apply).to_be_disabled()
    expect(region(notebook)).to_contain_text("resume it to apply this")


@pytest.mark.slow
def test_the_runs_length_is_one_value_and_a_length_that_is_past_is_refused(
    notebook: NotebookPage,
) -> None:
    run = begun(notebook)
    end = region(notebook).get_by_role("spinbutton", name="End of the run")
    expect(end).to_have_attribute("aria-valuenow", "400")
    end.focus()
    end.press("ArrowRight")
    expect(notebook.field("Epochs")).to_have_value("401")
    region(notebook).get_by_label("auto-apply").check()
    expect(region(notebook)).to_contain_text("in force from step")
    assert any(isinstance(e, ScheduleChanged) and e.epochs == 401 for e in run.events())
    wait_until(lambda: taken(run)[-1][0] > 60, page=notebook.page)
    notebook.field("Epochs").fill("1")
    notebook.field("Epochs").press("Enter")
    region(notebook).get_by_role("button", name="Apply to this run").click()
    expect(region(notebook)).to_contain_text("refused: epochs is 1, but epoch")
    assert run.status == "running"


@pytest.mark.slow
def test_a_rate_that_was_found_is_taken_by_dragging_its_mark(notebook: NotebookPage) -> None:
    notebook.run(SURFACE)
    find = region(notebook).get_by_role("button", name="Find", exact=True)
    find.click()
    marks = region(notebook).get_by_role("button", name=re.compile(r"^Take "))
    expect(marks.first).to_be_visible(timeout=180_000)
    expect(find).to_be_visible()
    assert runs(notebook.home) == [], "a search leaves no run behind"
    rate = float(marks.first.get_attribute("data-rate") or "nan")
    marks.first.press("Enter")
    expect(notebook.field("Learning rate")).to_have_value(f"{rate:.6g}")
    drag(notebook, marks.first.locator("rect"), 0, 25)
    expect(notebook.field("Learning rate")).not_to_have_value(f"{rate:.6g}")
    assert float(notebook.field("Learning rate").input_value()) > rate

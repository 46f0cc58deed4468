"""What was chosen for speed is read on the surface, and overruled there for the next run."""

from __future__ import annotations

import pytest
from chart_runs import filled
from notebook_page import NotebookPage
from playwright.sync_api import expect

from nbfinetune.records import CacheUnused, FeaturesKept, RunFinished, StepTuned

pytestmark = pytest.mark.browser

TUNED = "bf16, channels last, 2 threads: 98 ms an image instead of 193; self-test"
KEPT = "head only: features of 4 views kept, 61 MB"
FULL = "decoded images are not kept for later epochs: the disk is full"
EVENTS = [
    StepTuned(
        precision="bf16",
        channels_last=True,
        ms_per_image={"fp32, channels last": 193.0, "bf16, channels last": 98.0},
        threads=2,
    ),
    FeaturesKept(views=4, megabytes=61.0),
    CacheUnused(reason=FULL),
    RunFinished(step=100, reason="completed", best_epoch=1),
]


def test_what_was_chosen_is_said_with_the_way_to_overrule_it(notebook: NotebookPage) -> None:
    with filled(notebook.home / "20260101-000000-x-0001", 100) as store:
        store.append(EVENTS)
    notebook.run("import nbfinetune as nf\nw = nf.FineTuneWidget(run=nf.runs()[-1])\nw")
    notes = notebook.status().get_by_role("listitem")
    expect(notes).to_have_text([TUNED, KEPT, FULL])
    assert "precision, channels_last and threads" in (notes.first.get_attribute("title") or "")
    expect(notes.last).to_have_attribute("data-tone", "warn")
    expect(notes.first).not_to_have_attribute("data-tone", "warn")

    training = notebook.page.get_by_role("region", name="Training settings")
    training.get_by_text("More", exact=True).click()
    views = training.get_by_label("Feature views", exact=True)
    views.fill("300")
    views.press("Enter")
    error = training.get_by_text("300 is out of range: it must be at most 256")
    expect(error).to_be_visible()
    views.fill("0")
    views.press("Enter")
    expect(error).to_be_hidden()
    training.get_by_label("Memory format", exact=True).select_option("channels first")
    training.get_by_label("Precision", exact=True).select_option("fp32")
    training.get_by_label("Compile", exact=True).check()
    threads = training.get_by_label("Model threads", exact=True)
    threads.fill("1")
    threads.press("Enter")
    expect(training.locator("[aria-busy]")).to_have_count(0)
    cell = notebook.run(
        "t = w.config.training\n"
        "t.precision, t.channels_last, t.compile, t.feature_views, w.config.runner.threads"
    )
    expect(cell).to_contain_text("('fp32', False, True, 0, 1)")

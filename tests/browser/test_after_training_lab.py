"""From Start to a mended data set on one surface, in a real browser."""

from __future__ import annotations

import pytest
from notebook_page import NotebookPage, wait_until
from playwright.sync_api import expect
from test_evaluation_view_lab import View, coloured
from test_surface import says

from nbfinetune.records import Relabel
from nbfinetune.runner.run import runs

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CELL = (
    "import nbfinetune as nf\n"
    "w = nf.FineTuneWidget('photos', model='resnet10t', pretrained=False, image_size=32, "
    "epochs=2)\n"
    "w"
)
PATIENCE_MS = 120_000


def test_a_person_trains_evaluates_relabels_exports_and_trains_again(
    notebook: NotebookPage,
) -> None:
    coloured(notebook.folder / "photos")
    notebook.run(CELL)
    ways = notebook.page.get_by_role("group", name="The trained model")
    expect(ways.get_by_role("button", name="Evaluate")).to_be_disabled()
    expect(notebook.page.locator(".nbft-plan")).to_contain_text("108 images", timeout=PATIENCE_MS)
    notebook.button("Start").click()
    says(notebook, "finished")
    [first] = runs(notebook.home)

    ways.get_by_role("button", name="Evaluate").click()
    view = View(notebook)
    view.confused.first.click()
    view.tiles().first.click()
    view.dialog.get_by_label("Relabel as").select_option("blue")
    notebook.page.keyboard.press("Escape")
    # One book for both views: the surface knows of the edit and plans with it.
    preview = notebook.page.get_by_role("region", name="Dataset preview")
    expect(preview).to_contain_text("1 edit", timeout=PATIENCE_MS)

    ways.get_by_role("button", name="Export").click()
    expect(view.region).to_be_hidden()
    notebook.page.get_by_role("button", name="Export .md").click()
    expect(notebook.page.get_by_role("button", name="Again .md")).to_be_visible(timeout=PATIENCE_MS)
    assert len(list(notebook.folder.glob("resnet10t-*.md"))) == 1

    ways.get_by_role("button", name="Evaluate").click()
    expect(view.region).to_contain_text(first.id)
    notebook.button("Start").click()
    second = wait_until(lambda: runs(notebook.home)[1:], page=notebook.page)[0]
    assert [type(edit) for edit in second.config.data.edits] == [Relabel]
    # What is open is about the first run until the second is over.
    expect(view.region).to_contain_text(second.id, timeout=PATIENCE_MS)
    says(notebook, "finished")
    expect(view.region).to_contain_text("images that both have", timeout=PATIENCE_MS)

"""What stays of a surface when its page, its view or its kernel goes."""

from __future__ import annotations

import pytest
from notebook_page import NotebookPage, wait_until
from playwright.sync_api import expect
from test_surface import PATIENCE_MS, POINTS, SURFACE, begin, says, steps

from nbfinetune.runner.run import runs

pytestmark = pytest.mark.browser


@pytest.mark.slow
def test_a_new_view_of_the_output_shows_the_same_run(notebook: NotebookPage) -> None:
    run = begin(notebook)
    before = wait_until(lambda: notebook.page.evaluate(POINTS), page=notebook.page)
    output = notebook.page.locator(".jp-Notebook .jp-OutputArea-output").first
    output.click(button="right", position={"x": 2, "y": 2})
    notebook.page.get_by_role("menuitem", name="Create New View for Cell Output").click()
    view = notebook.page.locator(".jp-LinkedOutputView")
    bar = view.locator('.nbft-bar [role="status"]')
    expect(bar).to_contain_text("running", timeout=PATIENCE_MS)
    view.get_by_role("region", name="Loss", exact=True).scroll_into_view_if_needed()
    wait_until(lambda: notebook.page.evaluate(POINTS) > before, page=notebook.page)
    view.get_by_role("button", name="Pause", exact=True).click()
    expect(bar).to_contain_text("paused", timeout=PATIENCE_MS)
    assert run.status == "paused"
    says(notebook, "paused")


@pytest.mark.slow
def test_a_page_left_without_saving_is_offered_its_run_again(notebook: NotebookPage) -> None:
    run = begin(notebook)
    notebook.page.on("dialog", lambda dialog: dialog.accept())
    notebook.page.reload()
    notebook.await_idle()
    expect(notebook.page.locator(".nbft-bar")).to_have_count(0)
    held = steps(run)
    notebook.run(SURFACE)
    offered = notebook.page.locator(".nbft-bar").get_by_text(f"is training: {run.id}")
    expect(offered).to_be_visible(timeout=PATIENCE_MS)
    notebook.page.get_by_role("button", name="Show that run").click()
    says(notebook, "running")
    wait_until(lambda: steps(run) > held, page=notebook.page)
    assert len(runs(notebook.home)) == 1
    notebook.button("Stop").click()
    says(notebook, "stopped")


@pytest.mark.slow
def test_a_saved_notebook_without_its_kernel_shows_picture_and_table(
    notebook: NotebookPage,
) -> None:
    begin(notebook)
    notebook.button("Stop").click()
    says(notebook, "stopped")
    saved = notebook.page.locator("[id^=nbft-saved]")
    expect(saved.first).to_contain_text("stopped")
    notebook.page.keyboard.press("Control+s")
    path = notebook.folder / "nb.ipynb"
    wait_until(lambda: "stopped" in path.read_text(), page=notebook.page)
    notebook.close()
    notebook.page.reload()
    # An untrusted notebook's HTML loses its ids.
    output = notebook.page.locator(".jp-RenderedHTML")
    expect(output.get_by_role("cell", name="1 (best)")).to_be_visible()
    expect(output.get_by_role("img")).to_be_visible()
    expect(notebook.page.get_by_text("Error displaying widget")).to_have_count(0)

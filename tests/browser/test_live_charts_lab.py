"""`LiveCharts` in a real JupyterLab and Notebook 7, with a real kernel."""

from __future__ import annotations

import os

import pytest
from chart_runs import filled, progress
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

CELL = "import nbfinetune as nf\ncharts = nf.LiveCharts({!r})\ncharts"
END = "[...document.querySelectorAll('[aria-label=Loss] .nbft-plot')].some((plot) => plot.data?.some((trace) => trace.x.at(-1) === {}))"  # noqa: E501


@pytest.mark.parametrize("app", ["lab", pytest.param("notebook", marks=pytest.mark.slow)])
def test_charts_move_on_while_a_cell_is_busy(tmp_path, new_notebook, app):
    notebook = new_notebook(app)
    page, errors = notebook.page, []
    page.on("pageerror", lambda error: errors.append(str(error)))
    with filled(tmp_path / "run", 150) as store:
        assert store.claim(os.getpid())
        cell = notebook.run(CELL.format(str(store.path)))
        expect(cell.get_by_role("region", name="Loss", exact=True)).to_be_visible()
        page.wait_for_function(END.format(150))
        notebook.run("import time; time.sleep(20)")
        store.append(list(progress(151, 180)))
        page.wait_for_function(END.format(180))
        if folder := os.environ.get("NBFINETUNE_SCREENSHOTS"):
            page.screenshot(path=f"{folder}/charts-{app}.png")
        # The picture for the saved notebook is there, and out of sight.
        still = cell.locator("img[src*='nbft-still'], svg[id^='nbft-still']")
        expect(still).to_have_count(1)
        expect(still).to_be_hidden()
        store.append(list(progress(181, 200)))
        page.wait_for_function(END.format(200))
    assert errors == []

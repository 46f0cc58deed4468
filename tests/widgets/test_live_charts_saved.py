"""A notebook that is read without a kernel shows the charts as they were last."""

from __future__ import annotations

import nbformat
import pytest
from chart_runs import filled
from nbclient import NotebookClient

from nbfinetune.records import RunFinished

CELL = "import nbfinetune as nf\ncharts = nf.LiveCharts({!r})\ncharts"
END = """
import time
from nbfinetune.records import RunFinished
from nbfinetune.store import RunStore
with RunStore.open(charts._runs[0].path) as store:
    store.append([RunFinished(step=250, reason="completed", best_epoch=2)])
deadline = time.monotonic() + 60
while not charts.picture and time.monotonic() < deadline:
    time.sleep(0.05)
"""


def executed(*cells: str) -> list:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    NotebookClient(notebook, kernel_name="python3", timeout=180).execute()
    return [cell.outputs for cell in notebook.cells]


def pictures(outputs) -> list[str]:
    return [o.data["image/svg+xml"] for o in outputs if "image/svg+xml" in o.get("data", {})]


@pytest.fixture
def folder(tmp_path):
    with filled(tmp_path / "run", 250):
        pass
    return tmp_path / "run"


def test_the_charts_of_a_finished_run_are_saved_as_a_picture(folder):
    with filled(folder.with_name("over"), 150) as store:
        store.append([RunFinished(step=150, reason="completed", best_epoch=1)])
    (outputs,) = executed(CELL.format(str(folder.with_name("over"))))
    views = [o for o in outputs if "application/vnd.jupyter.widget-view+json" in o.get("data", {})]
    assert len(views) == 1
    (picture,) = pictures(outputs)
    assert "(finished)" in picture
    assert "nothing measured yet" not in picture


def test_the_picture_is_renewed_when_the_run_ends(folder):
    outputs, _ = executed(CELL.format(str(folder)), END)
    (picture,) = pictures(outputs)
    assert "(finished)" in picture

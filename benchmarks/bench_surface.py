"""How soon the surface is on screen, and how soon after Start the first step is done.

Real JupyterLab, real Chromium, a fresh kernel each time. `python benchmarks/bench_surface.py 5`
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "browser"))

from conftest import QUIET, chromium, end_worker
from lab_server import serving
from notebook_page import NotebookPage, wait_until
from playwright.sync_api import sync_playwright

from nbfinetune.records import StepDone
from nbfinetune.runner.run import runs
from nbfinetune.store import RunStore

CELL = (
    "import nbfinetune as nf; w = nf.FineTuneWidget('digits', model='resnet10t', "
    "pretrained=False, image_size=32, epochs=100); w"
)
PARTS = ".nbft-bar, .nbft-panel"


def first_step_s(notebook: NotebookPage) -> float:
    """Seconds from the press of Start to the first step, by the worker's clock."""
    # The line names the device once the standby worker is ready.
    notebook.page.locator(".nbft-plan").filter(has_text="parameters").wait_for(timeout=60_000)
    pressed = time.time()
    notebook.button("Start").click()
    [run] = wait_until(lambda: runs(notebook.home), page=notebook.page)
    with RunStore.open(run.path) as store:
        wait_until(lambda: store.last(StepDone), 60, notebook.page)
        first = next(event for event in store.events() if isinstance(event, StepDone))
    end_worker(run.path)
    return first.time - pressed


def main() -> None:
    """Print the medians."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    painted, stepped = [], []
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(Path(folder)) as server,
        sync_playwright() as started,
    ):
        browser = started.chromium.launch(executable_path=chromium(), args=list(QUIET))
        for number in range(rounds):
            page = browser.new_page(viewport={"width": 1600, "height": 1100})
            notebook = NotebookPage(page, server, f"round-{number}")
            notebook.open()
            begun = time.monotonic()
            notebook.run(CELL)
            wait_until(lambda page=page: page.locator(PARTS).count() >= 7, page=page)
            painted.append(time.monotonic() - begun)
            stepped.append(first_step_s(notebook))
            notebook.close()
            page.close()
        browser.close()
    for name, seconds in (("cell to surface", painted), ("Start to first step", stepped)):
        listed = ", ".join(f"{value:.2f}" for value in seconds)
        print(f"{name}: median {statistics.median(seconds):.2f} s of {listed}")


if __name__ == "__main__":
    main()

"""Search to result in the page, and what the picker adds to the surface's first paint.

Real JupyterLab, real Chromium, the whole catalogue. `python benchmarks/bench_picker.py [rounds]`
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "browser"))

import numpy as np
from conftest import QUIET, chromium
from lab_server import serving
from notebook_page import NotebookPage, wait_until
from playwright.sync_api import Browser, Page, sync_playwright

PICKER = """
import nbfinetune as nf
w = nf.FineTuneWidget('digits', model='resnet10t', pretrained=False, image_size=32); w
"""
# The same surface with a plain form of the same fields in the picker's place.
FORM = """
import nbfinetune as nf
from nbfinetune.widgets import fine_tune_widget
from nbfinetune.widgets.fields import MODEL
from nbfinetune.widgets.settings_form import SettingsForm
class Form(SettingsForm):
    def __init__(self, surface):
        super().__init__(MODEL, surface.turn, surface.guard)
    def redraw(self): pass
    def look(self): pass
fine_tune_widget.ModelPicker = Form
""" + PICKER.split("\n", 2)[2]
PARTS = ".nbft-bar, .nbft-panel"
QUERIES = ("efficient net b0", "resnet18", "vit small dino", "convnext tiny in22k", "resnt50", "e")
# Types letter by letter; of each the milliseconds until the list is made, and until it is painted.
TYPED = """async ([box, queries]) => {
    const painted = () => new Promise(done => requestAnimationFrame(() => {
        const { port1, port2 } = new MessageChannel();
        port1.onmessage = done;
        port2.postMessage(0);
    }));
    const times = [];
    for (const query of queries) for (let end = 1; end <= query.length; end += 1) {
        box.value = query.slice(0, end);
        const began = performance.now();
        box.dispatchEvent(new Event('input', { bubbles: true }));
        const made = performance.now();
        await painted();
        times.push([made - began, performance.now() - began]);
    }
    return times;
}"""
DRAWN = """() => Boolean(document.querySelector('.nbft-scatter-plot')?._fullLayout)"""


def first_paint_s(browser: Browser, notebook_of: object, cell: str) -> float:
    """Seconds from the cell to the last panel."""
    page = browser.new_page(viewport={"width": 1600, "height": 1100})
    notebook: NotebookPage = notebook_of(page)  # type: ignore[operator]
    notebook.open()
    began = time.monotonic()
    notebook.run(cell)
    wait_until(lambda: page.locator(PARTS).count() >= 7, page=page)
    taken = time.monotonic() - began
    notebook.close()
    page.close()
    return taken


def tell(name: str, figures: list[float]) -> None:
    """Print a line of milliseconds."""
    half, most = np.quantile(figures, [0.5, 0.95])
    print(f"{name}: median {half:.1f} ms, 95% below {most:.1f} ms, longest {max(figures):.1f} ms")


def search(page: Page, notebook: NotebookPage) -> None:
    """Print what a letter costs, in the list and in the comparison."""
    notebook.run(PICKER)
    region = page.get_by_role("region", name="Model picker")
    box = region.get_by_role("searchbox", name="Architecture")
    box.fill("resnet")
    region.get_by_role("option").first.wait_for()
    times = box.evaluate(f"(box, queries) => ({TYPED})([box, queries])", list(QUERIES))
    tell(f"{len(times)} letters to a list, script", [made for made, _ in times])
    tell("the same until painted (aim: 50 ms)", [painted for _, painted in times])
    page.keyboard.press("Escape")
    began = time.monotonic()
    region.get_by_role("button", name="Compare models").click()
    wait_until(lambda: page.evaluate(DRAWN), page=page)
    print(
        f"comparison opened until its picture is drawn: {1e3 * (time.monotonic() - began):.0f} ms"
    )
    words = page.get_by_role("dialog").get_by_role("searchbox", name="Search")
    times = words.evaluate(f"(box, queries) => ({TYPED})([box, queries])", list(QUERIES))
    tell("letters to a table, script", [made for made, _ in times])
    tell("the same until painted", [painted for _, painted in times])


def main() -> None:
    """Print both."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(Path(folder)) as server,
        sync_playwright() as started,
    ):
        browser = started.chromium.launch(executable_path=chromium(), args=list(QUIET))
        page = browser.new_page(viewport={"width": 1600, "height": 1100})
        notebook = NotebookPage(page, server, "search")
        notebook.open()
        search(page, notebook)
        notebook.close()
        page.close()
        taken: dict[str, list[float]] = {"picker": [], "form": []}
        for number in range(rounds):
            for name, cell in (("picker", PICKER), ("form", FORM)):
                place = f"{name}-{number}"
                opened = first_paint_s(
                    browser, lambda page, place=place: NotebookPage(page, server, place), cell
                )
                taken[name].append(opened)
        browser.close()
    for name, seconds in taken.items():
        half = statistics.median(seconds)
        listed = ", ".join(f"{value:.2f}" for value in seconds)
        print(f"cell to surface with the {name}: median {half:.2f} s of {listed}")
    added = statistics.median(
        1e3 * (a - b) for a, b in zip(taken["picker"], taken["form"], strict=True)
    )
    print(f"the picker adds {added:.0f} ms (median of pairs; allowed: 150 ms)")


if __name__ == "__main__":
    main()

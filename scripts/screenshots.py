"""Takes pictures of the surface in a real JupyterLab, in both themes and at three widths."""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "browser"))

from lab_server import SETTINGS, JupyterServer, serving, write_settings
from notebook_page import NotebookPage
from playwright.sync_api import Browser, Page, sync_playwright
from trained_digits import digit

from conftest import QUIET, chromium

CELL = (
    "import nbfinetune as nf\n"
    "w = nf.FineTuneWidget('digits', model='resnet10t', pretrained=False, flip=False, "
    "image_size=32, epochs=40)\n"
    "w"
)
PREVIEW = "import nbfinetune as nf\nnf.DatasetPreview('digits')"
PICKER = "import nbfinetune as nf\nnf.ModelPicker('digits', model='resnet18')"
PRUNING = (
    "import nbfinetune as nf\n"
    "run = nf.fine_tune('digits', model='resnet10t', pretrained=False, flip=False, "
    "image_size=32, epochs=4)\n"
    "run.wait(progress=False)\n"
    "slider = nf.PruningSlider(run, amount=0.6)\n"
    "slider"
)
EVALUATION = (
    "import nbfinetune as nf\n"
    "run = nf.fine_tune('digits', model='resnet10t', pretrained=False, flip=False, "
    "image_size=32, epochs=1)\n"
    "run.wait(progress=False)\n"
    "nf.FineTuneWidget(run=run)"
)
RECOVERED = "half = slider.recover(epochs=2).wait(progress=False)"
PREDICTOR = (
    "import nbfinetune as nf\n"
    "run = nf.fine_tune('digits', model='resnet10t', pretrained=False, flip=False, "
    "image_size=32, epochs=4)\n"
    "run.wait(progress=False)\n"
    "nf.Predictor(run)"
)
ON_SURFACE = "nf.FineTuneWidget(run=run)"
THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}
WIDTHS = (700, 1200, 1600)
LONG_MS = 300_000
LATER = re.compile(r"^(8|9|1\d) of 40$")
"""The epoch in hand once there is something to see."""


def take(browser: Browser, notebook_folder: Path, target: Path) -> None:
    """One picture per theme, width and moment."""
    with serving(notebook_folder) as server:
        for short, theme in THEMES.items():
            write_settings(
                notebook_folder,
                {**SETTINGS, "@jupyterlab/apputils-extension/themes": {"theme": theme}},
            )
            page = browser.new_page(viewport={"width": WIDTHS[-1], "height": 1100})
            notebook = NotebookPage(page, server, short)
            notebook.open()
            page.keyboard.press("Escape")
            page.keyboard.press("Control+b")
            notebook.run(CELL)
            notebook.status().wait_for(timeout=LONG_MS)
            page.screenshot(path=target / f"{short}-ready.png")
            notebook.button("Start").click()
            page.get_by_text(LATER, exact=False).first.wait_for(timeout=LONG_MS)
            for width in WIDTHS:
                page.set_viewport_size({"width": width, "height": 1100})
                # Plotly draws anew a moment after its place has changed.
                page.wait_for_timeout(1500)
                page.screenshot(path=target / f"{short}-{width}.png")
            notebook.button("Stop").click()
            notebook.close()
            page.close()
            take_preview(browser, server, target / f"preview-{short}.png")
            take_picker(browser, server, target / f"picker-{short}.png")
            take_pruning(browser, server, target, short)
            take_predictor(browser, server, target / f"predictor-{short}.png")
            take_evaluation(browser, server, target / f"evaluation-{short}.png")


@contextmanager
def opened(
    browser: Browser, server: JupyterServer, name: str, size: tuple[int, int]
) -> Iterator[tuple[NotebookPage, Page]]:
    """A new notebook without its side bar."""
    page = browser.new_page(viewport={"width": size[0], "height": size[1]})
    notebook = NotebookPage(page, server, name)
    notebook.open()
    page.keyboard.press("Escape")
    page.keyboard.press("Control+b")
    yield notebook, page
    notebook.close()
    page.close()


def take_preview(browser: Browser, server: JupyterServer, target: Path) -> None:
    """The images of a data set, checked."""
    with opened(browser, server, target.stem, (1200, 900)) as (notebook, page):
        notebook.run(PREVIEW)
        preview = page.get_by_role("region", name="Dataset preview")
        preview.get_by_role("listbox", name="Images").get_by_role("option").first.wait_for()
        preview.get_by_role("button", name="Check again").first.wait_for(timeout=LONG_MS)
        page.screenshot(path=target)


def take_picker(browser: Browser, server: JupyterServer, target: Path) -> None:
    """Models compared."""
    with opened(browser, server, target.stem, (1400, 1000)) as (notebook, page):
        notebook.run(PICKER)
        picker = page.get_by_role("region", name="Model picker")
        picker.get_by_role("row").nth(5).wait_for(timeout=LONG_MS)
        picker.locator(".main-svg").first.wait_for(timeout=LONG_MS)
        page.wait_for_timeout(1500)
        page.screenshot(path=target)


def take_predictor(browser: Browser, server: JupyterServer, target: Path) -> None:
    """Pictures answered, and where the model looked in one of them."""
    with opened(browser, server, target.stem, (1200, 1000)) as (notebook, page):
        notebook.run(PREDICTOR)
        panel = page.get_by_role("region", name="Predictor")
        files = panel.get_by_label("Image files")
        files.wait_for(state="attached", timeout=LONG_MS)
        sent = ((f"{number}.png", digit(number, side=240)) for number in (3, 5, 8, 0))
        files.set_input_files([{"name": n, "mimeType": "image/png", "buffer": d} for n, d in sent])
        panel.get_by_role("option", name="0.png").get_by_text("%").wait_for(timeout=LONG_MS)
        panel.get_by_role("button", name="Show where the model looked").click()
        panel.get_by_role("img", name="Where the model looked").wait_for(timeout=LONG_MS)
        page.wait_for_timeout(500)
        panel.screenshot(path=target)


def take_evaluation(browser: Browser, server: JupyterServer, target: Path) -> None:
    """A surface whose run is over, with the images that it got wrong."""
    with opened(browser, server, target.stem, (1600, 1100)) as (notebook, page):
        notebook.run(EVALUATION)
        ways = page.get_by_role("group", name="The trained model")
        ways.get_by_role("button", name="Evaluate").click(timeout=LONG_MS)
        view = page.get_by_role("region", name="Evaluation")
        view.get_by_role("button", name="Mistakes").click()
        # Intervals come last.
        view.get_by_text("–").nth(4).wait_for(timeout=LONG_MS)
        page.wait_for_timeout(1500)
        page.screenshot(path=target)


def take_pruning(browser: Browser, server: JupyterServer, target: Path, theme: str) -> None:
    """A model measured, pruned and recovered; then the panel on the surface."""
    with opened(browser, server, f"pruning-{theme}", (1200, 1000)) as (notebook, page):
        notebook.run(PRUNING)
        panel = page.get_by_role("region", name="Pruning", exact=True)
        panel.get_by_role("button", name="Measure again").wait_for(timeout=LONG_MS)
        notebook.run(RECOVERED)
        panel.get_by_text("32 images", exact=True).first.wait_for(timeout=LONG_MS)
        panel.get_by_role("slider").scroll_into_view_if_needed()
        panel.locator("summary").last.click()
        page.wait_for_timeout(1500)
        panel.screenshot(path=target / f"pruning-{theme}.png")
        notebook.run(ON_SURFACE)
        compact = page.get_by_role("region", name="Pruning", exact=True).nth(1)
        compact.get_by_role("slider").focus()
        page.keyboard.press("ArrowRight")
        compact.get_by_role("row").nth(3).wait_for(timeout=LONG_MS)
        compact.locator(".main-svg").first.wait_for(timeout=LONG_MS)
        page.wait_for_timeout(1500)
        compact.screenshot(path=target / f"pruning-surface-{theme}.png")


def main() -> None:
    """Write the pictures into the folder that is named, by default `docs/pictures/`."""
    target = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/pictures")
    target.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as started, tempfile.TemporaryDirectory() as folder:
        browser = started.chromium.launch(executable_path=chromium(), args=list(QUIET))
        take(browser, Path(folder), target)
        browser.close()


if __name__ == "__main__":
    main()

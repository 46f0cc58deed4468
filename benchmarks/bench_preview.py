"""How soon a preview shows its first pictures, and what it costs, for a folder of 100,000 files.

Real JupyterLab, real Chromium, a fresh kernel each time; the files are links to 500 photos.
`python benchmarks/bench_preview.py [rounds] [files]`
"""

from __future__ import annotations

import os
import re
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "browser"))

from conftest import QUIET, chromium
from lab_server import serving
from notebook_page import NotebookPage, wait_until
from playwright.sync_api import Page, sync_playwright

CLASSES = 10
DIFFERENT = 500
MEMORY = "int(open('/proc/self/statm').read().split()[1]) * 4096 / 2**20"
CELL = "p = nf.DatasetPreview({folder!r}); p"
BARE = f"import os, sys\nprint('before', {MEMORY})"
IMPORTED = "import nbfinetune as nf; nf.DatasetPreview; print('imported')"
DRAWN = "() => [...document.querySelectorAll('.nbft-tile img')].filter(i => i.naturalWidth).length"
FULL = """() => {
  const grid = document.querySelector('.nbft-grid-box').getBoundingClientRect();
  const seen = [...document.querySelectorAll('.nbft-tile')].filter((tile) => {
    const box = tile.getBoundingClientRect();
    return box.bottom > grid.top && box.top < grid.bottom;
  });
  return seen.length > 0 && seen.every((tile) => tile.querySelector('img').naturalWidth > 0);
}"""


def photos(folder: Path, count: int) -> Path:
    """Folders of `CLASSES` classes with `count` files in all."""
    rng = np.random.default_rng(0)
    sources = []
    for number in range(DIFFERENT):
        rough = rng.integers(0, 256, (12, 16, 3), dtype=np.uint8)
        path = folder / "sources" / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rough).resize((640, 480), Image.Resampling.BICUBIC).save(path)
        sources.append(path)
    for number in range(count):
        target = folder / "photos" / f"class{number % CLASSES}" / f"{number:06}.jpg"
        target.parent.mkdir(parents=True, exist_ok=True)
        os.link(sources[number % DIFFERENT], target)
    return folder / "photos"


def printed(notebook: NotebookPage, code: str, pattern: str) -> str:
    """What a cell prints, once it matches."""
    text = notebook.run(code).locator(".jp-OutputArea-output")
    found = wait_until(lambda: re.search(pattern, " ".join(text.all_inner_texts())), 60)
    return str(found[1])


def scrolled_s(page: Page) -> list[float]:
    """Seconds until all pictures in sight are drawn, after jumps to places far apart."""
    waits = []
    for part in (0.9, 0.1, 0.5, 0.3, 0.7):
        page.evaluate("p => { const g = document.querySelector('.nbft-grid-box'); "
                      "g.scrollTop = p * g.scrollHeight; }", part)  # fmt: skip
        begun = time.monotonic()
        page.wait_for_timeout(20)
        wait_until(lambda: page.evaluate(FULL), page=page)
        waits.append(time.monotonic() - begun)
    return waits


def measure(notebook: NotebookPage, folder: Path) -> dict[str, float]:
    """Seconds and megabytes of one fresh kernel."""
    page = notebook.page
    before = float(printed(notebook, BARE, r"before ([\d.]+)"))
    begun = time.monotonic()
    printed(notebook, IMPORTED, "(imported)")
    found = {"import": time.monotonic() - begun}
    begun = time.monotonic()
    notebook.run(CELL.format(folder=str(folder)))
    wait_until(lambda: page.evaluate(DRAWN) > 0, 60, page)
    found["first picture"] = time.monotonic() - begun
    wait_until(lambda: page.evaluate(FULL), 60, page)
    found["all in sight"] = time.monotonic() - begun
    facts = page.locator(".nbft-tools-head .nbft-facts")
    wait_until(lambda: "classes" in facts.inner_text(), 60, page)
    found["all listed"] = time.monotonic() - begun
    found["a jump"] = statistics.median(scrolled_s(page))
    begun = time.monotonic()
    page.get_by_role("searchbox", name="Search").fill("099")
    wait_until(lambda: " of " in facts.inner_text(), 60, page)
    found["a search"] = time.monotonic() - begun
    after = float(printed(notebook, f"print('after', {MEMORY})", r"after ([\d.]+)"))
    return found | {"MB more": after - before}


def main() -> None:
    """Print the medians."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 100_000
    measured = []
    with (
        tempfile.TemporaryDirectory() as place,
        serving(Path(place)) as server,
        sync_playwright() as started,
    ):
        folder = photos(Path(place) / "data", count)
        browser = started.chromium.launch(executable_path=chromium(), args=list(QUIET))
        for number in range(rounds):
            page = browser.new_page(viewport={"width": 1600, "height": 1100})
            notebook = NotebookPage(page, server, f"round-{number}")
            notebook.open()
            measured.append(measure(notebook, folder))
            notebook.close()
            page.close()
        browser.close()
    print(f"{count:,} files, load {os.getloadavg()[0]:.1f}")
    for name in measured[0]:
        values = [round_[name] for round_ in measured]
        listed = ", ".join(f"{value:.2f}" for value in values)
        print(f"{name}: median {statistics.median(values):.2f} of {listed}")


if __name__ == "__main__":
    main()

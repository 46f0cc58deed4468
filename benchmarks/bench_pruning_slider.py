"""Moving the pruning slider: from the event to painted figures, bars and curve.

Real JupyterLab, real Chromium, a model that was trained and is measured meanwhile; the layers are
open. `python benchmarks/bench_pruning_slider.py [model] [moves]`
"""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "browser"))

import numpy as np
from conftest import QUIET, chromium, end_worker
from lab_server import serving
from notebook_page import NotebookPage, wait_until
from playwright.sync_api import Page, sync_playwright

from nbfinetune.runner.run import runs

CELL = """
import nbfinetune as nf
run = nf.fine_tune('digits', model={!r}, pretrained=False, flip=False, image_size=32, epochs=1)
slider = nf.PruningSlider(run)
slider
"""
# Our listener is the last of the input event's, our frame's callback the last of its frame, and a
# message comes after that frame has been painted.
TIMED = """
window.moves = [];
const slider = document.querySelector('.nbft-pruning-slide > .nbft-slider');
slider.addEventListener('input', ({ timeStamp }) => {
  const figures = performance.now() - timeStamp;
  requestAnimationFrame(() => {
    const { port1, port2 } = new MessageChannel();
    const dot = document.querySelector('.nbft-pruning-dot').getBoundingClientRect();
    const box = slider.getBoundingClientRect();
    const thumb = box.left + 8 + (slider.value / slider.max) * (box.width - 16);
    const drawn = Math.abs(dot.left + dot.width / 2 - thumb) < 1;
    port1.onmessage = () => window.moves.push([figures, performance.now() - timeStamp, drawn]);
    port2.postMessage(0);
  });
});
"""
POSITIONS = """() => (document.querySelector('.nbft-pruning-plot')?.data ?? [])
    .find(({ name }) => name === 'measured')?.x.length ?? 0"""
LEAST, PATIENCE_S = 4, 300


def moved(page: Page, moves: int) -> np.ndarray:
    """Milliseconds until the figures stand, and until all is painted; by move."""
    slider = page.get_by_role("slider", name="Pruning amount")
    slider.focus()
    page.evaluate(TIMED)
    for number in range(moves):
        slider.press("ArrowLeft" if number // 20 % 2 else "ArrowRight")
        wait_until(lambda n=number: page.evaluate("window.moves.length") > n, page=page)
    found = page.evaluate("window.moves")
    late = sum(not drawn for *_, drawn in found)
    if late:
        print(f"{late} moves were painted before the curve's dot had followed")
    return np.array([times for *times, _ in found])


def measure(page: Page, notebook: NotebookPage, model: str, moves: int) -> None:
    """Print what a move costs."""
    notebook.run(CELL.format(model))
    wait_until(lambda: page.evaluate(POSITIONS) >= LEAST, PATIENCE_S, page)
    page.get_by_text(re.compile("^Layers: ")).click()
    layers = page.get_by_role("list", name="Layers").get_by_role("listitem").count()
    figures, painted = np.quantile(moved(page, moves), [0.5, 0.95, 1.0], axis=0).T
    print(f"{model}, {layers} layers open, {moves} moves by key while the model is measured:")
    for name, (median, most, longest) in (("figures", figures), ("painted", painted)):
        print(f"{name}: median {median:.1f} ms, 95% below {most:.1f} ms, longest {longest:.1f} ms")
    print("allowed: 50 ms to painted, the wait for the frame included")


def main() -> None:
    """Measure with a model of timm, by default MobileNetV2."""
    model = sys.argv[1] if len(sys.argv) > 1 else "mobilenetv2_100"
    moves = int(sys.argv[2]) if len(sys.argv) > 2 else 100
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(Path(folder)) as server,
        sync_playwright() as started,
    ):
        browser = started.chromium.launch(executable_path=chromium(), args=list(QUIET))
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        notebook = NotebookPage(page, server, "bench")
        notebook.open()
        try:
            measure(page, notebook, model, moves)
        finally:
            notebook.close()
            for run in runs(notebook.home):
                end_worker(run.path)
            browser.close()


if __name__ == "__main__":
    main()

"""Dragging the learning-rate curve: script per frame, and from the release to the run's next step.

Real JupyterLab, real Chromium, a real run. `python benchmarks/bench_editor.py [rounds]`
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "browser"))

import numpy as np
from conftest import QUIET, chromium, end_worker
from lab_server import serving
from notebook_page import NotebookPage, wait_until
from playwright.sync_api import CDPSession, Locator, Page, sync_playwright

from nbfinetune.records import CommandApplied
from nbfinetune.runner.run import Run, runs
from nbfinetune.store import RunStore

KNOTS, STEPS, FRAMES = 50, 10_000, 240
MANY = f"""
import numpy as np, nbfinetune as nf
from nbfinetune.schedules import through
dice = np.random.default_rng(0)
pieces = dice.choice(["linear", "log", "cosine", "pchip"], {KNOTS})
rates = 10.0 ** dice.uniform(-5, -3, {KNOTS})
points = list(zip(np.linspace(0, 1, {KNOTS}).tolist(), rates.tolist(), pieces.tolist()))
nf.LRScheduleEditor(through(points), epochs=100, steps_per_epoch={STEPS // 100})
"""
SURFACE = """
import nbfinetune as nf
w = nf.FineTuneWidget('digits', model='resnet10t', pretrained=False, image_size=32, epochs=4000,
                      threads=1)
w
"""
# Times every callback of a frame, the editor's among them, without a line in the editor itself.
TIMED = """
window.frames_ms = [];
const next = window.requestAnimationFrame.bind(window);
window.requestAnimationFrame = (callback) => next((now) => {
  const began = performance.now();
  callback(now);
  window.frames_ms.push(performance.now() - began);
});
"""
COSTS = ("ScriptDuration", "LayoutDuration", "RecalcStyleDuration")


def costs(session: CDPSession) -> np.ndarray:
    """Milliseconds of the page's thread so far: script, layout, style."""
    found = {m["name"]: m["value"] for m in session.send("Performance.getMetrics")["metrics"]}
    return 1e3 * np.array([found[name] for name in COSTS])


def centre(held: Locator) -> tuple[float, float]:
    """Middle of an element on the page."""
    held.scroll_into_view_if_needed()
    box = held.bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def drag_frames(page: Page, notebook: NotebookPage) -> None:
    """Print what a frame of a drag costs with many knots over many steps."""
    notebook.run(MANY)
    knot = page.get_by_role("slider", name="Knot 25", exact=True)
    knot.wait_for()
    x, y = centre(knot)
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    page.mouse.move(x, y)
    page.mouse.down()
    page.evaluate("window.frames_ms.length = 0")
    before = costs(session)
    for number in range(FRAMES):
        page.mouse.move(x + 4 * np.sin(number / 9), y - 60 + 50 * np.sin(number / 13))
        page.wait_for_timeout(1000 / 60)
    spent = costs(session) - before
    frames = page.evaluate("window.frames_ms")
    page.mouse.up()
    script = np.quantile(frames, [0.5, 0.95, 1.0])
    print(
        f"{KNOTS} knots over {STEPS:,} steps, {len(frames)} frames: script per frame median "
        f"{script[0]:.2f} ms, 95% below {script[1]:.2f} ms, longest {script[2]:.2f} ms "
        "(allowed: 8 ms)"
    )
    each = spent / len(frames)
    print(f"page thread per frame: script {each[0]:.2f}, layout {each[1]:.2f}, style {each[2]:.2f}")


def applied_at(run: Run, after: int) -> tuple[int, float] | None:
    """Number and wall time of the first applied command after an event."""
    with RunStore.open(run.path) as store:
        found = (e for e in store.events(after, steps=False) if isinstance(e, CommandApplied))
        event = next(found, None)
    return (event.seq, event.time) if event else None


def release_to_applied(page: Page, notebook: NotebookPage, rounds: int) -> None:
    """Print how long after a knot is let go a live run follows the new curve."""
    notebook.run(SURFACE)
    notebook.button("Start").click()
    [run] = wait_until(lambda: runs(notebook.home), page=page)
    wait_until(lambda: len(run.metrics("step")) > 30, 60, page)
    region = page.get_by_role("region", name="Learning-rate schedule")
    region.get_by_label("auto-apply").check()
    late, seq = [], 0
    for number in range(rounds):
        last = region.get_by_role("slider").last
        x, y = centre(last)
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x, y - 30 if number % 2 == 0 else y + 28, steps=5)
        page.wait_for_timeout(100)
        released = time.time()
        page.mouse.up()
        seq, applied = wait_until(lambda seq=seq: applied_at(run, seq), 30, page)
        late.append(1e3 * (applied - released))
        page.wait_for_timeout(150)
    rows = run.metrics("step")
    step = statistics.median((32 / rows["images_per_s"] * 1e3).tolist()[5:])
    print(f"step of the run: median {step:.1f} ms")
    print(
        f"release to applied, {rounds} drags: median {statistics.median(late):.0f} ms, "
        f"longest {max(late):.0f} ms; allowed: one step + 150 ms = {step + 150:.0f} ms"
    )
    end_worker(run.path)


def main() -> None:
    """Print both."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(Path(folder)) as server,
        sync_playwright() as started,
    ):
        browser = started.chromium.launch(executable_path=chromium(), args=list(QUIET))
        for name in ("frames", "release"):
            page = browser.new_page(viewport={"width": 1600, "height": 1100})
            page.add_init_script(TIMED)
            notebook = NotebookPage(page, server, name)
            notebook.open()
            if name == "frames":
                drag_frames(page, notebook)
            else:
                release_to_applied(page, notebook, rounds)
            notebook.close()
            page.close()
        browser.close()


if __name__ == "__main__":
    main()

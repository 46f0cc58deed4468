"""What a run and the notebook beside it cost each other: slowdown by the open widget, and `1+1`.

Real JupyterLab, real Chromium. `python benchmarks/bench_beside.py 5 --executions 40`

The run: the same config with the same seed in turn, once started by a widget that is on screen and
streams, once by `fine_tune` in a process that then leaves while the browser shows a blank page; who
is first changes from pair to pair. A run's figure is its median step after the first ten; since a
median does not see rare hitches, the time from the tenth step to the last is printed too.

The notebook: one cell `1+1`, run by JupyterLab's own command in a fresh kernel, then beside a
widget whose run trains. Timed in the page: from the command to the output, and from the request to
the kernel's reply. That way leads through the browser, Jupyter's server and the kernel, so the
kernel is also asked alone, by a client of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "browser")]

from conftest import QUIET, chromium, end_worker  # noqa: E402
from jupyter_client.manager import start_new_kernel  # noqa: E402
from lab_server import JupyterServer, environment, serving  # noqa: E402
from notebook_page import NotebookPage, wait_until  # noqa: E402
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright  # noqa: E402

from nbfinetune.records import LIVE, FineTuneConfig  # noqa: E402
from nbfinetune.runner.run import Run, runs  # noqa: E402
from nbfinetune.store import RunStore  # noqa: E402

SKIPPED = 10
BATCH = 32
EPOCHS = 4  # of 44 steps
MODEL = f"model='resnet10t', pretrained=False, image_size=32, batch_size={BATCH}, seed=0, threads=1"
WIDGET = f"import nbfinetune as nf; nf.FineTuneWidget('digits', {MODEL}, epochs={{epochs}})"
HEADLESS = f"import nbfinetune as nf; nf.fine_tune('digits', {MODEL}, epochs={EPOCHS})"
# What is out of sight is not drawn: all four charts must fit.
SCREEN: ViewportSize = {"width": 1600, "height": 2400}
CHARTS = ("Loss", "Metrics", "Learning rate", "Throughput")

POINTS = """() => Math.max(0, ...[...document.querySelectorAll(
    '[aria-label="Loss"] .js-plotly-plot')]
    .flatMap(plot => (plot.data ?? []).map(trace => trace.x?.length ?? 0)))"""
CELL_BEFORE_LAST = """() => {
    const notebook = window.jupyterapp.shell.currentWidget.content;
    notebook.activeCellIndex = notebook.widgets.length - 2;
}"""
RUN_CELL = """async () => {
    const {commands, shell} = window.jupyterapp;
    const kernel = shell.currentWidget.sessionContext.session.kernel;
    const at = {};
    const note = (_, {msg}) => { at[msg.header.msg_type] ??= performance.now(); };
    kernel.anyMessage.connect(note);
    const pressed = performance.now();
    await commands.execute('notebook:run-cell');
    const shown = performance.now();
    kernel.anyMessage.disconnect(note);
    return [shown - pressed, at.execute_reply - at.execute_request];
}"""


@dataclass(frozen=True)
class Pace:
    """How fast a run went after its first steps.

    Parameters
    ----------
    config : FineTuneConfig
        What the run was started with.
    step_s : float
        Median seconds of a step.
    whole_s : float
        Seconds from the last skipped step to the last one, validation and checkpoints included.
    """

    config: FineTuneConfig
    step_s: float
    whole_s: float


def pace(run: Run) -> Pace:
    """Pace of a run that has finished."""
    with RunStore.open(run.path) as store:
        steps = store.steps()
    if run.status != "finished":
        raise RuntimeError(f"run {run.id} is {run.status}, so its pace says nothing")
    speeds, times = steps["images_per_s"][SKIPPED:], steps["time"][SKIPPED - 1 :]
    step_s = statistics.median(BATCH / float(speed) for speed in speeds)
    return Pace(run.config, step_s, float(times[-1] - times[0]))


def start(notebook: NotebookPage, epochs: int) -> Run:
    """Open a widget in the last cell and press Start; gives the run once its charts move."""
    page = notebook.page
    notebook.run(WIDGET.format(epochs=epochs))
    # The line names the parameters once the standby worker is ready.
    page.locator(".nbft-plan").filter(has_text="parameters").wait_for(timeout=60_000)
    notebook.button("Start").click()
    run: Run = wait_until(lambda: runs(notebook.home), page=page)[-1]
    before = wait_until(lambda: page.evaluate(POINTS), 60, page)
    wait_until(lambda: page.evaluate(POINTS) > before, page=page)
    if run.status not in LIVE:
        raise RuntimeError(f"run {run.id} was {run.status} before its charts moved")
    return run


def all_on_screen(page: Page) -> None:
    """Fail where a chart is out of sight, since it would then cost nothing."""
    for name in CHARTS:
        box = page.get_by_role("region", name=name, exact=True).bounding_box()
        if box is None or box["y"] < 0 or box["y"] + box["height"] > SCREEN["height"]:
            raise RuntimeError(f"the chart {name!r} is not whole on the screen: {box}")


def with_widget(browser: Browser, server: JupyterServer, name: str) -> Pace:
    """Pace of a run whose widget streams on the screen."""
    page = browser.new_page(viewport=SCREEN)
    notebook = NotebookPage(page, server, name)
    notebook.open()
    run = start(notebook, EPOCHS)
    all_on_screen(page)
    run.wait(progress=False, timeout_s=600)
    notebook.close()
    page.close()
    return pace(run)


def headless(browser: Browser, server: JupyterServer, name: str) -> Pace:
    """Pace of the same run without kernel or view."""
    page = browser.new_page(viewport=SCREEN)
    folder = server.root / name
    folder.mkdir()
    command = [sys.executable, "-c", HEADLESS]
    subprocess.run(command, env=environment(server.root.parent), cwd=folder, check=True)
    [run] = runs(folder / "nbfinetune-runs")
    run.wait(progress=False, timeout_s=600)
    page.close()
    return pace(run)


def slowdown(browser: Browser, server: JupyterServer, pairs: int) -> None:
    """Print how much slower a run is with its widget open."""
    ways: dict[str, Callable[[Browser, JupyterServer, str], Pace]]
    ways = {"widget": with_widget, "headless": headless}
    paces: dict[str, list[Pace]] = {way: [] for way in ways}
    for number in range(pairs):
        for way in list(ways)[:: -1 if number % 2 else 1]:
            paces[way].append(ways[way](browser, server, f"{way}-{number}"))
        one, other = paces["widget"][-1], paces["headless"][-1]
        if one.config != other.config:
            raise RuntimeError(f"two runs that differ: {one.config} and {other.config}")
        print(
            f"pair {number}: step {one.step_s * 1e3:.2f} ms with, {other.step_s * 1e3:.2f} ms "
            f"without; whole {one.whole_s:.2f} s with, {other.whole_s:.2f} s without",
            flush=True,
        )
    for name in ("step_s", "whole_s"):
        opened, alone = ([getattr(p, name) for p in paces[w]] for w in ("widget", "headless"))
        ratios = [a / b for a, b in zip(opened, alone, strict=True)]
        print(
            f"slowdown by the open widget, {name[:-2]}: "
            f"{statistics.median(opened) / statistics.median(alone):.4f} "
            f"({min(ratios):.4f} to {max(ratios):.4f} over {pairs} pairs)"
        )


def executions(notebook: NotebookPage, count: int) -> list[tuple[float, float]]:
    """Milliseconds from press to output, and from request to reply, of each `1+1`."""
    notebook.run("1+1")
    notebook.page.evaluate(CELL_BEFORE_LAST)
    taken = []
    for _ in range(count + 5):
        # Never in step with the charts, whose updates come at a steady beat.
        notebook.page.wait_for_timeout(random.uniform(100, 500))
        shown, replied = notebook.page.evaluate(RUN_CELL)
        taken.append((float(shown), float(replied)))
    return taken[5:]


def latency(browser: Browser, server: JupyterServer, count: int) -> None:
    """Print how long `1+1` takes in an idle kernel, and while a run trains."""
    page = browser.new_page(viewport=SCREEN)
    notebook = NotebookPage(page, server, "latency")
    notebook.open()
    taken = [executions(notebook, count)]
    try:
        # Far more epochs than the executions last.
        run = start(notebook, 10_000)
        all_on_screen(page)
        taken.append(executions(notebook, count))
        all_on_screen(page)
        if run.status != "running":
            raise RuntimeError(f"run {run.id} was {run.status} before the executions were over")
    finally:
        for begun in runs(notebook.home):
            end_worker(begun.path)
    notebook.close()
    page.close()
    for place, name in enumerate(("press to output", "request to reply")):
        idle, busy = ([one[place] for one in some] for some in taken)
        print(
            f"1+1, {name}: idle {statistics.median(idle):.1f} ms ({min(idle):.1f} to "
            f"{max(idle):.1f}), training {statistics.median(busy):.1f} ms ({min(busy):.1f} to "
            f"{max(busy):.1f}), ratio {statistics.median(busy) / statistics.median(idle):.2f} "
            f"({count} each)"
        )


def kernel_latency(folder: Path, count: int) -> None:
    """Print how long the kernel alone takes for `1+1`, idle, and while a run trains."""
    manager, client = start_new_kernel(cwd=str(folder), env=environment(folder.parent))

    def reply_ms(code: str) -> float:
        asked = time.perf_counter()
        reply = client.execute_interactive(code, timeout=120, output_hook=lambda _: None)
        if reply["content"]["status"] != "ok":
            raise RuntimeError(f"{code!r} failed: {reply['content']}")
        return (time.perf_counter() - asked) * 1e3

    def replies() -> list[float]:
        taken = []
        for _ in range(count + 5):
            time.sleep(random.uniform(0.1, 0.5))
            taken.append(reply_ms("1+1"))
        return taken[5:]

    try:
        idle = replies()
        reply_ms(f"{WIDGET.format(epochs=10_000).replace('nf.Fine', 'w = nf.Fine')}; w.start()")
        reply_ms("import time\nwhile not len(w.run.metrics('step')): time.sleep(0.2)")
        busy = replies()
        reply_ms("w.stop()")
    finally:
        manager.shutdown_kernel(now=True)
    print(
        f"1+1, kernel alone: idle {statistics.median(idle):.1f} ms ({min(idle):.1f} to "
        f"{max(idle):.1f}), training {statistics.median(busy):.1f} ms ({min(busy):.1f} to "
        f"{max(busy):.1f}), ratio {statistics.median(busy) / statistics.median(idle):.2f} "
        f"({count} each)"
    )


def main() -> None:
    """Print both, and how busy the machine was before and after."""
    asked = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    asked.add_argument("pairs", type=int, nargs="?", default=5)
    asked.add_argument("--executions", type=int, default=40)
    chosen = asked.parse_args()
    print(f"load before: {os.getloadavg()}")
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as started:
        folder = Path(scratch)
        (folder / "config").mkdir()
        exposed = json.dumps({"LabApp": {"expose_app_in_browser": True}})
        (folder / "config" / "jupyter_lab_config.json").write_text(exposed)
        browser = started.chromium.launch(executable_path=chromium(), args=list(QUIET))
        with serving(folder) as server:
            kernel_latency(server.root, chosen.executions)
            latency(browser, server, chosen.executions)
            slowdown(browser, server, chosen.pairs)
        browser.close()
    print(f"load after: {os.getloadavg()}")


if __name__ == "__main__":
    main()

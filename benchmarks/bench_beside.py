"""What a run and the notebook beside it cost each other: slowdown by the open widget, and `1+1`.

Real JupyterLab, real Chromium. `python benchmarks/bench_beside.py 40 --executions 40`

The run: one run, watched in turn by all, by the kernel and Jupyter's server alone, and by nobody:
in blocks of seconds the others are held still (SIGSTOP), so that the worker, its memory and its
caches stay the same. With `--widget` nobody is held still: the notebook is open all the time, and
one of its cells shows the widget or does not, block by block. A block's figure is the mean of its
steps. (Whole runs in turn, with a widget and without, scattered by 5 %, which hid what was asked.)
Nobody touches the page; with `--age` the run has been going for a while, so that a page is told of
it less often. A widget that is made counts as a touch for two minutes; with `--away` it does not,
as when somebody has started a run and gone. Blocks must then be longer than the pause between two
tellings (`nbfinetune.widgets.follower.LATE_S`).

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
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "browser")]

from conftest import QUIET, chromium, end_worker  # noqa: E402
from jupyter_client.manager import start_new_kernel  # noqa: E402
from lab_server import JupyterServer, environment, serving  # noqa: E402
from notebook_page import NotebookPage, wait_until  # noqa: E402
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright  # noqa: E402

from nbfinetune.records import LIVE  # noqa: E402
from nbfinetune.runner.run import Run, runs  # noqa: E402
from nbfinetune.store import RunStore  # noqa: E402

SETTLE_S = 1.5
BATCH = 32
WATCHES = ("browser and kernel", "kernel", "nobody")
MODEL = f"model='resnet10t', pretrained=False, image_size=32, batch_size={BATCH}, seed=0, threads=1"
WIDGET = f"import nbfinetune as nf; nf.FineTuneWidget('digits', {MODEL}, epochs={{epochs}})"
AWAY = "import nbfinetune.widgets.follower as follower; follower.ATTENDED_S = 0.0"
TOGGLE = """if globals().get('w') is None:
    w = nf.FineTuneWidget(run=nf.Run.open({run!r})); display(w)
else:
    w.close(); w = None
"""
DRAWN_S = 4.0
"""After which a widget is whole, and a cell that was cleared is still."""
# What is out of sight is not drawn: all four charts must fit.
SCREEN: ViewportSize = {"width": 1600, "height": 3600}
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


def onlookers(run: Run) -> dict[str, list[psutil.Process]]:
    """Who looks at the run: the browser; and Jupyter's server with the kernel, which serve it."""
    with RunStore.open(run.path) as store:
        trainer = psutil.Process(store.worker().pid)
    spared = {trainer.pid, *(child.pid for child in trainer.children(recursive=True))}
    people: dict[str, list[psutil.Process]] = {"browser": [], "kernel": []}
    for one in psutil.Process().children(recursive=True):
        if one.pid not in spared:
            kernel = "jupyter" in " ".join(one.cmdline()) or "ipykernel" in " ".join(one.cmdline())
            people["kernel" if kernel else "browser"].append(one)
    return people


def steps_between(run: Run, begun: float, ended: float) -> np.ndarray:
    """Seconds of each step that ended between two wall times."""
    with RunStore.open(run.path) as store:
        steps = store.steps()
    times = np.asarray(steps["time"])
    within = (times >= begun) & (times <= ended)
    return BATCH / np.asarray(steps["images_per_s"])[within]


def block(run: Run, seconds: float, people: dict[str, list[psutil.Process]], who: str) -> float:
    """Mean seconds of a step in one block, while those look who are named, and nobody else."""
    for name, some in people.items():
        for one in some:
            one.resume() if name in who else one.suspend()
    # Whoever was held still has first to read what he missed.
    time.sleep(SETTLE_S)
    begun = time.time()
    time.sleep(seconds)
    return float(np.mean(steps_between(run, begun, time.time() - 0.3)))


def slowdown(
    browser: Browser, server: JupyterServer, rounds: int, seconds: float, age: float
) -> None:
    """Print how much slower a run's steps are while it is looked at, and by whom."""
    page = browser.new_page(viewport=SCREEN)
    notebook = NotebookPage(page, server, "slowdown")
    notebook.open()
    run = start(notebook, 10_000)
    all_on_screen(page)
    page.wait_for_timeout(age * 1000)
    people = onlookers(run)
    taken: dict[str, list[float]] = {who: [] for who in WATCHES}
    try:
        for number in range(rounds):
            # Each goes first, second and third equally often.
            turn = number % len(WATCHES)
            for who in (*WATCHES[turn:], *WATCHES[:turn])[:: -1 if number % 2 else 1]:
                taken[who].append(block(run, seconds, people, who))
            said = ", ".join(f"{who} {times[-1] * 1e3:.2f} ms" for who, times in taken.items())
            print(f"round {number}: {said}", flush=True)
    finally:
        for one in (*people["browser"], *people["kernel"]):
            one.resume()
        end_worker(run.path)
    notebook.close()
    page.close()
    alone = np.array(taken["nobody"])
    for who in WATCHES[:-1]:
        tell_slowdown(f"{who} over one beside nobody", np.array(taken[who]) / alone)


def tell_slowdown(beside: str, ratios: np.ndarray) -> None:
    """Print the median of the rounds' ratios."""
    drawn = np.random.default_rng(0).choice(ratios, (10_000, len(ratios)))
    low, high = np.quantile(np.median(drawn, 1), (0.025, 0.975))
    print(
        f"a step beside {beside}: {np.median(ratios):.4f} (95 % interval of the median {low:.4f} "
        f"to {high:.4f}; {ratios.min():.4f} to {ratios.max():.4f} over {len(ratios)} rounds)"
    )


def slowdown_by_widget(
    browser: Browser,
    server: JupyterServer,
    rounds: int,
    seconds: float,
    age: float,
    *,
    away: bool,
) -> None:
    """Print how much slower a run's steps are while a notebook that is open shows its widget."""
    page = browser.new_page(viewport=SCREEN)
    notebook = NotebookPage(page, server, "widget")
    notebook.open()
    if away:
        notebook.run(AWAY)
    notebook.run(f"import nbfinetune as nf; nf.fine_tune('digits', {MODEL}, epochs=10_000).id")
    run: Run = wait_until(lambda: runs(notebook.home), page=page)[-1]
    wait_until(lambda: len(run.metrics("step")), 60, page)
    page.wait_for_timeout(age * 1000)
    taken: dict[bool, list[float]] = {True: [], False: []}
    try:
        notebook.run(TOGGLE.format(run=run.id))
        page.evaluate(CELL_BEFORE_LAST)
        wait_until(lambda: page.evaluate(POINTS), 60, page)
        all_on_screen(page)
        shown = True
        for number in range(rounds):
            for wanted in (True, False) if number % 2 == 0 else (False, True):
                if wanted != shown:
                    page.evaluate(RUN_CELL)
                    shown = wanted
                page.wait_for_timeout(DRAWN_S * 1000)
                begun = time.time()
                page.wait_for_timeout(seconds * 1000)
                taken[shown].append(float(np.mean(steps_between(run, begun, time.time() - 0.3))))
                if bool(page.evaluate(POINTS)) != shown:
                    raise RuntimeError(f"the widget should be {'on' if shown else 'off'} the page")
            said = ", ".join(f"{some[-1] * 1e3:.2f} ms" for some in taken.values())
            print(f"round {number}, with and without: {said}", flush=True)
    finally:
        end_worker(run.path)
    notebook.close()
    page.close()
    tell_slowdown("its widget over one without", np.array(taken[True]) / np.array(taken[False]))


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
    asked.add_argument("rounds", type=int, nargs="?", default=40)
    asked.add_argument("--seconds", type=float, default=10)
    asked.add_argument("--executions", type=int, default=40, help="of 1+1; 0 leaves them out")
    asked.add_argument("--age", type=float, default=0, help="seconds that the run has had before")
    asked.add_argument("--widget", action="store_true", help="with and without it, page open")
    asked.add_argument("--away", action="store_true", help="nobody has touched the page of late")
    chosen = asked.parse_args()
    print(f"load before: {os.getloadavg()}")
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as started:
        folder = Path(scratch)
        (folder / "config").mkdir()
        exposed = json.dumps({"LabApp": {"expose_app_in_browser": True}})
        (folder / "config" / "jupyter_lab_config.json").write_text(exposed)
        browser = started.chromium.launch(executable_path=chromium(), args=list(QUIET))
        with serving(folder) as server:
            if chosen.executions:
                kernel_latency(server.root, chosen.executions)
                latency(browser, server, chosen.executions)
            asked_for = (browser, server, chosen.rounds, chosen.seconds, chosen.age)
            if chosen.widget:
                slowdown_by_widget(*asked_for, away=chosen.away)
            else:
                slowdown(*asked_for)
        browser.close()
    print(f"load after: {os.getloadavg()}")


if __name__ == "__main__":
    main()

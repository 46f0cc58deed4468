"""How soon a run of any length stands on the page: `LiveCharts` and the whole surface, in parts.

Real JupyterLab, real Chromium, a fresh page and kernel each round; the page is loaded and the
imports are done before. `python benchmarks/bench_opening.py 1000 1000000 --rounds 3`

From the press of Shift+Enter: until the cell runs, until the charts are made, until the kernel has
read the run, until the snapshot is sent, until all four charts are drawn. The last two columns are
processor time, which other work on the machine hardly changes: of the kernel until the snapshot is
sent (wall time there is no less), and of the page's thread until all is drawn.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests" / "browser"), str(ROOT / "benchmarks")]

from conftest import QUIET, chromium  # noqa: E402
from lab_server import JupyterServer, serving  # noqa: E402
from long_runs import long_run  # noqa: E402
from notebook_page import NotebookPage, wait_until  # noqa: E402
from playwright.sync_api import Browser, CDPSession, ViewportSize, sync_playwright  # noqa: E402

# What is out of sight is not drawn: all four charts must fit.
SCREEN: ViewportSize = {"width": 1600, "height": 3600}

# Notes when what happens; shows a widget, so that the page has loaded what all widgets need.
IMPORTS = """
import json, time, anywidget
import nbfinetune as nf
from nbfinetune.widgets import follower, live_charts
nf.FineTuneWidget, nf.LiveCharts
at = {}
def noting(name, owner, method):
    inner = getattr(owner, method)
    def noted(self, *given, **named):
        made = inner(self, *given, **named)
        if name != 'sent' or (given[0][0]['kind'] == 'snapshot' and given[0][0]['seq'] >= 0):
            at.setdefault(name, time.time())
            at.setdefault(name + ' busy', time.process_time())
        return made
    setattr(owner, method, noted)
noting('read', follower.Follower, '_read')
noting('sent', live_charts.LiveCharts, '_post')
class Ready(anywidget.AnyWidget):
    _esm = "export default { render: ({ el }) => el.classList.add('ready') }"
Ready()
"""
OPENINGS = {
    "LiveCharts": "w = nf.LiveCharts(run)",
    "FineTuneWidget": "w = nf.FineTuneWidget(run=run)",
}
CELL = """
at['runs'], at['runs busy'] = time.time(), time.process_time()
run = nf.Run.open({run!r})
{opening}
at['made'] = time.time()
w
"""
ASK = "from pathlib import Path; Path('at.json').write_text(json.dumps(at))"
WATCH = """() => {
    globalThis.drawnAt = {};
    const look = () => {
        for (const chart of document.querySelectorAll('.nbft-chart')) {
            const data = chart.querySelector('.nbft-plot')?.data ?? [];
            if (data.some((trace) => trace.x.length))
                drawnAt[chart.ariaLabel] ??= (performance.timeOrigin + performance.now()) / 1e3;
        }
        requestAnimationFrame(look);
    };
    look();
}"""
PARTS = ("runs", "made", "read", "sent", "first chart", "drawn", "kernel busy", "page busy")


def opened(browser: Browser, server: JupyterServer, run: Path, opening: str) -> dict[str, float]:
    """Seconds from the press until each part is done."""
    page = browser.new_page(viewport=SCREEN)
    notebook = NotebookPage(page, server, f"{run.name}-{time.monotonic_ns()}")
    notebook.open()
    notebook.run(IMPORTS)
    page.locator(".ready").wait_for(state="attached", timeout=60_000)
    page.evaluate(WATCH)
    cell = page.locator(".jp-Notebook .jp-CodeCell").last
    cell.locator(".cm-content").click()
    page.keyboard.insert_text(CELL.format(run=str(run), opening=opening))
    page.wait_for_timeout(1000)
    devtools = page.context.new_cdp_session(page)
    devtools.send("Performance.enable", {"timeDomain": "threadTicks"})
    before, pressed = page_busy(devtools), time.time()
    page.keyboard.press("Shift+Enter")
    wait_until(lambda: page.evaluate("Object.keys(drawnAt).length === 4"), 60, page)
    busy = page_busy(devtools) - before
    seen = sorted(page.evaluate("drawnAt").values())
    notebook.run(ASK)
    told = notebook.folder / "at.json"
    wait_until(told.is_file, page=page)
    at: dict[str, float] = json.loads(told.read_text())
    notebook.close()
    page.close()
    times = {part: when - pressed for part, when in at.items()}
    times |= {"first chart": seen[0] - pressed, "drawn": seen[-1] - pressed}
    return times | {"kernel busy": at["sent busy"] - at["runs busy"], "page busy": busy}


def page_busy(devtools: CDPSession) -> float:
    """Seconds of processor time that the page's thread has taken."""
    metrics = {m["name"]: m["value"] for m in devtools.send("Performance.getMetrics")["metrics"]}
    return float(metrics["TaskDuration"])


def main() -> None:
    """Print a row for each length and widget."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("steps", nargs="*", type=int, default=[1_000, 1_000_000])
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(Path(folder)) as server,
        sync_playwright() as started,
    ):
        folders = [Path(folder) / "runs" / f"{steps}-steps" for steps in asked.steps]
        for steps, place in zip(asked.steps, folders, strict=True):
            long_run(place, steps).close()
        browser = started.chromium.launch(executable_path=chromium(), args=list(QUIET))
        rounds: dict[tuple[str, str], list[dict[str, float]]] = {}
        for _ in range(asked.rounds):
            for place in folders:
                for widget, opening in OPENINGS.items():
                    row = opened(browser, server, place, opening)
                    rounds.setdefault((widget, place.name), []).append(row)
        browser.close()
    heads = "".join(f"{part:>13}" for part in PARTS)
    print(f"{'seconds, medians':30}{heads}   drawn, each")
    for (widget, name), rows in rounds.items():
        medians = [statistics.median(row[part] for row in rows) for part in PARTS]
        listed = ", ".join(f"{row['drawn']:.2f}" for row in rows)
        print(f"{widget + ' ' + name:30}" + "".join(f"{m:13.2f}" for m in medians) + f"   {listed}")


if __name__ == "__main__":
    main()

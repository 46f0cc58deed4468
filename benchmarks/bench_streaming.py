"""What `LiveCharts` costs while it streams: bytes, kernel CPU and page script time per update.

`python benchmarks/bench_streaming.py [steps ...]` prints one row per length of the run. A writer in
a process of its own appends 10 steps five times a second; the four charts are drawn in headless
Chromium. The figures should not grow from row to row.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "tests" / "browser")]
sys.path.append(str(ROOT / "benchmarks"))

from charts_page import ChartsPage  # noqa: E402
from comm_ear import recording  # noqa: E402
from jupyter_client.session import Session  # noqa: E402
from long_runs import long_run  # noqa: E402
from playwright.sync_api import Browser, CDPSession, sync_playwright  # noqa: E402

from nbfinetune.store import RunStore  # noqa: E402
from nbfinetune.widgets.live_charts import LiveCharts  # noqa: E402

UPDATES_PER_S = 5
STEPS_PER_UPDATE = 10
SECONDS = 12

WRITER = """
import sys, time
sys.path[:0] = {paths!r}
from chart_runs import step_done
from nbfinetune.store import RunStore
from pathlib import Path
store, step = RunStore.open(Path({folder!r})), {first}
for _ in range({updates}):
    store.append([step_done(step + i) for i in range({each})])
    step += {each}
    time.sleep(1 / {rate})
"""


def writer(folder: Path, first: int) -> subprocess.Popen[bytes]:
    """Start the process that goes on with the run."""
    script = WRITER.format(
        paths=sys.path[:2],
        folder=str(folder),
        first=first,
        updates=SECONDS * UPDATES_PER_S,
        each=STEPS_PER_UPDATE,
        rate=UPDATES_PER_S,
    )
    return subprocess.Popen([sys.executable, "-c", script])


def kernel_side(folder: Path, steps: int) -> tuple[float, float, int]:
    """Milliseconds of CPU and bytes per update, and the bytes of the first snapshot."""
    session, size, count, first = Session(key=b"0" * 32), 0, 0, 0
    with recording() as said:
        charts = LiveCharts(folder)
        charts._followers[0].ready.wait(30)  # noqa: SLF001
        data, buffers = said.get(timeout=5)
        first = len(json.dumps(data)) + sum(map(len, buffers))
        process = writer(folder, steps + 1)
        data, buffers = said.get(timeout=30)
        before = time.process_time()
        while process.poll() is None or not said.empty():
            if said.empty():
                time.sleep(0.05)
                continue
            data, buffers = said.get()
            # What the kernel does with a message before it is on the wire.
            parts = session.serialize(session.msg("comm_msg", {"data": data}))
            size += sum(map(len, parts)) + sum(map(len, buffers))
            count += 1
        cpu = time.process_time() - before
        charts.close()
    return cpu / count * 1e3, size / count, first


def page_side(browser: Browser, folder: Path) -> tuple[float, float, float]:
    """Milliseconds of script, and of style and layout, per update; seconds until all is drawn."""
    page = browser.new_page(viewport={"width": 1200, "height": 800})
    devtools = page.context.new_cdp_session(page)
    # CPU time of the page's thread: other work on the machine does not count.
    devtools.send("Performance.enable", {"timeDomain": "threadTicks"})
    with recording() as said:
        page.goto("about:blank")
        start = time.perf_counter()
        charts = LiveCharts(folder)
        host = ChartsPage(page, charts, said)
        host.until("[...document.querySelectorAll('.nbft-plot')].filter((p) => p.data).length >= 3")
        opened = time.perf_counter() - start
        with RunStore.open(folder) as store:
            last = int(store.digest(1 << 30)[-1, 1])
        page.wait_for_timeout(1500)
        process, before, count = writer(folder, last + 1), measured(devtools), 0
        while process.poll() is None:
            count += host.pump()
            page.wait_for_timeout(50)
        after = measured(devtools)
        charts.close()
    page.close()
    script, layout = ((a - b) / count * 1e3 for a, b in zip(after, before, strict=True))
    return script, layout, opened


def measured(devtools: CDPSession) -> tuple[float, float]:
    """Seconds of script, and of style and layout, so far."""
    metrics = {m["name"]: m["value"] for m in devtools.send("Performance.getMetrics")["metrics"]}
    return metrics["ScriptDuration"], metrics["LayoutDuration"] + metrics["RecalcStyleDuration"]


def main(lengths: list[int]) -> None:
    """Print a row for each length."""
    print("steps      kernel CPU   on the wire   snapshot   page script   layout   opened in")
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as home:
        program = shutil.which("chromium") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for steps in lengths:
            folder = Path(home) / str(steps)
            long_run(folder, steps).close()
            cpu, size, first = kernel_side(folder, steps)
            script, layout, opened = page_side(browser, folder)
            print(
                f"{steps:<9,}  {cpu:7.2f} ms   {size:9,.0f} B   {first / 1e3:5.0f} kB   "
                f"{script:8.1f} ms   {layout:4.1f} ms   {opened:6.2f} s",
                flush=True,
            )
        browser.close()


if __name__ == "__main__":
    main([int(word) for word in sys.argv[1:]] or [1_000, 10_000, 100_000, 1_000_000])

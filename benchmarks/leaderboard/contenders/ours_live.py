"""nbfinetune from a notebook: a widget in JupyterLab with a browser that shows its charts.

Without a browser the widget lives in a kernel that nobody looks at, and the table says so.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ours import settings
from task import Task

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "browser")]

import run_log  # noqa: E402
from conftest import QUIET, chromium  # noqa: E402
from jupyter_client.manager import start_new_kernel  # noqa: E402
from lab_server import environment, serving  # noqa: E402
from notebook_page import NotebookPage  # noqa: E402
from playwright.sync_api import sync_playwright  # noqa: E402

from nbfinetune.records import LIVE  # noqa: E402
from nbfinetune.runner.run import Run, runs  # noqa: E402

LOOK_S = 0.5
SCREEN = {"width": 1600, "height": 3600}
"""What is out of sight is not drawn: all four charts must fit."""

Place = tuple[Path, Callable[[str], object], Callable[[float], object]]
"""Folder of the runs, what runs a cell, and what waits for some seconds."""


def main() -> None:
    """Train from a cell, then tell what the run's log has."""
    task = Task.given()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        program = chromium()
        place = in_browser(folder, program) if program else in_kernel(folder)
        with place as (home, cell, wait):
            began = time.time()
            cell(code(task))
            run = finished(home, wait)
            if not program:
                task.tell("tuned", way="kernel only: there is no browser here")
            run_log.tell(task, run.events(), began)


def code(task: Task) -> str:
    """What a person types."""
    folder = Path(task.data)
    data = (str(folder / "train"), str(folder / "val"))
    said = f"w = nf.FineTuneWidget({data!r}, **{settings(task)!r})"
    return f"import nbfinetune as nf\n{said}\ndisplay(w)\nw.start()"


def finished(home: Path, wait: Callable[[float], object]) -> Run:
    """The run of the cell, once it has ended."""
    while not (found := runs(home)) or found[-1].status in LIVE:
        wait(LOOK_S)
    if found[-1].status != "finished":
        raise RuntimeError(f"run {found[-1].id} is {found[-1].status}")
    return found[-1]


@contextmanager
def in_browser(folder: Path, program: str) -> Iterator[Place]:
    """A notebook in JupyterLab, shown by Chromium."""
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=program, args=list(QUIET))
        with serving(folder) as server:
            page = browser.new_page(viewport=SCREEN)
            notebook = NotebookPage(page, server, "race")
            notebook.open()
            yield (
                notebook.home,
                notebook.run,
                lambda seconds: page.wait_for_timeout(1000 * seconds),
            )
            notebook.close()
        browser.close()


@contextmanager
def in_kernel(folder: Path) -> Iterator[Place]:
    """A kernel, asked by a client of its own."""
    manager, client = start_new_kernel(cwd=str(folder), env=environment(folder))
    try:
        yield folder / "nbfinetune-runs", client.execute, time.sleep
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


if __name__ == "__main__":
    main()

"""One server and one browser per session; a notebook and a kernel of its own for every test."""

from __future__ import annotations

import contextlib
import os
import re
import signal
from pathlib import Path

import pytest
from installed_chromium import QUIET, chromium
from lab_server import JupyterServer, serving
from notebook_page import NotebookPage

from nbfinetune.runner.run import runs
from nbfinetune.store import RunStore


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("jupyter")) as server:
        yield server


@pytest.fixture(scope="session")
def browser():
    playwright = pytest.importorskip("playwright.sync_api")
    program = chromium()
    playwright.expect.set_options(timeout=60_000)
    with playwright.sync_playwright() as started:
        if program is None and not Path(started.chromium.executable_path).is_file():
            if os.environ.get("CI") == "true":
                pytest.fail("no Chromium or Chrome: install one, or run `playwright install`")
            pytest.skip("no Chromium or Chrome is installed")
        browser = started.chromium.launch(executable_path=program, args=list(QUIET))
        yield browser
        browser.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Add to a failed test's report what its page showed."""
    report = yield
    page = item.funcargs.get("page")
    if report.when == "call" and report.failed and page is not None:
        picture = item.funcargs["tmp_path"] / "page.png"
        page.screenshot(path=picture)
        outputs = "\n".join(page.locator(".jp-OutputArea").all_inner_texts())
        report.sections.append(("page", f"{outputs}\nsee {picture}"))
    return report


@pytest.fixture
def page(browser, tmp_path):
    context = browser.new_context(viewport={"width": 1400, "height": 1000})
    page = context.new_page()
    page.set_default_timeout(60_000)
    yield page
    context.close()


@pytest.fixture
def new_notebook(server: JupyterServer, page, request):
    """Opens notebooks, and leaves no kernel and no worker behind."""
    opened: list[NotebookPage] = []

    def open_one(app: str = "lab") -> NotebookPage:
        name = re.sub(r"\W+", "-", request.node.name)[:60]
        notebook = NotebookPage(page, server, f"{name}-{len(opened)}", app)
        opened.append(notebook)
        notebook.open()
        return notebook

    yield open_one
    for notebook in opened:
        notebook.close()
        for run in runs(notebook.home):
            end_worker(run.path)


@pytest.fixture
def notebook(new_notebook) -> NotebookPage:
    return new_notebook()


def end_worker(folder: Path) -> None:
    """Kill the worker of a run, if it has one."""
    with RunStore.open(folder) as store:
        process = store.worker()
    if process is not None and process.pid is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)

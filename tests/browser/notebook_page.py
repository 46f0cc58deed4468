"""A notebook in a real browser: type a cell, run it, look at what comes."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from lab_server import JupyterServer
from playwright.sync_api import Locator, Page

T = TypeVar("T")

EMPTY = {
    "cells": [{"cell_type": "code", "id": "first", "metadata": {}, "outputs": [], "source": "",
               "execution_count": None}],
    "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3",
                                "language": "python"}},
    "nbformat": 4,
    "nbformat_minor": 5,
}  # fmt: skip


class NotebookPage:
    """A new notebook, opened in JupyterLab or Notebook 7.

    Parameters
    ----------
    page : Page
        Of Playwright.
    server : JupyterServer
    name : str
        Folder of the notebook below the server's root; its runs lie there too.
    app : {"lab", "notebook"}
    """

    def __init__(self, page: Page, server: JupyterServer, name: str, app: str = "lab") -> None:
        self.page, self.server, self.app = page, server, app
        self.folder = server.root / name
        self.folder.mkdir()
        (self.folder / "nb.ipynb").write_text(json.dumps(EMPTY))
        path = f"{name}/nb.ipynb"
        self.address = f"lab/workspaces/{name}/tree/{path}" if app == "lab" else f"notebooks/{path}"

    def open(self) -> None:
        """Load the page and wait until its kernel is idle."""
        self.page.goto(f"{self.server.url}{self.address}?token={self.server.token}")
        self.await_idle()

    def reload(self) -> None:
        """Save, and load the page anew, as a person does with F5."""
        self.page.keyboard.press("Escape")
        self.page.keyboard.press("Control+s")
        wait_until(lambda: "widget-view" in (self.folder / "nb.ipynb").read_text(), page=self.page)
        self.page.reload()
        self.await_idle()

    def await_idle(self) -> None:
        """Wait until the kernel has nothing to do."""
        idle = '.jp-Notebook-ExecutionIndicator[data-status="idle"]'
        self.page.locator(idle).first.wait_for(timeout=120_000)
        self.page.locator(".jp-Notebook .jp-CodeCell").first.wait_for(timeout=120_000)
        # The page says idle before it is connected, and then forgets the first cell.
        wait_until(self._is_connected, 120, self.page)

    def _is_connected(self) -> bool:
        kernels = [session["kernel"] for session in self._sessions()]
        return any(k["connections"] and k["execution_state"] == "idle" for k in kernels)

    def run(self, code: str) -> Locator:
        """Type code into the last cell and run it; gives the cell."""
        cells = self.page.locator(".jp-Notebook .jp-CodeCell")
        place = cells.count() - 1
        cells.nth(place).locator(".cm-content").click()
        self.page.keyboard.insert_text(code)
        self.page.keyboard.press("Shift+Enter")
        # A cell that runs or has run has more than a blank between its brackets.
        ran = cells.nth(place).locator(".jp-InputPrompt").filter(has_text=re.compile(r"\[[*\d]"))
        ran.wait_for()
        return cells.nth(place)

    def restart_kernel(self) -> None:
        """Restart the kernel, as the menu does."""
        self.page.get_by_role("menuitem", name="Kernel", exact=True).click()
        self.page.get_by_role("menuitem", name=re.compile(r"^Restart Kernel…")).first.click()
        confirm = self.page.get_by_role("dialog").get_by_role(
            "button", name="Confirm Kernel Restart"
        )
        # Until the server has answered, the kernel that is to go is idle.
        with self.page.expect_response(re.compile(r"/api/kernels/[^/]+/restart")):
            confirm.click()
        self.await_idle()

    def interrupt_kernel(self) -> None:
        """Interrupt the cell that is busy."""
        self.server.ask(f"api/kernels/{self.kernel_id()}/interrupt", "POST")

    def kernel_id(self) -> str:
        """Which kernel serves this notebook."""
        return str(self._sessions()[-1]["kernel"]["id"])

    def close(self) -> None:
        """Shut the kernel down."""
        for session in self._sessions():
            self.server.ask(f"api/sessions/{session['id']}", "DELETE")

    def _sessions(self) -> list[dict[str, Any]]:
        sessions = self.server.ask("api/sessions")
        return [s for s in sessions if s["path"].startswith(f"{self.folder.name}/")]

    @property
    def home(self) -> Path:
        """Where the runs of this notebook lie."""
        return self.folder / "nbfinetune-runs"

    # The surface.

    def button(self, name: str) -> Locator:
        """One of the surface's buttons."""
        return self.page.get_by_role("button", name=name, exact=True).first

    def status(self) -> Locator:
        """The status region of the surface."""
        return self.page.locator('.nbft-bar [role="status"]').first

    def field(self, label: str) -> Locator:
        """The control of a setting."""
        return self.page.locator(".nbft-panel").get_by_label(label, exact=True).first


def wait_until(condition: Callable[[], T], timeout_s: float = 60.0, page: Any = None) -> T:
    """Result of `condition` as soon as it is true.

    Parameters
    ----------
    page : Page, optional
        Of Playwright, whose events are to be handled meanwhile.
    """
    deadline = time.monotonic() + timeout_s
    while not (result := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"still {result!r} after {timeout_s} s")
        page.wait_for_timeout(50) if page else time.sleep(0.02)
    return result

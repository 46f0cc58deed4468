"""A scan of all images in the background, in a process of its own.

`nbfinetune.runner.scan_process` is that process's side.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeAlias

from nbfinetune.data.findings import Finding, findings
from nbfinetune.data.index import preview_index
from nbfinetune.data.scan_facts import FILE_NAME, ScanFacts, load_facts
from nbfinetune.errors import DataError
from nbfinetune.records import DataConfig, encode
from nbfinetune.runner.child import Child
from nbfinetune.runner.listeners import Listeners

MODULE = "nbfinetune.runner.scan_process"

ScanStatus: TypeAlias = Literal["waiting", "running", "done", "cancelled", "failed"]


class Scan:
    """Looks at every image of a source once; images that have not changed are not opened again.

    Parameters
    ----------
    config : DataConfig
        What is scanned is its source, images that its edits leave out included.
    seed : int
        Decides the split by which `findings` judges.
    folder : Path
        Where arrays and lists of files were placed; the facts are kept there for the next scan.

    Attributes
    ----------
    status : {"waiting", "running", "done", "cancelled", "failed"}
    progress : (int, int)
        Images that are through, and images in all (0 until they are counted).
    facts : ScanFacts or None
        What was found, once it is done.
    error : str
        Why it failed, in a sentence.
    """

    def __init__(self, config: DataConfig, seed: int, folder: Path) -> None:
        self.status: ScanStatus = "waiting"
        self.progress = (0, 0)
        self.facts: ScanFacts | None = None
        self.error = ""
        self._config, self._seed = config, seed
        self._folder = Path(folder).absolute()
        self._child: Child | None = None
        self._guard, self._ended = threading.Lock(), threading.Event()
        self._listeners = Listeners()

    @property
    def running(self) -> bool:
        """Whether images are being looked at."""
        return self.status == "running"

    def on_change(self, callback: Callable[[], None]) -> None:
        """Have `callback` called after every change, at most 5 times a second, from a thread."""
        self._listeners.add(callback)

    def start(self) -> None:
        """Begin, in the background; a scan that runs already just goes on."""
        with self._guard:
            if self.running:
                return
            order = {
                "source": json.loads(encode(self._config.source)),
                "folder": str(self._folder),
            }
            self._child = child = Child(MODULE, order)
            self.status, self.progress = "running", (0, 0)
            self.error, self.facts = "", None
            self._ended.clear()
        threading.Thread(
            target=self._follow, args=(child,), name="follow scan", daemon=True
        ).start()

    def cancel(self) -> None:
        """Look at no more; what has been seen is kept for the next scan."""
        with self._guard:
            child, self._child = self._child, None
            if child is None:
                return
            self.status = "cancelled"
        child.dismiss()
        self._ended.set()
        self._listeners.tell()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait for the end.

        Returns
        -------
        bool
            Whether it has come, however it ended.
        """
        return self._ended.wait(timeout_s)

    def findings(self, size_px: int | None = None) -> list[Finding]:
        """What the facts mean for the split that the config and the seed give.

        Parameters
        ----------
        size_px : int, optional
            As for `nbfinetune.data.findings.findings`.

        Raises
        ------
        DataError
            If the scan is not done, and why.
        """
        if self.facts is None:
            raise DataError(f"the scan is {self.status}, so nothing is known; {self._remedy()}")
        return findings(self.facts, preview_index(self._config, self._seed, self._folder), size_px)

    def _remedy(self) -> str:
        return self.error or ("wait() for it" if self.running else "start() it and wait()")

    def _follow(self, child: Child) -> None:
        last: dict[str, Any] = {}
        for last in child.lines():
            if "done" in last and self._is_current(child):
                self.progress = (last["done"], last["of"])
                if "saved" not in last:
                    self._listeners.tell()
        facts = load_facts(self._folder / FILE_NAME) if last.get("saved") else None
        with self._guard:
            if self._child is not child:  # it was cancelled
                return
            self._child, self.facts = None, facts
            self.status = "failed" if facts is None else "done"
            if facts is None:
                status = child.status()
                self.error = (
                    last.get("error") or f"the scan's process ended early (status {status})"
                )
        self._ended.set()
        self._listeners.tell()

    def _is_current(self, child: Child) -> bool:
        with self._guard:
            return self._child is child

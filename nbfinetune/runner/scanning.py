"""A scan of all images in the background, in a process of its own.

`nbfinetune.runner.scan_process` is that process's side.
"""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

from nbfinetune.data.findings import Finding, findings
from nbfinetune.data.index import preview_index
from nbfinetune.data.scan_facts import FILE_NAME, ScanFacts, load_facts
from nbfinetune.errors import DataError
from nbfinetune.records import DataConfig, encode
from nbfinetune.runner.child import Child
from nbfinetune.runner.child_work import ChildWork

MODULE = "nbfinetune.runner.scan_process"


class Scan(ChildWork):
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
        super().__init__()
        self.progress = (0, 0)
        self.facts: ScanFacts | None = None
        self._config, self._seed = config, seed
        self._folder = Path(folder).absolute()

    @property
    def running(self) -> bool:
        """Whether images are being looked at."""
        return self.status == "running"

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

        def say_how() -> None:
            self.facts = facts
            self.status = "failed" if facts is None else "done"
            if facts is None:
                status = child.status()
                self.error = (
                    last.get("error") or f"the scan's process ended early (status {status})"
                )

        self._end(child, say_how)

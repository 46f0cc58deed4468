"""An export in the background, in a process of its own that may import torch.

`nbfinetune.runner.export_process` is that process's side.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any, Literal

from nbfinetune.errors import RunError, StoreError
from nbfinetune.export.exported import Exported
from nbfinetune.export.parity import parity_of
from nbfinetune.runner.child import Child
from nbfinetune.runner.child_work import ChildWork
from nbfinetune.runner.run import Run
from nbfinetune.store.layout import Which

__all__ = ["Exporting"]

MODULE = "nbfinetune.runner.export_process"


class Exporting(ChildWork):
    """Writes a file as `Run.export` does, while the notebook stays free.

    Parameters
    ----------
    run : Run
    path : path
        Its suffix says in which form.
    which : {"best", "last"}
    input : {"normalised", "pixels"}
        As for `Run.export`.

    Attributes
    ----------
    status : {"waiting", "running", "done", "cancelled", "failed"}
    exported : Exported or None
        What was written; also where it failed the comparison, and is marked.
    error : str
        Why it failed, in a sentence.
    warning : str
        What could not be compared, in a sentence.
    """

    def __init__(
        self,
        run: Run,
        path: str | os.PathLike[str],
        which: Which = "best",
        *,
        input: Literal["normalised", "pixels"] = "normalised",
    ) -> None:
        super().__init__()
        self.path = Path(path).expanduser().absolute()
        self.exported: Exported | None = None
        self.warning = ""
        self._order = {
            "run": str(run.path),
            "path": str(self.path),
            "which": which,
            "input": input,
        }

    def start(self) -> None:
        """Begin, in the background; once.

        Raises
        ------
        RunError
            If it was begun before.
        """
        with self._guard:
            if self.status != "waiting":
                raise RunError(f"the export to {self.path.name} is {self.status}; make a new one")
            self._child = child = Child(MODULE, self._order)
            self.status = "running"
        threading.Thread(
            target=self._follow, args=(child,), name="follow export", daemon=True
        ).start()

    def _follow(self, child: Child) -> None:
        last: dict[str, Any] = {}
        for last in child.lines():
            self.warning = last.get("warning", self.warning)

        def say_how() -> None:
            self.status = "done" if last.get("written") else "failed"
            if last.get("written") or last.get("marked"):
                self._look()
            if self.status == "failed":
                ended = f"the export's process ended early (status {child.status()})"
                self.error = self.error or last.get("error") or ended

        self._end(child, say_how)

    def _look(self) -> None:
        """Take in what was written, and how it compares with the model."""
        self.exported = Exported(self.path)
        try:
            self.exported.parity = parity_of(self.path)
        except StoreError as error:
            self.status, self.error = "failed", str(error)

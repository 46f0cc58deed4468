"""`ExportPanel`: a run's model as files that work without nbfinetune, one press each."""

from __future__ import annotations

import os
from collections import deque
from pathlib import Path
from typing import Any, Literal

import traitlets as t

from nbfinetune.errors import ConfigError
from nbfinetune.evaluation.report_html import table
from nbfinetune.runner.exporting import Exporting
from nbfinetune.runner.run import Run
from nbfinetune.widgets.saved_face import SavedPanel, call, paragraph

__all__ = ["ExportPanel"]

FORMS = {
    ".onnx": "ONNX Runtime, mobile, other languages",
    ".pt2": "PyTorch alone, by torch.export.load",
    ".safetensors": "Weights for timm and the Hugging Face hub",
    ".py": "A plain script that repeats the run",
    ".ipynb": "The script as a notebook",
    ".md": "A model card: data, licence, metrics, edits",
}
"""What each suffix is for, in a few words."""

OVER = ("done", "marked", "failed")
"""States of a form whose file was written, or could not be."""

READS_PIXELS = (".onnx", ".pt2")
"""Whose files may normalise by themselves."""


class ExportPanel(SavedPanel):
    """Files of a run's best model, written and compared with it in the background.

    Parameters
    ----------
    run : Run, id or path
    name : str, optional
        Of the files, without suffix; default the model and the run's tail. A path says where.

    Attributes
    ----------
    forms : list of dict
        ``suffix``, ``what``, ``words`` and ``state`` of each form: "none", "exists", "waiting",
        "running", "done", "marked" or "failed".
    target : dict
        ``name``, ``folder``, ``error`` and ``pixels``.
    """

    bundle_name = "export_panel"

    forms: t.List[dict[str, Any]] = t.List().tag(sync=True)
    target = t.Dict().tag(sync=True)

    def __init__(self, run: Run | str | os.PathLike[str], name: str | None = None) -> None:
        self.run = run if isinstance(run, Run) else Run.open(run)
        self._name = name or f"{self.run.config.model.name.partition('.')[0]}-{self.run.id[-4:]}"
        self._pixels, self._error = False, ""
        self._told: dict[str, tuple[str, str]] = {}
        self._ours: set[Path] = set()
        self._waiting: deque[Exporting] = deque()
        self._busy: Exporting | None = None
        super().__init__(self._do_asked, **self._drawn())

    def export(self, suffix: str, *, replace: bool = False) -> Exporting:
        """Write the file of this suffix, after those that were asked for before.

        Parameters
        ----------
        suffix : str
            One of `FORMS`.
        replace : bool
            A file that is there already and was not written from here.

        Returns
        -------
        Exporting
            Its `wait()` returns once the file is there, or can't be.

        Raises
        ------
        ConfigError
            If there is no such form, it is being written, or a file has that name already.
        """
        with self._guard:
            work = self._work(suffix, replace=replace)
            work.on_change(self._go_on)
            self._told[suffix] = ("waiting", "waits for the file before")
            self._waiting.append(work)
            self._begin_next()
            self._redraw()
        return work

    def close(self) -> None:
        """Let go of the page, and of what is being written."""
        # One whose constructor raised is closed too, when it is collected.
        for work in (*vars(self).get("_waiting", ()), vars(self).get("_busy")):
            if work is not None:
                work.cancel()
        super().close()

    # What the page asks.

    def _do_asked(self, name: str, value: Any) -> str:
        if name == "export":
            self._asked_to_export(str(value))
        elif name == "name":
            self._name = str(value).strip()
            self._told = {k: v for k, v in self._told.items() if v[0] != "exists"}
            self._error = "" if self._name else "a name is needed"
        elif name == "pixels" and isinstance(value, bool):
            self._pixels = value
        elif name == "cancel":
            self._cancel(str(value))
        else:
            return f"the page asked for {name!r} {value!r}, which makes no sense; nothing was done"
        self._redraw()
        return self._error if name == "name" else ""

    def _asked_to_export(self, suffix: str) -> None:
        asked_before = self._told.get(suffix, ("",))[0] == "exists"
        if suffix in FORMS and not asked_before and self._is_foreign(path := self._path(suffix)):
            self._told[suffix] = ("exists", f"{path.name} is there already")
            return
        self.export(suffix, replace=asked_before)

    def _is_foreign(self, path: Path) -> bool:
        return path.exists() and path not in self._ours

    def _work(self, suffix: str, *, replace: bool) -> Exporting:
        if suffix not in FORMS:
            raise ConfigError(f"there is no export to {suffix!r}; there are {', '.join(FORMS)}")
        if self._told.get(suffix, ("",))[0] in ("waiting", "running"):
            raise ConfigError(f"{suffix} is being written already")
        path = self._path(suffix)
        if not replace and self._is_foreign(path):
            raise ConfigError(f"{path.name} is there already: choose another name, or replace=True")
        pixels = self._pixels and suffix in READS_PIXELS
        way: Literal["pixels", "normalised"] = "pixels" if pixels else "normalised"
        return Exporting(self.run, path, input=way)

    def _path(self, suffix: str) -> Path:
        if not self._name:
            raise ConfigError("the files need a name")
        target = Path(self._name).expanduser().absolute()
        return target.with_name(target.name.removesuffix(suffix) + suffix)

    def _cancel(self, suffix: str) -> None:
        busy = self._busy
        if busy is not None and busy.path.suffix == suffix:
            busy.cancel()
        for work in [one for one in self._waiting if one.path.suffix == suffix]:
            self._waiting.remove(work)
            self._told.pop(suffix, None)

    # What is new.

    def _begin_next(self) -> None:
        if self._busy is None and self._waiting:
            self._busy = work = self._waiting.popleft()
            self._ours.add(work.path)
            self._told[work.path.suffix] = ("running", f"writing {work.path.name} …")
            work.start()

    def _go_on(self) -> None:
        with self._guard:
            work, self._busy = self._busy, None
            if work is not None:
                self._told[work.path.suffix] = _told(work)
            self._begin_next()
            if self.comm is not None:
                self._redraw()

    # What is drawn.

    def _drawn(self) -> dict[str, Any]:
        told = {suffix: self._told.get(suffix, ("none", "")) for suffix in FORMS}
        forms = [
            {"suffix": suffix, "what": what, "state": told[suffix][0], "words": told[suffix][1]}
            for suffix, what in FORMS.items()
        ]
        folder = str(Path(self._name).expanduser().absolute().parent)
        target = {"name": self._name, "folder": folder, "error": self._error}
        return {"forms": forms, "target": {**target, "pixels": self._pixels}}

    def _saved_words(self) -> str:
        count = sum(self._told[suffix][0] != "failed" for suffix in self._over())
        files = "no file" if not count else "1 file" if count == 1 else f"{count} files"
        return (
            f"Export of run {self.run.id} ({self.run.config.model.name}): {files} written from "
            f"here. {call(self, self.run.id)} opens it again."
        )

    def _saved_html(self) -> str:
        rows = [(suffix, FORMS[suffix], self._told[suffix][1]) for suffix in self._over()]
        said = paragraph(self._saved_words())
        return said + table(("form", "what for", "what came of it"), rows, "left") if rows else said

    def _over(self) -> list[str]:
        """Forms whose file was written, or could not be."""
        return [suffix for suffix in FORMS if self._told.get(suffix, ("",))[0] in OVER]

    def __repr__(self) -> str:
        return f"ExportPanel({self.run!r})"


def _told(work: Exporting) -> tuple[str, str]:
    """State of a form and its words, once the work on it is over."""
    if work.status == "cancelled":
        return "none", ""
    if work.exported is None:
        return "failed", work.error
    if work.status == "failed":
        return "marked", work.error
    parity = work.exported.parity
    said = f" · {parity}" if parity is not None else f" · {work.warning}" if work.warning else ""
    return "done", f"{work.path.name}{said}"

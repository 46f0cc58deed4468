"""What every panel shares: its bundle, and that each message from the page is answered."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from nbfinetune.errors import NbFinetuneError

STATIC = Path(__file__).parent / "static"

Act = Callable[[str, Any], str]
"""Does what the page asks (name, value) and gives a sentence where it can't; empty if it can."""


class PagePanel(anywidget.AnyWidget):
    """A widget whose page sends ``{"id", "do", "name", "value"}`` and gets ``{"id", "error"}``.

    An empty error says that it was done. Nothing from the page changes a trait by itself.
    `bundle_name` names its files of the front end.

    Parameters
    ----------
    act : callable (name, value) -> str
        Does what is asked.
    guard : RLock
        Held while it does: with ipykernel 7 the page's messages arrive on a thread of their own.

    Attributes
    ----------
    saved_id : str
        HTML element for readers without a kernel, hidden while the panel is there; see
        `nbfinetune.widgets.saved_face`.
    """

    bundle_name = ""

    saved_id = traitlets.Unicode().tag(sync=True)

    def __init__(self, act: Act, guard: threading.RLock | None = None, **traits: Any) -> None:
        for trait, kind in (("_esm", "js"), ("_css", "css")):
            setattr(self, trait, bundle(f"{self.bundle_name}.{kind}").read_text("utf-8"))
        self._act = act
        self._guard = guard or threading.RLock()
        super().__init__(**traits)
        self.on_msg(self._answer)
        answer_beside_cells(self)

    def _drawn(self) -> dict[str, Any]:
        """Values of the traits that follow from what is known; for those panels that have some."""
        return {}

    def _redraw(self) -> None:
        with self._guard, self.hold_sync():
            for name, value in self._drawn().items():
                setattr(self, name, value)

    def _answer(self, _: Any, content: Any, __: Any) -> None:
        number = content.get("id") if isinstance(content, dict) else None
        error = self._do(content)
        self.send({"id": number, "error": error})

    def _do(self, content: Any) -> str:
        name = content.get("name") if isinstance(content, dict) else None
        if not isinstance(name, str):
            return f"the page sent {content!r}, which makes no sense; nothing was changed"
        try:
            with self._guard:
                return self._act(name, content.get("value"))
        except NbFinetuneError as error:
            return str(error)
        except Exception as error:  # noqa: BLE001 - whatever it was, the page must be told
            return f"{type(error).__name__}: {error}"

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Refuse what the page would write into traits: Python holds the truth."""
        if sync_data:
            self.send_state(list(sync_data.keys() & self.keys))


def answer_beside_cells(widget: Any) -> None:
    """Let messages to a widget be handled while a cell is busy.

    JupyterLab sends them to a subshell, but ipykernel 7.4 moves them to whichever thread spoke
    last for the widget, which is the cells' own as soon as a cell made it. Where the kernel has no
    such rule, nothing is changed.
    """
    comm = getattr(widget, "comm", None)
    if comm is not None and hasattr(comm, "_reply_subshell_for"):
        comm._reply_subshell_for = lambda _, chosen_by_page: chosen_by_page  # noqa: SLF001


def bundle(name: str) -> Path:
    """Path of a built file of the front end, such as ``live_charts.js``.

    Raises
    ------
    NbFinetuneError
        If the front end was never built, which only happens in a checkout.
    """
    path = STATIC / name
    if not path.is_file():
        raise NbFinetuneError(f"{name} of the front end is not built; run `make front-end`")
    return path

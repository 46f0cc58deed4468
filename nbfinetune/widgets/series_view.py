"""What views of a series of runs share: one column, and a thread that looks at the series."""

from __future__ import annotations

import threading
import weakref
from abc import abstractmethod

import ipywidgets

from nbfinetune.widgets.panel import PagePanel
from nbfinetune.widgets.saved_face import SavedFace

LOOK_S = 0.5
"""Seconds between two looks at the series."""


class SeriesView(SavedFace, ipywidgets.Box):
    """Runs that come one after the other, looked at until there is nothing new to come.

    Parameters
    ----------
    first : PagePanel
        What stands above everything else.
    """

    def __init__(self, first: PagePanel) -> None:
        self._first = first
        layout = ipywidgets.Layout(
            display="grid", grid_template_columns="minmax(0, 1fr)", grid_gap="10px", width="100%"
        )
        super().__init__((first,), layout=layout, _dom_classes=("nbft-surface",))

    @abstractmethod
    def _look_on(self) -> bool:
        """Draw what is new; whether there is more to come."""

    def _hiding(self) -> PagePanel:
        return self._first

    def _renew_saved(self, *, at_once: bool) -> None:
        if self._saved is not None:
            self._saved.renew(at_once=at_once)

    def _begin_looking(self) -> None:
        threading.Thread(target=_keep_looking, args=(weakref.ref(self),), daemon=True).start()


def _keep_looking(view: weakref.ref[SeriesView]) -> None:
    pause = threading.Event()
    while (shown := view()) is not None and shown.comm is not None:
        more = shown._look_on()  # noqa: SLF001 - it is the view's own thread
        shown._renew_saved(at_once=not more)  # noqa: SLF001
        if not more:
            return
        del shown
        pause.wait(LOOK_S)

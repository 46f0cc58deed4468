"""What follows a training on the surface: look at the model, try it, take it along."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import ipywidgets

from nbfinetune.runner.run import Run

if TYPE_CHECKING:
    from nbfinetune.widgets.surface import Surface
    from nbfinetune.widgets.watch import Watch

__all__ = ["AfterTraining"]

Show = Callable[[Run], None]
Way = Callable[[Run, "Run | None", Show], Any]
"""Makes a view of a run, perhaps beside the run before it on the surface."""


def _evaluation(run: Run, before: Run | None, show: Show) -> Any:
    from nbfinetune.widgets.evaluation_view import EvaluationView

    alike = before is not None and before.config.data.source == run.config.data.source
    return EvaluationView(run, show=show, before=before if alike else None)


def _predictor(run: Run, _: Run | None, __: Show) -> Any:
    from nbfinetune.widgets.predictor import Predictor

    return Predictor(run)


def _export(run: Run, _: Run | None, __: Show) -> Any:
    from nbfinetune.widgets.export_panel import ExportPanel

    return ExportPanel(run)


WAYS: dict[str, Way] = {
    "evaluation": _evaluation,
    "predictor": _predictor,
    "export": _export,
}
"""What can be opened, and how; imported and made when somebody opens it."""


class Shelf(ipywidgets.Box):
    """The place of what is open, and of what was and is kept as it stood."""

    def __init__(self) -> None:
        self.views: dict[str, Any] = {}
        super().__init__((), _dom_classes=("nbft-after",))

    def close(self) -> None:
        """Let go of everything that was opened."""
        # One whose constructor raised is closed too, when it is collected.
        for view in vars(self).get("views", {}).values():
            view.close()
        super().close()


class AfterTraining:
    """Evaluation, prediction and export of the run on a surface, each opened and folded by a press.

    Parameters
    ----------
    surface : Surface
        Its slot `after` is taken with the first press.
    watch : Watch
        Knows the surface's run.
    show : callable (Run)
        Turns the surface to a run that is started from here.

    Attributes
    ----------
    chosen : str
        One of `WAYS`; empty where none is open.
    """

    def __init__(self, surface: Surface, watch: Watch, show: Show) -> None:
        self.chosen = ""
        self._surface, self._watch, self._show = surface, watch, show
        self._run: Run | None = None
        self._before: Run | None = None
        # A view listens to its run, and whoever tells it holds a lock: the surface's own guard,
        # which is taken under that lock, must not be held while one is made.
        self._guard = threading.RLock()

    def asks(self) -> dict[str, tuple[str, Callable[[], str]]]:
        """What the buttons ask for: in words, and what then does it."""
        return {way: (f"opening the {way}", partial(self.press, way)) for way in WAYS}

    def press(self, way: str) -> str:
        """Open one of `WAYS` in the place of another, or fold it; what was done needs no words."""
        with self._guard:
            if self.chosen == way:
                self.chosen, self._shelf().children = "", ()
                return ""
            if not self.chosen:
                self._forget_other_runs()
            self._open(way)
            return ""

    def hear(self) -> None:
        """Hear that something about the surface's run is new.

        What somebody has open is not taken away while another run trains: only its end makes it a
        view of that run.
        """
        run = self._watch.run
        other = run is not None and self._run is not None and run.path != self._run.path
        if self.chosen and other and not self._watch.live:
            threading.Thread(target=self._turn, daemon=True).start()

    def _turn(self) -> None:
        with self._guard:
            way = self.chosen
            if self._forget_other_runs() and way:
                self._open(way)

    def _open(self, way: str) -> None:
        shelf = self._shelf()
        self._run = self._run or self._watch.present()
        if way not in shelf.views:
            shelf.views[way] = WAYS[way](self._run, self._before, self._begin_to_show)
        self.chosen, shelf.children = way, (shelf.views[way],)

    def _forget_other_runs(self) -> bool:
        """Close what is about another run than the surface's; whether there was any."""
        run = self._watch.present()
        if self._run is None or self._run.path == run.path:
            return False
        shelf = self._shelf()
        self._before, self._run = self._run, run
        before, shelf.views = shelf.views, {}
        shelf.children = ()
        for view in before.values():
            view.close()
        return True

    def _shelf(self) -> Any:
        if not self._surface.has("after"):
            self._surface.place("after", Shelf())
        return self._surface.slot("after")

    def _begin_to_show(self, run: Run) -> None:
        threading.Thread(target=self._show, args=(run,), daemon=True).start()

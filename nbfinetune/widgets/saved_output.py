"""What a saved notebook shows where there is no kernel: of a run its picture and result table."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from html import escape

from nbfinetune.runner import summary
from nbfinetune.runner.run import Run
from nbfinetune.store import RunStore

EVERY_S = 30.0
"""How old it may be in a notebook that is saved while a run trains."""

SOON_S = 1.0
"""Between two drawings of what somebody is at work on."""

COLUMNS = ("train_loss", "val_loss", "accuracy", "top5", "macro_f1")
MOST_ROWS = 20


class SavedOutput:
    """HTML below a widget, renewed in place; the page hides it while the widget lives.

    Parameters
    ----------
    name : str
        Attribute `id` of the HTML, by which the page hides it.
    draw : callable
        Gives the HTML.
    tell : callable, optional
        Gives a sentence for readers of mere text.
    """

    def __init__(
        self,
        name: str,
        draw: Callable[[], str],
        tell: Callable[[], str] = lambda: "a picture of the surface above",
    ) -> None:
        self._name = name
        self._draw, self._tell = draw, tell
        self._shown = False
        self._drawn_at = time.monotonic()
        self._published = ""
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None

    def show(self) -> None:
        """Put it below what the cell has shown."""
        self._shown = True
        self._publish(update=False)

    def renew(self, *, at_once: bool) -> None:
        """Draw it anew, or leave it if it is young; from any thread."""
        if self._shown and (at_once or time.monotonic() - self._drawn_at >= EVERY_S):
            self._publish(update=True)

    def renew_soon(self) -> None:
        """Have it drawn anew, once for all who ask within a second; returns at once."""
        with self._lock:
            if not self._shown or self._timer is not None:
                return
            wait_s = max(0.0, self._drawn_at + SOON_S - time.monotonic())
            self._timer = threading.Timer(wait_s, self._renew_now)
            self._timer.daemon = True
            self._timer.start()

    def _renew_now(self) -> None:
        with self._lock:
            self._timer = None
        self._publish(update=True)

    def _publish(self, *, update: bool) -> None:
        from IPython.display import display

        self._drawn_at = time.monotonic()
        html = f'<div id="{self._name}">{self._draw()}</div>'
        if update and html == self._published:
            return
        bundle = {"text/html": html, "text/plain": self._tell()}
        display(bundle, raw=True, display_id=self._name, update=update)
        self._published = html


def result_html(run: Run, picture: str) -> str:
    """Facts, picture and table of a run.

    Parameters
    ----------
    picture : str
        HTML of its charts.
    """
    with RunStore.open(run.path) as store:
        facts = summary.facts(store)
        epochs = store.epochs()
    told = " · ".join(f"{what} {value}" for what, value in facts.items())
    head = "".join(f"<th>{escape(name.replace('_', ' '))}</th>" for name in ("epoch", *COLUMNS))
    best = max((done.epoch for done in epochs if done.best), default=None)
    rows = "".join(
        f"<tr><td>{done.epoch}{' (best)' if done.epoch == best else ''}</td>"
        + "".join(f"<td>{getattr(done, name):.4f}</td>" for name in COLUMNS)
        + "</tr>"
        for done in epochs[-MOST_ROWS:]
    )
    return (
        f"<p><b>{escape(run.id)}</b>: {escape(told)}</p>{picture}"
        f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    )

"""What a saved notebook shows of a run where there is no kernel: picture and result table."""

from __future__ import annotations

import time
from collections.abc import Callable
from html import escape

from nbfinetune.runner import summary
from nbfinetune.runner.run import Run
from nbfinetune.store import RunStore

EVERY_S = 30.0
"""How old it may be in a notebook that is saved while a run trains."""

COLUMNS = ("train_loss", "val_loss", "accuracy", "top5", "macro_f1")
MOST_ROWS = 20


class SavedOutput:
    """HTML below the surface, renewed in place; the page hides it while the surface lives.

    Parameters
    ----------
    name : str
        Attribute `id` of the HTML, by which the page hides it.
    draw : callable
        Gives the HTML.
    """

    def __init__(self, name: str, draw: Callable[[], str]) -> None:
        self._name = name
        self._draw = draw
        self._shown = False
        self._drawn_at = time.monotonic()

    def show(self) -> None:
        """Put it below what the cell has shown."""
        self._shown = True
        self._publish(update=False)

    def renew(self, *, at_once: bool) -> None:
        """Draw it anew, or leave it if it is young; from any thread."""
        if self._shown and (at_once or time.monotonic() - self._drawn_at >= EVERY_S):
            self._publish(update=True)

    def _publish(self, *, update: bool) -> None:
        from IPython.display import display

        self._drawn_at = time.monotonic()
        html = f'<div id="{self._name}">{self._draw()}</div>'
        bundle = {"text/html": html, "text/plain": "a picture of the surface above"}
        display(bundle, raw=True, display_id=self._name, update=update)


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

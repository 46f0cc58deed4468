"""The learning-rate finder as the curve editor shows it: loss against rate, and suggestions."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from nbfinetune.errors import ConfigError, NbFinetuneError
from nbfinetune.runner import standby
from nbfinetune.widgets.draft import Draft

if TYPE_CHECKING:
    from nbfinetune.runner.lr_finding import LRFinder, LRFinding

MOST_POINTS = 160
PAUSE_S = 0.15
"""Between two pictures of a test that runs."""


class CurveFinder:
    """Runs range tests, and tells how far the newest one has come.

    Parameters
    ----------
    tell : callable ()
        Called, from whatever thread, when `told` has changed.
    """

    def __init__(self, tell: Callable[[], None]) -> None:
        self._tell = tell
        self._finder: LRFinder | None = None
        self._finding: LRFinding | None = None
        self._trouble = ""
        self._told_at = 0.0

    def start(self, finder: LRFinder) -> None:
        """Run a test, in the place of the one before; returns at once."""
        self.end()
        self._finder, self._finding, self._trouble = finder, None, ""
        finder.on_change(self._hear)
        threading.Thread(target=self._begin, args=(finder,), name="find rate", daemon=True).start()

    def end(self) -> None:
        """Give up a test that runs."""
        finder, self._finder = self._finder, None
        if finder is not None and finder.finding is None:
            # It waits for its thread, which may wait for whoever holds our lock.
            threading.Thread(target=finder.cancel, name="stop finding", daemon=True).start()

    def cancel(self) -> None:
        """Give up a test that runs, and show nothing of it."""
        self.end()
        self._tell()

    def show(self, finding: LRFinding | None) -> None:
        """Show what was found elsewhere."""
        self.end()
        self._finding, self._trouble = finding, ""
        self._tell()

    def told(self) -> dict[str, Any]:
        """What the page is told; empty where there is nothing to show."""
        finder = self._finder
        if finder is not None and finder.finding is None:
            trouble = self._trouble or finder.error
            points = _thinned(finder.points)
            return {"busy": not trouble, "points": points, "sentence": trouble}
        finding = finder.finding if finder is not None else self._finding
        if finding is None:
            return {}
        return {
            "busy": False,
            "points": _thinned(finding.points[["lr", "smoothed"]].to_numpy()),
            "suggestions": list(finding.suggestions.items()),
            "lr": finding.lr,
            "sentence": finding.sentence,
        }

    def _begin(self, finder: LRFinder) -> None:
        try:
            finder.start()
        except Exception as error:  # noqa: BLE001 - a thread has nobody else to tell
            self._trouble = str(error) or type(error).__name__
        self._tell()

    def _hear(self) -> None:
        now = time.monotonic()
        running = self._finder is not None and self._finder.status == "running"
        if now - self._told_at >= PAUSE_S or not running:
            self._told_at = now
            self._tell()
        if not running:
            # The search may have taken the worker that stood by for the next run.
            standby.prepare()


def finder_for(draft: Draft) -> LRFinder:
    """A range test of the run that a draft would be.

    Raises
    ------
    ConfigError
        If the draft does not suffice for one.
    """
    from nbfinetune.runner.lr_finding import LRFinder

    if draft.accepted is None or draft.errors:
        raise ConfigError(draft.missing())
    return LRFinder(draft.accepted, draft.config)


def _thinned(table: Any) -> list[list[float]]:
    rows = np.asarray(table, dtype=np.float64).reshape(-1, 2)
    rows = rows[np.isfinite(rows).all(axis=1) & (rows[:, 0] > 0.0)]
    if not len(rows):
        return []
    places = np.unique(np.linspace(0, len(rows) - 1, min(len(rows), MOST_POINTS)).round())
    return [[float(lr), float(loss)] for lr, loss in rows[places.astype(int)]]


def rate_from(value: Any) -> float:
    """Learning rate of a suggestion that was taken.

    Raises
    ------
    NbFinetuneError
        If it is none.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < np.inf:
        raise NbFinetuneError(f"the page sent {value!r} as a learning rate; nothing was changed")
    return float(value)

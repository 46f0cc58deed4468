"""The learning-rate finder as the curve editor shows it: loss against rate, and suggestions."""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, Protocol

import numpy as np

from nbfinetune.errors import NbFinetuneError

MOST_POINTS = 160
PAUSE_S = 0.15
"""Between two pictures of a test that runs."""


class Finding(Protocol):
    """What a range test found; `nbfinetune.runner.lr_finding.LRFinding` is one."""

    points: Any
    suggestions: dict[str, float]
    lr: float | None
    sentence: str


class Finder(Protocol):
    """A range test; `nbfinetune.runner.lr_finding.LRFinder` is one."""

    points: Any
    finding: Finding | None

    def start(self) -> None:
        """Begin, in the background."""

    def cancel(self) -> None:
        """Give up."""

    def on_change(self, callback: Callable[[], None]) -> None:
        """Call back, from whatever thread, when something is new."""


def can_find() -> bool:
    """Whether this installation has a finder."""
    return find_spec("nbfinetune.runner.lr_finding") is not None


class CurveFinder:
    """Runs range tests, and tells how far the newest one has come.

    Parameters
    ----------
    tell : callable ()
        Called, from whatever thread, when `told` has changed.
    """

    def __init__(self, tell: Callable[[], None]) -> None:
        self._tell = tell
        self._finder: Finder | None = None
        self._finding: Finding | None = None
        self._told_at = 0.0

    @property
    def busy(self) -> bool:
        """Whether a test runs."""
        return self._finder is not None and self._finder.finding is None

    def start(self, finder: Finder) -> None:
        """Run a test, in the place of the one before."""
        self.cancel()
        self._finder, self._finding = finder, None
        finder.on_change(self._hear)
        finder.start()
        self._tell()

    def cancel(self) -> None:
        """Give up a test that runs."""
        finder, self._finder = self._finder, None
        if finder is not None and finder.finding is None:
            finder.cancel()
            self._tell()

    def show(self, finding: Finding | None) -> None:
        """Show what was found elsewhere."""
        self.cancel()
        self._finding = finding
        self._tell()

    def told(self) -> dict[str, Any]:
        """What the page is told; empty where there is nothing to show."""
        finder = self._finder
        finding = finder.finding if finder is not None else self._finding
        if finding is None:
            return {"busy": True, "points": _thinned(finder.points)} if finder else {}
        table = finding.points[["lr", "smoothed"]].to_numpy()
        return {
            "busy": False,
            "points": _thinned(table),
            "suggestions": list(finding.suggestions.items()),
            "lr": finding.lr,
            "sentence": finding.sentence,
        }

    def _hear(self, *_: object) -> None:
        now = time.monotonic()
        if now - self._told_at >= PAUSE_S or not self.busy:
            self._told_at = now
            self._tell()


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

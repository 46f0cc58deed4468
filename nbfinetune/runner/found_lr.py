"""What was found by trying learning rates, as a person looks at it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from nbfinetune.records import LearningRateFound, RateTried

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

WIDTH_PX, HEIGHT_PX, EDGE_PX = 420, 180, 8


@dataclass(frozen=True, repr=False)
class LRFinding:
    """The loss over the learning rate, and what to make of it.

    Parameters
    ----------
    points : DataFrame
        Columns lr, loss, smoothed; one row per rate tried, NaN where the loss was not finite.
    suggestions : dict of str to float
        By rule: ``steepest``, ``valley``, ``minimum/10``; empty where there is no clear minimum.
    lr : float, optional
        The one to take; None where there is no clear minimum.
    sentence : str
        The same for people, with what to do where there is none.
    """

    points: pd.DataFrame
    suggestions: dict[str, float]
    lr: float | None
    sentence: str

    @classmethod
    def of(cls, tried: Sequence[RateTried], found: LearningRateFound) -> LRFinding:
        """Finding out of a search's events."""
        import pandas as pd

        rows = [(one.lr, one.loss, one.smoothed) for one in tried]
        points = pd.DataFrame(rows, columns=["lr", "loss", "smoothed"], dtype=float)
        return cls(points, found.suggestions, found.lr, found.sentence)

    def figure(self) -> go.Figure:
        """The curve with its suggestions as an ordinary Plotly figure."""
        import plotly.graph_objects as go

        lrs = self.points["lr"]
        figure = go.Figure()
        faint = {"color": "rgba(128,128,128,0.5)", "width": 1}
        figure.add_scatter(x=lrs, y=self.points["loss"], name="loss", line=faint)
        figure.add_scatter(x=lrs, y=self.points["smoothed"], name="smoothed")
        for rule, lr in self.suggestions.items():
            figure.add_vline(x=lr, line_dash="solid" if lr == self.lr else "dot")
            figure.add_annotation(x=np.log10(lr), y=1, yref="paper", text=rule, showarrow=False)
        figure.update_layout(
            title=self.sentence.partition(";")[0],
            xaxis={"title": "learning rate", "type": "log", "exponentformat": "power"},
            yaxis={"title": "loss", "range": _span(self.points["smoothed"].to_numpy())},
        )
        return figure

    def __repr__(self) -> str:
        return f"LRFinding(lr={self.lr}, {len(self.points)} rates: {self.sentence})"

    def _repr_html_(self) -> str:
        """Sentence and picture; needs no script, so that a saved notebook keeps it."""
        return f"<p>{escape(self.sentence)}</p>{self._picture()}"

    def _picture(self) -> str:
        curve = self.points.dropna(subset=["smoothed"])
        if len(curve) < 2:
            return ""
        logs, losses = np.log10(curve["lr"].to_numpy()), curve["smoothed"].to_numpy()
        low, high = _span(losses)
        along = (logs[0], logs[-1])
        heights = _scaled(np.clip(losses, low, high), (high, low), HEIGHT_PX)
        line = " ".join(
            f"{x:.1f},{y:.1f}" for x, y in zip(_scaled(logs, along, WIDTH_PX), heights, strict=True)
        )
        marks = "".join(
            _mark(float(_scaled(np.log10([lr]), along, WIDTH_PX)[0]), rule, lr, lr == self.lr)
            for rule, lr in self.suggestions.items()
        )
        return (
            f'<svg role="img" aria-label="loss over learning rate" width="{WIDTH_PX}" '
            f'height="{HEIGHT_PX}" viewBox="0 0 {WIDTH_PX} {HEIGHT_PX}">'
            f'{marks}<polyline points="{line}" fill="none" stroke="#1f77b4" stroke-width="2"/>'
            "</svg>"
        )


def _mark(x: float, rule: str, lr: float, taken: bool) -> str:  # noqa: FBT001 - private
    dash = "" if taken else ' stroke-dasharray="3 3"'
    return (
        f'<line x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{HEIGHT_PX}" stroke="#888"{dash}>'
        f"<title>{escape(rule)}: {lr:.2g}</title></line>"
    )


def _scaled(
    values: Sequence[float] | np.ndarray, span: tuple[float, float], size_px: int
) -> np.ndarray:
    first, last = span
    part = (np.asarray(values) - first) / ((last - first) or 1.0)
    return EDGE_PX + part * (size_px - 2 * EDGE_PX)


def _span(smoothed: np.ndarray) -> tuple[float, float]:
    """Losses to show: what lies far above the start is the divergence, of which the foot does."""
    finite = smoothed[np.isfinite(smoothed)]
    if not len(finite):
        return (0.0, 1.0)
    low = float(finite.min())
    top = 1.3 * float(np.median(finite[: max(3, len(finite) // 8)]))
    return (low, max(min(float(finite.max()), top), low + 1e-9))

"""The four charts as one SVG picture, drawn without a browser.

Colours are such that they read on white and on black, since a picture can't know the page it is on.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from nbfinetune.widgets.digest import COLUMN, Rows, smoothed
from nbfinetune.widgets.history import RunHistory, epoch_rows

WIDTH, HEIGHT = 960, 520
HEAD = 24
MARGIN_LEFT, MARGIN_TOP, MARGIN_BOTTOM, GAP = 58, 34, 26, 18
INK = "#808080"
COLOURS = ("#4c8dd6", "#e08a1e", "#3fa66b", "#c9568b", "#8e7cc3", "#2aa5a0", "#c0663a", "#7f8c3c")
"""As in the live charts: lines of one run by measure, several runs by run."""


@dataclass(frozen=True)
class Line:
    """One line of a panel: `points` of shape (n, 2), step and value."""

    name: str
    points: Rows
    colour: str
    width: float = 1.6
    dash: str = ""
    opacity: float = 1.0


def still_svg(histories: Sequence[RunHistory], labels: Sequence[str], smoothing: float) -> str:
    """Draw loss, metrics, learning rate and throughput of runs over their steps.

    Parameters
    ----------
    histories, labels : sequences of equal length
        The runs and what they are called.
    smoothing : float in [0, 1)
        Of the loss, as in `LiveCharts`.
    """
    panels = {"Loss": _loss, "Metrics": _metrics, "Learning rate": _rate, "Images/s": _speed}
    drawn = []
    for place, (title, lines_of) in enumerate(panels.items()):
        lines = [
            line
            for number, history in enumerate(histories)
            for line in lines_of(history, _Voice(labels, number), smoothing)
            if len(line.points)
        ]
        drawn.append(_panel(title, lines, place))
    said = escape(", ".join(f"{a} ({b.status})" for a, b in zip(labels, histories, strict=True)))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'width="{WIDTH}" height="{HEIGHT}" role="img" font-family="system-ui, sans-serif" '
        f'font-size="11" fill="none"><title>Charts of {said}</title>{_heading(labels)}'
        f"{''.join(drawn)}</svg>"
    )


class _Voice:
    """Names and colours of a run's lines: by measure where it is alone, else by run."""

    def __init__(self, labels: Sequence[str], number: int) -> None:
        self._label = labels[number] if len(labels) > 1 else ""
        self._number = number

    def colour(self, place: int) -> str:
        return COLOURS[(self._number if self._label else place) % len(COLOURS)]

    def name(self, measure: str) -> str:
        """Name in a panel's legend; several runs are told apart in the heading."""
        return "" if self._label else measure

    def dash(self, place: int) -> str:
        return "4 3" if self._label and place else ""


def _loss(history: RunHistory, voice: _Voice, smoothing: float) -> list[Line]:
    digest = history.digest
    raw = digest.mean("loss")
    soft = smoothed(raw, digest.rows[:, COLUMN["count"]], smoothing)
    steps, colour = digest.rows[:, COLUMN["last"]], voice.colour(0)
    val = epoch_rows(list(history.epochs), ("val_loss",))[:, [0, 3]]
    return [
        Line("", np.column_stack([steps, raw]), colour, 1.0, "", 0.3),
        Line(voice.name("train"), np.column_stack([steps, soft]), colour),
        Line(voice.name("validation"), val, voice.colour(1), dash=voice.dash(1)),
    ]


def _metrics(history: RunHistory, voice: _Voice, _: float) -> list[Line]:
    table = epoch_rows(list(history.epochs), ("accuracy", "macro_f1"))
    return [
        Line(voice.name(name), table[:, [0, 3 + rank]], voice.colour(rank), dash=voice.dash(rank))
        for rank, name in enumerate(("accuracy", "macro F1"))
    ]


def _rate(history: RunHistory, voice: _Voice, _: float) -> list[Line]:
    digest, planned = history.digest, history.planned()
    past = np.column_stack([digest.rows[:, COLUMN["last"]], digest.mean("lr")])
    rest = planned[planned[:, 0] > digest.last_step]
    return [
        Line(voice.name("as it was"), past, voice.colour(0)),
        Line(voice.name("planned"), rest, voice.colour(0), dash="3 3", opacity=0.8),
    ]


def _speed(history: RunHistory, voice: _Voice, smoothing: float) -> list[Line]:
    digest = history.digest
    steps, counts = digest.rows[:, COLUMN["last"]], digest.rows[:, COLUMN["count"]]
    speeds = smoothed(digest.mean("images_per_s"), counts, smoothing)
    return [Line(voice.name("images/s"), np.column_stack([steps, speeds]), voice.colour(0), 1.2)]


def _panel(title: str, lines: Sequence[Line], place: int) -> str:
    width, height = (WIDTH - GAP) / 2, (HEIGHT - HEAD) / 2
    left = (place % 2) * (width + GAP) + MARGIN_LEFT
    top = HEAD + (place // 2) * height + MARGIN_TOP
    right, bottom = left - MARGIN_LEFT + width - 20, top - MARGIN_TOP + height - MARGIN_BOTTOM
    head = f'<text x="{left}" y="{top - 14}" fill="{INK}" font-weight="600">{title}</text>'
    if not lines:
        middle = f'x="{(left + right) / 2}" y="{(top + bottom) / 2}" text-anchor="middle"'
        return f'{head}<text {middle} fill="{INK}">nothing measured yet</text>'
    points = np.concatenate([line.points for line in lines])
    xs, ys = _Scale(points[:, 0], left, right), _Scale(points[:, 1], bottom, top)
    return (
        head
        + _legend(lines, right, top - 14)
        + _axes(xs, ys)
        + "".join(_path(line, xs, ys) for line in lines)
    )


class _Scale:
    """From values to places in the picture, and ticks at round values."""

    def __init__(self, values: Rows, start: float, end: float) -> None:
        finite = values[np.isfinite(values)]
        self.low = float(finite.min()) if len(finite) else 0.0
        self.high = float(finite.max()) if len(finite) else 1.0
        if self.low == self.high:
            margin = abs(self.low) * 0.1 or 1.0
            self.low, self.high = self.low - margin, self.high + margin
        self.start, self.end = start, end

    def __call__(self, values: Rows) -> Rows:
        part = (values - self.low) / (self.high - self.low)
        return np.asarray(self.start + part * (self.end - self.start))

    def ticks(self) -> list[float]:
        rough = (self.high - self.low) / 4
        unit = 10.0 ** math.floor(math.log10(rough))
        stride = next(unit * k for k in (1, 2, 5, 10) if unit * k >= rough)
        first = math.ceil(self.low / stride)
        return [k * stride for k in range(first, math.floor(self.high / stride + 1e-9) + 1)]


def _axes(xs: _Scale, ys: _Scale) -> str:
    parts = [f'<g fill="{INK}" stroke="none">']
    for tick, x in zip(xs.ticks(), xs(np.array(xs.ticks())), strict=True):
        place = f'x="{x:.1f}" y="{ys.start + 15}" text-anchor="middle"'
        parts.append(f"<text {place}>{tick:,.6g}</text>")
    for tick, y in zip(ys.ticks(), ys(np.array(ys.ticks())), strict=True):
        parts.append(
            f'<text x="{xs.start - 6}" y="{y + 4:.1f}" text-anchor="end">{tick:.4g}</text>'
            f'<path d="M{xs.start} {y:.1f}H{xs.end}" stroke="{INK}" stroke-opacity=".2"/>'
        )
    return "".join([*parts, "</g>"])


def _heading(labels: Sequence[str]) -> str:
    several = len(labels) > 1
    spans = "".join(
        _key(label, COLOURS[place % len(COLOURS)] if several else "none")
        for place, label in enumerate(labels)
    )
    return f'<text x="{MARGIN_LEFT}" y="16" font-size="12" font-weight="600">{spans}</text>'


def _legend(lines: Sequence[Line], right: float, y: float) -> str:
    spans = "".join(_key(line.name, line.colour) for line in lines if line.name)
    return f'<text x="{right}" y="{y}" text-anchor="end">{spans}</text>'


def _key(name: str, colour: str) -> str:
    stroke = "" if colour == "none" else f'<tspan fill="{colour}">— </tspan>'
    return f'{stroke}<tspan fill="{INK}">{escape(name)}   </tspan>'


def _path(line: Line, xs: _Scale, ys: _Scale) -> str:
    finite = line.points[np.isfinite(line.points[:, 1])]
    stride = 1 + len(finite) // 480
    x, y = xs(finite[::stride, 0]), ys(finite[::stride, 1])
    places = " ".join(f"{a:.1f} {b:.1f}" for a, b in zip(x, y, strict=True))
    dash = f' stroke-dasharray="{line.dash}"' if line.dash else ""
    # A line of one point is a dot: nothing would be drawn without an end to it.
    end, width = ("h0", 5.0) if len(finite) == 1 else ("", line.width)
    return (
        f'<path d="M{places}{end}" stroke="{line.colour}" stroke-width="{width}"{dash} '
        f'stroke-opacity="{line.opacity}" stroke-linejoin="round" stroke-linecap="round"/>'
    )

"""Outcomes as Markdown: medians with their spread, and ratios of medians with theirs."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from outcome import Figure, Outcome
from race import Outcomes
from race_sets import Column

# In the order in which they happen; who does not tell of one has it in the next.
MOMENTS = {
    "imported": "Python and imports",
    "called": "`fine_tune()` returns",
    "spawned": "worker begins",
    "torch": "worker imports torch",
    "data": "data index",
    "model": "model",
    "first batch": "first batch",
    "first step": "first step",
}


@dataclass(frozen=True)
class Ratio:
    """Median over median, and how the ratios of single rounds spread.

    Parameters
    ----------
    value : float
    low, high : float
        Least and most of the rounds.
    quartiles : (float, float)
    """

    value: float
    low: float
    high: float
    quartiles: tuple[float, float]

    def __str__(self) -> str:
        if math.isnan(self.value):
            return "-"
        if self.low == self.high:
            return f"{self.value:.2f}"
        inner = " to ".join(f"{q:.2f}" for q in self.quartiles)
        return f"{self.value:.2f} ({self.low:.2f} to {self.high:.2f}; middle half {inner})"


def ratio(above: Sequence[Outcome], below: Sequence[Outcome], figure: Figure) -> Ratio:
    """One contender's figure over another's; NaN where either has none."""
    pairs = [(figure(a), figure(b)) for a, b in zip(above, below, strict=False)]
    known = [(a, b) for a, b in pairs if not math.isnan(a) and not math.isnan(b)]
    if not known:
        return Ratio(math.nan, math.nan, math.nan, (math.nan, math.nan))
    single = [a / b for a, b in known]
    quartiles = statistics.quantiles(single, n=4, method="inclusive") if len(single) > 1 else single
    above_it, below_it = zip(*known, strict=True)
    value = statistics.median(above_it) / statistics.median(below_it)
    return Ratio(value, min(single), max(single), (quartiles[0], quartiles[-1]))


def median(rounds: Iterable[Outcome], figure: Figure) -> float:
    """Of the rounds that have the figure; NaN where none has."""
    known = [value for value in map(figure, rounds) if not math.isnan(value)]
    return statistics.median(known) if known else math.nan


def figures(outcomes: Outcomes, columns: Sequence[Column]) -> str:
    """A row for each contender: median (least to most)."""
    rows = [
        [name, *(_cell(rounds, column.figure, column.digits) for column in columns)]
        for name, rounds in outcomes.items()
    ]
    return _markdown(["", *(column.title for column in columns)], rows)


def comparison(outcomes: Outcomes, columns: Sequence[Column]) -> str:
    """A row for each contender but the first, who is compared with it."""
    ours, *others = outcomes
    told = [column for column in columns if column.ratio]
    rows = []
    for name in others:
        pair = (outcomes[ours], outcomes[name])
        cells = [
            str(ratio(*(reversed(pair) if column.inverse else pair), column.figure))
            for column in told
        ]
        rows.append([name, *cells])
    titles = [
        f"{column.ratio}: it over {ours}" if column.inverse else f"{column.ratio}: {ours} over it"
        for column in told
    ]
    return _markdown(["", *titles], rows)


def breakdown(outcomes: Outcomes) -> str:
    """Where the seconds before the first step go: medians, each from the moment before."""
    shown = [
        moment
        for moment in MOMENTS
        if any(moment in one.moments for rounds in outcomes.values() for one in rounds)
    ]
    rows = [
        [name, *(_cell(rounds, _since(moment), 2, spread=False) for moment in shown)]
        for name, rounds in outcomes.items()
    ]
    return _markdown(["seconds", *(MOMENTS[moment] for moment in shown)], rows)


def _since(moment: str) -> Figure:
    """Seconds from the moment before one that a contender tells of."""

    def seconds(outcome: Outcome) -> float:
        if moment not in outcome.moments:
            return math.nan
        names = [name for name in MOMENTS if name in outcome.moments]
        place = names.index(moment)
        before = outcome.moments[names[place - 1]] if place else 0.0
        return outcome.moments[moment] - before

    return seconds


def _cell(rounds: Sequence[Outcome], figure: Figure, digits: int, *, spread: bool = True) -> str:
    known = [value for value in map(figure, rounds) if not math.isnan(value)]
    if not known:
        return "failed" if any(one.failed for one in rounds) else "-"
    middle = f"{statistics.median(known):.{digits}f}"
    if not spread or len(known) == 1:
        return middle
    return f"{middle} ({min(known):.{digits}f} to {max(known):.{digits}f})"


def _markdown(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)

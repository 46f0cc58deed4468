"""Outcomes as ratios of medians, with their spread: for the screen, and for RESULTS.md."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence

from race import Outcome

Figure = Callable[[Outcome], float]


def steady(outcome: Outcome) -> float:
    """Images a second from the second epoch on."""
    return statistics.mean(outcome.rates[1:] or outcome.rates)


def first(outcome: Outcome) -> float:
    """Images a second in the first epoch."""
    return outcome.rates[0]


def reached(accuracy: float) -> Figure:
    """Seconds from the start of the process to an accuracy."""

    def seconds(outcome: Outcome) -> float:
        pairs = zip(outcome.accuracies, outcome.reached_s, strict=True)
        return next((t for value, t in pairs if value >= accuracy), float("nan"))

    return seconds


def ratios(outcomes: Sequence[Outcome], others: Sequence[Outcome], figure: Figure) -> list[float]:
    """Of each round: ours over theirs."""
    return [figure(a) / figure(b) for a, b in zip(outcomes, others, strict=True)]


def markdown(outcomes: dict[str, list[Outcome]], ours: str, target: float) -> str:
    """A table with a row for each contender."""
    columns = (
        "",
        "first step, s",
        "images/s, epoch 1",
        "images/s, later",
        f"to {target:.0%}, s",
        "peak memory, MB",
        "nbfinetune's images/s over theirs",
    )
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    for name, rounds in outcomes.items():
        ratio = ratios(outcomes[ours], rounds, steady)
        cells = [
            _cell([one.first_step_s for one in rounds], 1),
            _cell([first(one) for one in rounds], 1),
            _cell([steady(one) for one in rounds], 1),
            _cell([reached(target)(one) for one in rounds], 0),
            _cell([one.peak_mb for one in rounds], 0),
            f"{statistics.median(ratio):.2f} ({min(ratio):.2f} to {max(ratio):.2f})",
        ]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(values: Sequence[float], digits: int) -> str:
    known = [value for value in values if not math.isnan(value)]
    if not known:
        return "-"
    middle, least, most = statistics.median(known), min(known), max(known)
    return f"{middle:.{digits}f} ({least:.{digits}f} to {most:.{digits}f})"

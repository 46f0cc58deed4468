"""An evaluation as a saved notebook shows it: what its page has measured, as HTML. Purely."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

from nbfinetune.evaluation.report_html import (
    MOST_CELLS,
    OF_CLASS,
    OF_FIGURE,
    WORST_FIRST,
    headed,
    matrix,
    table,
)

MOST_ROWS = 20
"""Classes, and confused pairs of them, that a notebook file has room for."""


def report(measured: Mapping[str, Any], classes: Sequence[str]) -> str:
    """All that is known by now.

    Parameters
    ----------
    measured : mapping
        As `evaluation_figures.measured` gives it.
    classes : sequence of str
        Their names.
    """
    confusion = measured["confusion"]
    few = confusion["of"] <= MOST_CELLS
    notes = "".join(f"<p>{escape(note)}</p>" for note in measured["notes"])
    parts = [
        _figures(measured["figures"]),
        notes,
        _classes(measured["per_class"], classes),
        matrix(confusion["classes"], _counts(confusion)) if few else _most_confused(confusion),
    ]
    return "".join(parts)


def accuracy(measured: Mapping[str, Any]) -> str:
    """Accuracy in words, with its interval where that is known."""
    [found] = [one for one in measured["figures"] if one["name"] == "accuracy"]
    sure = _interval(found)
    return f"accuracy {found['value']:.4f}" + (f" (95 % interval {sure})" if sure else "")


def _figures(figures: Sequence[Mapping[str, Any]]) -> str:
    known = [one for one in figures if one["value"] is not None]
    rows = [[one["words"], f"{one['value']:.4f}", _interval(one)] for one in known]
    return table(OF_FIGURE, rows)


def _interval(figure: Mapping[str, Any]) -> str:
    low, high = figure["low"], figure["high"]
    return "" if low is None or high is None else f"{low:.4f} – {high:.4f}"


def _classes(per_class: Sequence[Sequence[Any]], classes: Sequence[str]) -> str:
    rows = [
        [classes[number], *map(_share, shares), f"{images:,}", _share(area)]
        for number, *shares, images, area, _ in per_class[:MOST_ROWS]
    ]
    rest = len(per_class) - len(rows)
    more = f"<p>and {rest:,} classes with a higher F1</p>" if rest else ""
    return headed(WORST_FIRST, table(OF_CLASS, rows)) + more


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _counts(confusion: Mapping[str, Any]) -> np.ndarray:
    counts = np.zeros((len(confusion["classes"]),) * 2, np.int64)
    for label, predicted, images in confusion["cells"]:
        counts[label, predicted] = images
    return counts


def _most_confused(confusion: Mapping[str, Any]) -> str:
    names = confusion["classes"]
    wrong = [cell for cell in confusion["cells"] if cell[0] != cell[1]]
    wrong.sort(key=lambda cell: -cell[2])
    rows = [[names[label], names[said], f"{n:,}"] for label, said, n in wrong[:MOST_ROWS]]
    return headed("Most confused", table(("label", "predicted", "images"), rows))

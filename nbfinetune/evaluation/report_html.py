"""An evaluation as a notebook shows it: no assets, and colours that suit light and dark."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from nbfinetune.evaluation.report import Evaluation

MOST_CLASSES = 50
"""Classes that the table shows, the worst first."""

MOST_CELLS = 20
"""Classes up to which the confusion matrix is shown."""

OF_FIGURE = ("", "value", "95 % interval")
WORST_FIRST = "Classes, the lowest F1 first"
OF_CLASS = ("class", "precision", "recall", "F1", "images", "ROC-AUC")
"""Heads of the tables."""

FIGURES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "top5": "top 5",
    "precision": "macro precision",
    "recall": "macro recall",
    "macro_f1": "macro F1",
    "roc_auc": "ROC-AUC",
    "loss": "log loss",
}


def page(evaluation: Evaluation) -> str:
    """All of it, escaped."""
    parts = [
        f"<p><b>{len(evaluation)} images, {len(evaluation.classes)} classes</b></p>",
        _figures(evaluation),
        *(f"<p>{escape(note)}</p>" for note in evaluation.notes),
        f"<p>{escape(evaluation.calibration().sentence)}.</p>",
        _classes(evaluation),
        _confusion(evaluation) if len(evaluation.classes) <= MOST_CELLS else "",
    ]
    return f"<div>{''.join(parts)}</div>"


def _figures(evaluation: Evaluation) -> str:
    told = evaluation.to_frame().to_dict("index")
    rows = []
    for name, what in FIGURES.items():
        if not _telling(evaluation, name):
            continue
        figure = told[name]
        sure = "" if math.isnan(figure["low"]) else f"{figure['low']:.4f} – {figure['high']:.4f}"
        rows.append([what, _number(figure["value"], 4), sure])
    return table(OF_FIGURE, rows)


def _telling(evaluation: Evaluation, name: str) -> bool:
    """Of up to five classes the right one is always among the first five."""
    return name != "top5" or len(evaluation.classes) > 5


def _classes(evaluation: Evaluation) -> str:
    frame = evaluation.class_figures.sort_values("f1", kind="stable")
    rows = [
        [str(name), *(_number(value, 3) for value in row[:3]), str(int(row[3])), _number(row[4], 3)]
        for name, *row in frame.head(MOST_CLASSES).itertuples()
    ]
    rest = len(frame) - len(rows)
    more = f"<p>and {rest} classes with a higher F1: see per_class</p>" if rest else ""
    return headed(WORST_FIRST, table(OF_CLASS, rows)) + more


def _confusion(evaluation: Evaluation) -> str:
    return matrix(evaluation.classes, evaluation.confusion.to_numpy())


def matrix(classes: Sequence[str], counts: np.ndarray) -> str:
    """Images by label and predicted class, with a heading.

    Parameters
    ----------
    counts : int array, (C, C)
        Rows are labels.
    """
    head = _row("th", ["label ↓ predicted →", *classes])
    body = []
    for place, (name, row) in enumerate(zip(classes, counts, strict=True)):
        whole = max(1, int(row.sum()))
        cells = [
            _cell(int(images), int(images) / whole, right=column == place)
            for column, images in enumerate(row)
        ]
        body.append(f"<tr><th style='text-align:left'>{escape(name)}</th>{''.join(cells)}</tr>")
    html = f"<table><thead>{head}</thead><tbody>{''.join(body)}</tbody></table>"
    return headed("Images by label and predicted class", html)


def headed(title: str, html: str) -> str:
    """HTML below a heading."""
    return f"<h4 style='margin:0.8em 0 0.3em'>{escape(title)}</h4>{html}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]], align: str = "right") -> str:
    """Rows whose first cell is their name, escaped; the others are figures or, left, words."""
    body = "".join(_row("td", row, align) for row in rows)
    return f"<table><thead>{_row('th', head, align)}</thead><tbody>{body}</tbody></table>"


def _cell(images: int, part: float, *, right: bool) -> str:
    """A count, shaded by its part of the row: green where right, red where wrong."""
    colour = "46,160,67" if right else "218,54,51"
    shade = f"background:rgba({colour},{0.1 + 0.55 * part:.2f});" if images else "opacity:0.45;"
    return f"<td style='{shade}text-align:right'>{images}</td>"


def _row(kind: str, cells: Sequence[str], align: str = "right") -> str:
    """A row whose first cell is its name."""
    name, *rest = (escape(cell) for cell in cells)
    others = "".join(f"<{kind} style='text-align:{align}'>{cell}</{kind}>" for cell in rest)
    return f"<tr><th style='text-align:left'>{name}</th>{others}</tr>"


def _number(value: float, digits: int) -> str:
    return "undefined" if math.isnan(value) else f"{value:.{digits}f}"

"""What an evaluation shows besides its images: figures, confusion, classes, calibration. Purely."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from nbfinetune.errors import DataError
from nbfinetune.evaluation import averages
from nbfinetune.evaluation.averages import Counts
from nbfinetune.evaluation.calibration import binned, expected_error
from nbfinetune.evaluation.metrics import TOP
from nbfinetune.evaluation.report import FAST_SCORES
from nbfinetune.evaluation.report_html import FIGURES
from nbfinetune.evaluation.verdicts import Verdicts

if TYPE_CHECKING:
    from nbfinetune.evaluation.report import Evaluation

MOST_CLASSES = 40
"""Classes that the confusion matrix has room for."""

WORDS = {
    "accuracy": FIGURES["accuracy"],
    "balanced_accuracy": FIGURES["balanced_accuracy"],
    "macro_f1": FIGURES["macro_f1"],
    "roc_auc": FIGURES["roc_auc"],
    "log_loss": FIGURES["loss"],
    "ece": "calibration error",
    "top5": FIGURES["top5"],
}
"""The figures in their order."""

Interval = tuple[float, float]


@dataclass(frozen=True)
class Depth:
    """What takes longer to find out.

    Parameters
    ----------
    evaluation : Evaluation, optional
        None while it is being measured.
    intervals : mapping of str to (low, high)
        By figure, as far as they are known.
    """

    evaluation: Evaluation | None = None
    intervals: Mapping[str, Interval] = field(default_factory=dict)


def measured(said: Verdicts, classes: Sequence[str], depth: Depth) -> dict[str, Any]:
    """All of it, by the traits of the page."""
    return {
        "figures": figures(said, classes, depth),
        "notes": list(depth.evaluation.notes) if depth.evaluation else [],
        "confusion": confusion(said, classes),
        "per_class": per_class(said, classes, depth),
        "calibration": calibration(said, depth),
    }


def nothing() -> dict[str, Any]:
    """The same traits where nothing is measured."""
    return {
        "figures": [],
        "notes": [],
        "confusion": {"classes": [], "cells": [], "of": 0, "words": ""},
        "per_class": [],
        "calibration": {"ece": None, "temperature": None, "bins": []},
    }


def names(classes: int) -> list[str]:
    """Figures that tell something: of up to five classes the right one is always among five."""
    return [name for name in WORDS if name != "top5" or classes > TOP]


def figures(said: Verdicts, classes: Sequence[str], depth: Depth) -> list[dict[str, Any]]:
    """Figures with their intervals; what is not known yet is null, and so is what is undefined."""
    counts = averages.count(said.labels, said.predicted, len(classes))
    return [_figure(name, said, counts, depth) for name in names(len(classes))]


def _figure(name: str, said: Verdicts, counts: Counts, depth: Depth) -> dict[str, Any]:
    value, note = _value(name, said, counts, depth.evaluation)
    low, high = depth.intervals.get(name, (math.nan, math.nan))
    return {
        "name": name,
        "words": WORDS[name],
        "value": _plain(value, 6),
        "low": _plain(low, 6),
        "high": _plain(high, 6),
        "note": note,
    }


def _value(
    name: str, said: Verdicts, counts: Counts, evaluation: Evaluation | None
) -> tuple[float, str]:
    if name == "roc_auc":
        return _area(evaluation)
    if name == "ece":
        return expected_error(binned(said.confidence, said.predicted == said.labels)), ""
    if evaluation is not None:
        return float(getattr(evaluation, name)), ""
    quick = {
        "accuracy": (said.predicted == said.labels).mean(),
        "balanced_accuracy": averages.balanced_accuracy(counts),
        "macro_f1": averages.macro_f1(counts),
        "log_loss": said.losses.mean(),
        "top5": said.first_five.mean(),
    }
    return float(quick[name]), ""


def _area(evaluation: Evaluation | None) -> tuple[float, str]:
    if evaluation is None:
        return math.nan, "being measured"
    if evaluation.roc_auc is None:
        return math.nan, (evaluation.notes or ("it is undefined here",))[0]
    with_area = int(np.isfinite(evaluation.class_figures["roc_auc"]).sum())
    all_have = with_area == len(evaluation.classes)
    note = "" if all_have else f"the mean of the {with_area} classes that have one"
    return evaluation.roc_auc, note


def interval(evaluation: Evaluation, name: str) -> dict[str, Interval]:
    """The 95 % interval of a figure by its name; nothing where it has none, or takes too long."""
    if name == "ece" or (name == "roc_auc" and evaluation.logits.size > FAST_SCORES):
        return {}
    try:
        return {name: evaluation.interval(name)}
    except DataError:  # the figure is undefined, and its note says why
        return {}


def confusion(said: Verdicts, classes: Sequence[str]) -> dict[str, Any]:
    """Images by label and predicted class, of the classes that are confused most.

    Returns
    -------
    dict
        ``classes``: names. ``cells``: label and predicted class, as places in ``classes``, and
        how many images; those without any are left out. ``of``: how many classes there are.
        ``words``: what is shown.
    """
    count = len(classes)
    pairs, images = np.unique(said.labels * count + said.predicted, return_counts=True)
    labels, predicted = pairs // count, pairs % count
    kept = _most_confused(labels, predicted, images, count)
    places = np.full(count, -1)
    places[kept] = np.arange(len(kept))
    shown = (places[labels] >= 0) & (places[predicted] >= 0)
    columns = (places[labels[shown]], places[predicted[shown]], images[shown])
    return {
        "classes": [classes[number] for number in kept.tolist()],
        "cells": np.column_stack(columns).tolist(),
        "of": count,
        "words": _confusion_words(len(said.wrong), len(said.labels), len(kept), count),
    }


def _most_confused(
    labels: np.ndarray, predicted: np.ndarray, images: np.ndarray, count: int
) -> np.ndarray:
    """Numbers of the classes that the matrix has room for, ascending.

    The pairs that are confused most bring their classes along; where there is room left, the
    first of the others fill it.
    """
    wrong = np.flatnonzero(labels != predicted)
    wrong = wrong[np.argsort(-images[wrong], kind="stable")]
    in_pairs = np.column_stack([labels[wrong], predicted[wrong]]).ravel()
    numbers, first = np.unique(np.append(in_pairs, np.arange(count)), return_index=True)
    return np.sort(numbers[np.argsort(first)][:MOST_CLASSES])


def _confusion_words(wrong: int, images: int, shown: int, count: int) -> str:
    told = f"{wrong:,} of {images:,} images are taken for another class"
    return (
        told
        if shown == count
        else f"The {shown} classes of {count:,} that are confused most; {told}"
    )


def per_class(said: Verdicts, classes: Sequence[str], depth: Depth) -> list[list[Any]]:
    """The classes, the one with the lowest F1 first, those without images last.

    Returns
    -------
    list
        Number, precision, recall, F1, images, ROC-AUC and the class that most of its images are
        taken for with their count; null for what is undefined or not known yet.
    """
    count = len(classes)
    counts = averages.count(said.labels, said.predicted, count)
    columns = np.column_stack(
        [averages.precisions(counts), averages.recalls(counts), averages.f1s(counts)]
    )
    undefined = np.column_stack([counts.told == 0, *[counts.labelled == 0] * 2])
    areas = np.full(count, np.nan)
    if depth.evaluation is not None:
        areas = depth.evaluation.class_figures["roc_auc"].to_numpy()
    worst = _worst_confusions(said, count)
    order = np.lexsort((-counts.labelled, columns[:, 2], counts.labelled == 0))
    return [
        [
            number,
            *(_plain(v, 4) for v in np.where(undefined[number], np.nan, columns[number])),
            int(counts.labelled[number]),
            _plain(areas[number], 4),
            worst.get(number),
        ]
        for number in order.tolist()
    ]


def _worst_confusions(said: Verdicts, count: int) -> dict[int, list[int]]:
    """By class the other one that most of its images are taken for, and how many."""
    wrong = said.wrong
    pairs, images = np.unique(
        said.labels[wrong] * count + said.predicted[wrong], return_counts=True
    )
    # The most frequent come last, so that they stay.
    order = np.argsort(images, kind="stable")
    rows = zip(pairs[order].tolist(), images[order].tolist(), strict=True)
    return {pair // count: [pair % count, number] for pair, number in rows}


def calibration(said: Verdicts, depth: Depth) -> dict[str, Any]:
    """How confidence and accuracy go together, by bins that have images."""
    table = binned(said.confidence, said.predicted == said.labels)
    filled = table[table["images"] > 0]
    evaluation = depth.evaluation
    return {
        "ece": _plain(expected_error(table), 6),
        "temperature": None if evaluation is None else _plain(evaluation.temperature, 4),
        "bins": filled[["confidence", "accuracy", "images"]].round(4).to_numpy().tolist(),
    }


def _plain(value: float | None, digits: int) -> float | None:
    """A number that JSON has, or None."""
    return None if value is None or math.isnan(value) else round(float(value), digits)

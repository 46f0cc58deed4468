"""Tables of a model card: figures with their intervals, and images by class."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from nbfinetune.data.index import ImageIndex
from nbfinetune.evaluation.intervals import MEASURES, bootstrap, share, statistic_of
from nbfinetune.evaluation.report import Evaluation

__all__ = ["class_table", "figures", "markdown_table", "plain"]

_SHOWN = ("accuracy", "top5", "precision", "recall", "macro_f1", "roc_auc", "loss")


def plain(text: str) -> str:
    """A name as text, whatever Markdown or HTML would make of it."""
    shown = text.encode("utf-8", "backslashreplace").decode().replace("\n", " ")
    return re.sub(r"([\\`*_{}\[\]<>#|&])", r"\\\1", shown)


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Lines of a table; cells are Markdown already."""
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def figures(evaluation: Evaluation) -> Iterator[str]:
    """Measures with 95 % intervals, and below them the classes, the worst first."""
    rows = []
    for name in _SHOWN:
        value = getattr(evaluation, name)
        if value is None or (name == "top5" and len(evaluation.classes) <= 5):
            continue
        low, high = _interval(evaluation, name)
        rows.append([name, f"{value:.4f}", f"{low:.4f} to {high:.4f}"])
    yield from markdown_table(["measure", "value", "95 % interval"], rows)
    yield ""
    classes = evaluation.per_class.sort_values("f1", kind="stable")
    yield from markdown_table(
        ["class", "precision", "recall", "F1", "images"],
        [
            [
                plain(str(name)),
                *(f"{row[key]:.3f}" for key in ("precision", "recall", "f1")),
                f"{int(row['support']):,}",
            ]
            for name, row in classes.iterrows()
        ],
    )


def _interval(evaluation: Evaluation, name: str) -> tuple[float, float]:
    images = len(evaluation)
    if name == "accuracy":
        return share(round(evaluation.accuracy * images), images)
    assert name in MEASURES, name  # noqa: S101 - both lists are ours
    return bootstrap(statistic_of(name, evaluation.logits, evaluation.labels), images)


def class_table(index: ImageIndex) -> Iterator[str]:
    """Images of each class, by part."""
    labels = index.labels
    counted = [
        [plain(name), *(f"{int((labels[ids] == n).sum()):,}" for ids in (index.train, index.val))]
        for n, name in enumerate(index.classes)
    ]
    yield from markdown_table(["class", "to train on", "to validate on"], counted)

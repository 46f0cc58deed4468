"""The folds of a cross-validation in a table: each one's best epoch, and their mean."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from statistics import fmean, stdev
from typing import Any

import traitlets

from nbfinetune.evaluation.report_html import table
from nbfinetune.records import LIVE, EpochDone
from nbfinetune.runner.cross_validation import CrossValidation
from nbfinetune.runner.endings import failure
from nbfinetune.runner.progress import glance
from nbfinetune.runner.run import Run
from nbfinetune.store import RunStore
from nbfinetune.widgets.panel import Act, PagePanel

MEASURES = {
    "accuracy": "Accuracy",
    "macro_f1": "Macro F1",
    "roc_auc": "ROC-AUC",
    "val_loss": "Log loss",
}
"""Metrics of an epoch that have a column, and its head."""


class FoldTable(PagePanel):
    """A row for each fold, from the start, and one for their mean and sample deviation.

    Parameters
    ----------
    act : callable (name, value) -> str
        Does ``stop`` or ``resume``; gives why it can't.
    guard : RLock, optional
        Held meanwhile.

    Attributes
    ----------
    state : dict
        ``status``, ``note`` (how far it is), ``error``, ``columns`` (heads of the metrics),
        ``rows`` (``{"name", "place", "said", "epoch", "values"}``; `place` is that of the
        run among those that have begun, by which it has its colour), ``mean`` (pairs of mean and
        deviation) and ``buttons``.
    """

    bundle_name = "fold_table"

    state = traitlets.Dict().tag(sync=True)

    def __init__(self, act: Act, guard: threading.RLock | None = None, **traits: Any) -> None:
        super().__init__(act, guard, **traits)


def state_of(
    cv: CrossValidation, best: Mapping[int, EpochDone | None], error: str = ""
) -> dict[str, Any]:
    """What the table shows.

    Parameters
    ----------
    best : mapping of int to EpochDone or None
        The best epoch of each fold that counts.
    error : str
        What went wrong besides, in a sentence.
    """
    status, runs = cv.status, cv.runs
    places = {run.config.data.fold: place for place, run in enumerate(runs)}
    waits = "waits" if status == "running" else "not begun"
    rows = [
        {"name": f"fold {fold + 1}"}
        | ({"said": waits} if fold not in places else _said(runs[places[fold]]))
        | ({"place": places.get(fold)})
        | _figures(best.get(fold))
        for fold in range(cv.folds)
    ]
    return {
        "status": status,
        "note": f"{len(best)} of {cv.folds} folds are through",
        "error": error or cv.trouble,
        "columns": list(MEASURES.values()),
        "rows": rows,
        "mean": [_mean([getattr(one, name) for one in best.values() if one]) for name in MEASURES],
        "buttons": [] if cv.path is None else _buttons(status),
    }


def as_html(state: Mapping[str, Any]) -> str:
    """The table as HTML, out of its state."""
    rows = [[row["name"], row["said"], row["epoch"], *row["values"]] for row in state["rows"]]
    mean = [f"{mean} ± {off}" if off else mean for mean, off in state["mean"]]
    head = ("fold", "status", "best epoch", *state["columns"])
    return table(head, [*rows, ["mean ± sample deviation", "", "", *mean]])


def _said(run: Run) -> dict[str, str]:
    """What becomes of a run, in a word or two, and why."""
    with RunStore.open(run.path) as store:
        status = store.status()
        if status == "failed":
            return {"said": f"failed: {failure(store)}"}
        return {"said": glance(store).label if status in LIVE else status}


def _figures(best: EpochDone | None) -> dict[str, Any]:
    values = [_figure(getattr(best, name, None)) for name in MEASURES]
    return {"epoch": "" if best is None else str(best.epoch), "values": values}


def _mean(values: Sequence[float | None]) -> list[str]:
    """Mean and sample deviation of what was measured."""
    known = [value for value in values if value is not None]
    return [
        _figure(fmean(known) if known else None),
        _figure(stdev(known) if len(known) > 1 else None),
    ]


def _figure(value: float | None) -> str:
    """A number as it is read; nothing for what was not measured."""
    return "" if value is None else f"{value:.4f}"


def _buttons(status: str) -> list[dict[str, str]]:
    if status == "running":
        return [{"name": "stop", "label": "Stop", "help": "End the fold in hand, begin no other"}]
    if status == "finished":
        return []
    return [{"name": "resume", "label": "Go on", "help": "With the fold that was left"}]

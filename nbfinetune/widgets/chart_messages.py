"""What `LiveCharts` and its page say to each other; numbers travel as float64 in buffers."""

from __future__ import annotations

from itertools import takewhile
from typing import Annotated, Any, TypeAlias

import msgspec
from msgspec import Meta, Struct

from nbfinetune.widgets.digest import Rows
from nbfinetune.widgets.history import RunHistory, Update, changes_plan, epoch_rows
from nbfinetune.widgets.time_line import mark

MEASURES = (
    "accuracy",
    "macro_f1",
    "precision",
    "recall",
    "top5",
    "roc_auc",
    "train_loss",
    "val_loss",
)
"""Columns of an epoch's row after step, epoch and best."""

MOST_EPOCHS = 2000

Message: TypeAlias = tuple[dict[str, Any], list[bytes]]
"""JSON content and binary buffers."""


class SnapshotRequest(Struct, frozen=True, forbid_unknown_fields=True, tag="snapshot"):
    """A view was drawn, or has missed something, and wants everything."""


class WindowRequest(Struct, frozen=True, forbid_unknown_fields=True, tag="window"):
    """A view shows only some steps and wants these in full resolution.

    Parameters
    ----------
    id : int
        Comes back with the answer.
    run : int
        Place among the runs shown.
    first, last : int
        Steps in the window.
    """

    id: int
    run: Annotated[int, Meta(ge=0)]
    first: Annotated[int, Meta(ge=0, le=2**53)]
    last: Annotated[int, Meta(ge=0, le=2**53)]


class Presence(Struct, frozen=True, forbid_unknown_fields=True, tag="present"):
    """Somebody is at the page."""


Request: TypeAlias = SnapshotRequest | WindowRequest | Presence


def request_from(content: Any) -> Request:
    """Understand what the page sent.

    Raises
    ------
    msgspec.ValidationError
        Says what of it makes no sense, and where.
    """
    request: Request = msgspec.convert(content, Request)
    return request


def snapshot(run: int, history: RunHistory | None, trouble: str = "") -> Message:
    """Everything there is to draw of one run, in about 100 kB; it replaces what was drawn of it.

    Parameters
    ----------
    run : int
        Its place among the runs shown.
    history : RunHistory or None
        None while it is being read for the first time.
    trouble : str
        Why it can't be read.
    """
    content: dict[str, Any] = {
        "kind": "snapshot",
        "run": run,
        "seq": -1,
        "marks": [],
        "trouble": trouble,
    }
    if history is None:
        return content, []
    content |= {"seq": history.seq, "marks": history.marks, **_state(history)}
    epochs = epoch_rows(_thinned(history), MEASURES)
    return content, [_packed(history.digest.rows), _packed(epochs), _packed(history.planned())]


def delta(run: int, history: RunHistory, update: Update) -> Message:
    """What an update adds to a snapshot; as large as what is new, whatever the run's length."""
    planned = changes_plan(update.events)
    new = takewhile(lambda epoch: epoch.seq > update.after, reversed(history.epochs))
    epochs = [*new][::-1]
    content = {
        "kind": "delta",
        "run": run,
        "after": update.after,
        "seq": update.seq,
        "marks": [(e.step, label) for e in update.events if (label := mark(e))],
        "trouble": update.trouble,
        "planned": planned,
        **_state(history),
    }
    buffers = [_packed(update.rows), _packed(epoch_rows(epochs, MEASURES))]
    return content, [*buffers, _packed(history.planned())] if planned else buffers


def window(request: WindowRequest, rows: Rows) -> Message:
    """Answer to a `WindowRequest`."""
    content = {
        "kind": "window",
        "id": request.id,
        "run": request.run,
        "first": request.first,
        "last": request.last,
    }
    return content, [_packed(rows)]


def _state(history: RunHistory) -> dict[str, Any]:
    started = history.started
    return {
        "status": history.status,
        "totalSteps": history.total_steps,
        "stepsPerEpoch": started.steps_per_epoch if started else 0,
        "batchSize": started.batch_size if started else 0,
    }


def _thinned(history: RunHistory) -> list[Any]:
    """Every n-th epoch and all that were the best so far, where they are too many to draw."""
    stride = 1 + len(history.epochs) // MOST_EPOCHS
    last = len(history.epochs) - 1
    best = max((e.epoch for e in history.epochs if e.best), default=None)
    return [
        epoch
        for place, epoch in enumerate(history.epochs)
        if place % stride == 0 or place == last or epoch.epoch == best
    ]


def _packed(rows: Rows) -> bytes:
    return rows.astype("<f8", copy=False).tobytes()

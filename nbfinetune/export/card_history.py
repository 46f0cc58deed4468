"""The part of a model card that tells how it was trained, and what was changed meanwhile."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nbfinetune.export.called import called
from nbfinetune.export.card_tables import markdown_table
from nbfinetune.records import (
    AppliedEdit,
    EpochDone,
    Event,
    FineTuneConfig,
    RunFinished,
    RunStopped,
    as_applied,
    in_force,
)

__all__ = ["history"]


def history(
    config: FineTuneConfig, edits: Sequence[AppliedEdit], told: Sequence[Event]
) -> Iterator[str]:
    """Lines on the settings, the edits by step, and the end of a run.

    Parameters
    ----------
    edits : sequence of AppliedEdit
        The run's edit log, without what the config plans.
    told : sequence of Event
        The run's log.
    """
    yield "## Training"
    yield ""
    training = config.training
    rows = [
        ["epochs, batch size", f"{training.epochs}, {training.batch_size}"],
        ["loss", training.loss],
        ["optimizer", called(config.optimizer)],
        ["learning rate", called(config.schedule)],
        ["augmentation", called(config.augment)],
        ["seed", str(config.seed)],
    ]
    if config.pruning.amount:
        rows.append(["pruning", called(config.pruning)])
    yield from markdown_table(["", ""], [[name, _code(value)] for name, value in rows])
    yield ""
    yield from _ended(told)
    log = in_force([*as_applied(config.planned), *edits])
    if not log:
        yield "Nothing was changed while it trained."
        yield ""
        return
    yield "Changed while it trained:"
    yield ""
    changes = [[f"{entry.step:,}", _code(called(entry.edit))] for entry in log]
    yield from markdown_table(["after step", "change"], changes)
    yield ""


def _ended(told: Sequence[Event]) -> Iterator[str]:
    end = next((e for e in reversed(told) if isinstance(e, (RunFinished, RunStopped))), None)
    best = next((e for e in reversed(told) if isinstance(e, EpochDone) and e.best), None)
    if end is not None:
        why = "stopped by hand" if isinstance(end, RunStopped) else end.reason.replace("_", " ")
        yield f"It ended after {end.step:,} steps ({why})."
    if best is not None:
        yield f"The best epoch was number {best.epoch}."
    if end is not None or best is not None:
        yield ""


def _code(text: str) -> str:
    """Text as code in a cell of a table."""
    plain = text.replace("`", "'").replace("|", "/")
    return f"`{plain}`"

"""Events as rows and back: steps and epochs in columns of their own, all others as JSON."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import astuple

from nbfinetune.errors import StoreError
from nbfinetune.records import (
    Command,
    EpochDone,
    Event,
    RunFailed,
    RunFinished,
    RunPaused,
    RunRestored,
    RunResumed,
    RunStarted,
    RunStopped,
    Status,
    StepDone,
)

if TYPE_CHECKING:
    import numpy as np

STATUS_AFTER: dict[type, Status] = {
    RunStarted: "running",
    RunRestored: "running",
    RunPaused: "paused",
    RunResumed: "running",
    RunFinished: "finished",
    RunStopped: "stopped",
    RunFailed: "failed",
}
"""Events that change the run's status, and to what."""

_STEP_INTEGERS = ("seq", "step", "epoch")
_MAY_BE_NONE = {"roc_auc"}

_events: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)
_commands: msgspec.json.Decoder[Command] = msgspec.json.Decoder(Command)


def kind_of(event: type) -> str:
    """Name of an event's kind in the log."""
    return str(event.__struct_config__.tag)  # type: ignore[attr-defined]


def column_row(event: StepDone | EpochDone) -> tuple[Any, ...]:
    """Row of `steps` or `epochs`: the record's fields in their order."""
    return astuple(event)


def log_row(event: Event) -> tuple[int, int, str, str]:
    """Row of `events`."""
    return event.seq, event.step, kind_of(type(event)), msgspec.json.encode(event).decode()


def from_log(body: str) -> Any:
    """Event out of a row of `events`."""
    try:
        return _events.decode(body)
    except msgspec.MsgspecError as error:
        raise StoreError(
            f"an event on record can't be understood ({error}); was it written by a newer "
            "nbfinetune? update nbfinetune"
        ) from error


def from_columns(kind: type[StepDone | EpochDone], row: Iterable[Any]) -> Any:
    """Event out of a row of `steps` or `epochs`; NULL in a column of numbers was NaN."""
    fields: dict[str, Any] = dict(zip(kind.__struct_fields__, row, strict=True))
    if None in fields.values():
        missing = [name for name, value in fields.items() if value is None]
        fields |= {name: math.nan for name in missing if name not in _MAY_BE_NONE}
    if kind is EpochDone:
        fields["best"] = bool(fields["best"])
    return kind(**fields)


def command_from(body: str) -> Command:
    """Command out of a row of `commands`."""
    return _commands.decode(body)


def step_arrays(names: Sequence[str], rows: Iterable[tuple[Any, ...]]) -> dict[str, np.ndarray]:
    """Columns of `steps` by their names (int64 for seq, step and epoch, else float64)."""
    import numpy as np

    # Whole numbers below 2**53 pass through float64 unharmed, and NULL comes out as NaN.
    table = np.fromiter(chain.from_iterable(rows), np.float64).reshape(-1, len(names))
    return {
        name: table[:, place].astype(np.int64 if name in _STEP_INTEGERS else np.float64)
        for place, name in enumerate(names)
    }

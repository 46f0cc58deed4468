"""What a study found, as the page takes it: plain lists, and None where nothing is known."""

from __future__ import annotations

import json
import math
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from nbfinetune.records import Pruned
from nbfinetune.store import RunStore
from nbfinetune.store.layout import checkpoint

if TYPE_CHECKING:
    from nbfinetune.runner.pruning_study import Board, PruningStudy, WholeModel
    from nbfinetune.runner.run import Run

AMOUNTS = [round(0.01 * percent, 2) for percent in range(96)]
"""Of a pruning of single weights, which has no floor."""

_WHOLE = ("parameters", "macs", "accuracy", "images")


class Drawn(NamedTuple):
    """What the page draws: the board, what was measured on it, and what was timed."""

    board: dict[str, Any]
    points: list[list[float]]
    latencies: list[list[float]]


NOTHING = Drawn({}, [], [])


def drawn(study: PruningStudy, target: str) -> Drawn:
    """All that a study knows, along the amounts of a target.

    Until a time was measured, a board of times is one of multiply-accumulates, and says so by its
    target.
    """
    timed = target != "latency" or bool(study.latencies)
    found = study.board(target if timed else "macs")
    return Drawn(_board(found, study.whole), _points(study, found), _latencies(study, found))


def zeros(run: Run) -> Drawn:
    """How many weights become zero, by amount; needs no study."""
    count = _weights(run)
    counts = [round(amount * count) for amount in AMOUNTS]
    return Drawn({"target": "parameters", "amounts": AMOUNTS, "zeros": counts}, [], [])


def _board(found: Board, whole: WholeModel | None) -> dict[str, Any]:
    told: dict[str, Any] = {
        "target": found.target,
        "amounts": _numbers(found.amounts),
        **{name: _whole_numbers(getattr(found, name)) for name in ("parameters", "macs")},
        "bytes": _whole_numbers(found.size_bytes),
        **{name: _numbers(getattr(found, name)) for name in ("accuracy", "low", "high")},
        "left": {name: _whole_numbers(units) for name, units in found.left.items()},
    }
    if whole is not None:
        figures: dict[str, Any] = {name: getattr(whole, name) for name in _WHOLE}
        told["whole"] = {**figures, "bytes": whole.size_bytes}
    return told


def _points(study: PruningStudy, found: Board) -> list[list[float]]:
    """Amount, accuracy, and on how many images, of each network that was tried."""
    if found.target == "latency":
        amounts = _placed(found, [point.amount for point in study.points])
    else:
        amounts = [round(point.gone(found.target), 4) for point in study.points]
    return [
        [amount, point.accuracy, point.images]
        for amount, point in zip(amounts, study.points, strict=True)
    ]


def _latencies(study: PruningStudy, found: Board) -> list[list[float]]:
    """Amount, batch, milliseconds before and after, of each pair that was timed."""
    amounts = _placed(found, [timed.macs for timed in study.latencies])
    return [
        [
            timed.amount if timed.target == found.target else amount,
            timed.batch,
            timed.before_ms,
            timed.after_ms,
        ]
        for amount, timed in zip(amounts, study.latencies, strict=True)
    ]


def _placed(found: Board, macs_gone: list[float]) -> list[float]:
    """Amounts of the board with which these parts of the multiply-accumulates go."""
    gone = 1 - found.macs / found.macs[0]
    return [round(float(x), 4) for x in np.interp(macs_gone, gone, found.amounts)]


def _weights(run: Run) -> int:
    """Weights that could be zero: those of the backbone's layers.

    A pruning that was done has counted them; else they are counted in the header of the best
    model's file, where the head is what has as many outputs as there are classes.
    """
    with RunStore.open(run.path) as store:
        done = store.last(Pruned)
    if done is not None:
        return done.weights
    path = checkpoint(run.path, "best")
    return _counted(_header(path)) if path.is_file() else 0


def _header(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header: dict[str, Any] = json.loads(file.read(length))
    return header


def _counted(header: dict[str, Any]) -> int:
    facts = json.loads(header.pop("__metadata__", {}).get("nbfinetune", "{}"))
    classes = len(facts.get("classes", ()))
    shapes = [entry["shape"] for entry in header.values() if entry["dtype"].startswith(("F", "BF"))]
    return sum(math.prod(shape) for shape in shapes if len(shape) > 1 and shape[0] != classes)


def _numbers(values: Any) -> list[float | None]:
    return [None if math.isnan(value) else round(float(value), 4) for value in values]


def _whole_numbers(values: Any) -> list[int]:
    return [round(float(value)) for value in values]

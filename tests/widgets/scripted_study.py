"""A study's process without a network: says of a small model what the real one would."""

from __future__ import annotations

import queue
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from nbfinetune.pruning.board import WholeModel
from nbfinetune.pruning.prediction import Measured
from nbfinetune.pruning.structure import Group, Layer, Member, Structure
from nbfinetune.pruning.structure_record import to_record

UNITS = {"stem": 32, "middle": 64}
ACCURACY = 0.92
IMAGES = 200


def small_model() -> Structure:
    """Two layers of channels, and a classifier that reads the second."""
    groups = tuple(
        Group(name, units, "channels", (
            Member(name, "out", np.arange(units)[:, None]),
            Member(reader, "in", np.arange(units)[:, None]),
        ))
        for (name, units), reader in zip(UNITS.items(), ("middle", "head"), strict=True)
    )  # fmt: skip
    layers = (
        Layer("stem", 32, 3, 9.0, 0.0, 32 * 3 * 9 * 256),
        Layer("middle", 64, 32, 9.0, 0.0, 64 * 32 * 9 * 64),
        Layer("head", 10, 64, 1.0, 1.0, 640),
    )
    return Structure(groups, layers, 100)


def whole() -> dict[str, Any]:
    """The model as it is."""
    structure = small_model()
    parameters, macs = (round(structure.cost(target)) for target in ("parameters", "macs"))
    classes = ("a", "b")
    return asdict(WholeModel(ACCURACY, parameters, macs, 4 * parameters, 32, classes, IMAGES))


def scores() -> dict[str, list[float]]:
    """Later channels matter more."""
    return {name: ((1 + np.arange(units)) / units).tolist() for name, units in UNITS.items()}


def point(amount: float) -> dict[str, Any]:
    """What is measured at an amount: accuracy falls with its square."""
    return asdict(Measured(amount, 0.9 * amount, amount, ACCURACY - 0.8 * amount**2, IMAGES))


class ScriptedChild:
    """Stands in for `nbfinetune.runner.child.Child`.

    Says what a test has it say, until it is dismissed.
    """

    made: list[ScriptedChild]
    """Every one, the newest last; a test sets it anew."""

    def __init__(self, module: str, order: Mapping[str, Any], _: Any = None) -> None:
        self.module, self.heard, self.dismissed = module, [order], False
        self._said: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self.made.append(self)

    def tell(self, order: Mapping[str, Any]) -> None:
        self.heard.append(order)

    def lines(self) -> Iterator[dict[str, Any]]:
        while (record := self._said.get()) is not None:
            yield record

    def status(self) -> int:
        return -9

    def dismiss(self) -> None:
        self.dismissed = True
        self._said.put(None)

    # What a test has it do.

    def say(self, **record: Any) -> None:
        self._said.put(record)

    def die(self) -> None:
        self._said.put(None)

    def introduce(self) -> None:
        """Say what the model is, before anything was measured."""
        self.say(whole=whole())
        self.say(structure=to_record(small_model()))
        self.say(scores=scores())

    def measure(self, *amounts: float) -> None:
        for number, amount in enumerate(amounts, start=1):
            self.say(point=point(amount), progress=f"{number} positions measured")

    def finish(self) -> None:
        """Say that all is done that was asked so far."""
        self.say(through=self.heard[-1]["order"])

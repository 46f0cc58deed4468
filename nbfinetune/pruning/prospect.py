"""What a network would be after a pruning: pure, so that a slider can be answered at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nbfinetune.pruning.plan import Planner
from nbfinetune.pruning.structure import Counts, Structure

WEIGHT_BYTES = 4


@dataclass(frozen=True)
class Prospect:
    """A network after a pruning.

    Parameters
    ----------
    amount : float
        Part of the target that was asked for.
    target : {"parameters", "macs", "latency"}
        What the amount is a part of.
    parameters, macs : int
        That are left.
    saved_bytes : int
        Of the weights' file that go.
    left : dict of str to int
        Channels (or heads) that stay, by the layer that makes them.
    damage : float
        Sum of the importance of everything that goes.
    """

    amount: float
    target: str
    parameters: int
    macs: int
    saved_bytes: int
    left: dict[str, int]
    damage: float


def prospect(
    planner: Planner, scores: Mapping[str, NDArray[np.floating[Any]]], amount: float, target: str
) -> Prospect:
    """Look at a pruning without doing it.

    Parameters
    ----------
    planner : Planner
        Of the network, with what is wished for.
    scores : mapping of str to float array
        By group the importance of each unit.
    amount : float in [0, 1)
    target : {"parameters", "macs"}

    Raises
    ------
    ConfigError
        If so much can't go.
    """
    structure = planner.structure
    removed = planner.removed(amount, target) if amount else np.zeros(len(structure.groups), int)
    parameters = structure.parameters(removed)
    return Prospect(
        amount=amount,
        target=target,
        parameters=round(parameters),
        macs=round(structure.macs(removed)),
        saved_bytes=round(WEIGHT_BYTES * (structure.cost("parameters") - parameters)),
        left=_left(structure, removed),
        damage=_damage(structure, scores, removed),
    )


def _left(structure: Structure, removed: Counts) -> dict[str, int]:
    pairs = zip(structure.groups, removed.tolist(), strict=True)
    return {group.name: group.units - count for group, count in pairs}


def _damage(
    structure: Structure, scores: Mapping[str, NDArray[np.floating[Any]]], removed: Counts
) -> float:
    pairs = zip(structure.groups, removed.tolist(), strict=True)
    return float(sum(np.sort(scores[group.name])[:count].sum() for group, count in pairs))

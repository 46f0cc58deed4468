"""Which channels and blocks were taken out: enough to build the smaller network again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from nbfinetune.errors import CheckpointMismatch, ModelError
from nbfinetune.models.weights import read_facts


class Lost(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one layer lost.

    Parameters
    ----------
    layer : str
        Name of a module; or of a parameter, where `dim` is given.
    out, into : tuple of int
        Outputs and inputs that went, ascending, counted as they were before.
    dim : int, optional
        Dimension of a parameter that belongs to no layer; `out` are its places.
    """

    layer: str
    out: tuple[int, ...] = ()
    into: tuple[int, ...] = ()
    dim: int | None = None


class Recipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One pruning; a network that was pruned twice has two, in order.

    Parameters
    ----------
    layers : tuple of Lost
    attributes : dict of str to dict of str to int
        By module what it must be told besides: how many heads an attention has left.
    blocks : tuple of str
        Modules that went as a whole, before the layers: what came to them passes by.
    """

    layers: tuple[Lost, ...]
    attributes: dict[str, dict[str, int]] = {}
    blocks: tuple[str, ...] = ()


def recipes_in(facts: Mapping[str, Any]) -> tuple[Recipe, ...]:
    """What was pruned away from the model of a checkpoint, by the facts that it holds.

    Raises
    ------
    CheckpointMismatch
        If they are of another version.
    """
    try:
        return msgspec.convert(facts.get("recipes", ()), tuple[Recipe, ...])
    except msgspec.ValidationError as error:
        raise CheckpointMismatch(
            f"the checkpoint tells of its pruning in a way that this version can't read ({error})"
        ) from error


def recipes_of(path: Path) -> tuple[Recipe, ...]:
    """What was pruned away from the model of a weights file; nothing where it is not a run's."""
    try:
        facts = read_facts(path)
    except ModelError:
        return ()
    return recipes_in(facts)

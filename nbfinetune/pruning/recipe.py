"""Which channels of which layer were taken out: enough to build the smaller network again."""

from __future__ import annotations

import msgspec


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
    """

    layers: tuple[Lost, ...]
    attributes: dict[str, dict[str, int]] = {}

"""What of a network can be removed together, and what every piece of it costs: pure, without torch.

A group is a set of units (channels, or attention heads) such that removing one of them means
removing slices of several layers at once: the outputs of the layer that makes it, its norm, and
the inputs of every layer that reads it. The cost of a network is a sum over its layers of
(outputs kept) times (inputs kept), so it is known for any choice without building anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Side: TypeAlias = Literal["out", "in"]
Counts: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True)
class Member:
    """What one layer loses with the units of a group.

    Parameters
    ----------
    layer : str
        Name of a module; or of a parameter, whose `dim` is what shrinks.
    side : {"out", "in"}
    indices : int array (units, k)
        Row i: what goes with unit i.
    dim : int, optional
        Dimension of a parameter that belongs to no layer.
    """

    layer: str
    side: Side
    indices: NDArray[np.int64]
    dim: int | None = None


@dataclass(frozen=True)
class Group:
    """Units that can be removed one by one.

    Parameters
    ----------
    name : str
        Layer that makes them.
    units : int
    kind : {"channels", "heads"}
    members : tuple of Member
    """

    name: str
    units: int
    kind: Literal["channels", "heads"]
    members: tuple[Member, ...]


@dataclass(frozen=True)
class Layer:
    """A layer that computes with weights, or a pair of products inside of attention.

    Parameters
    ----------
    name : str
    outputs, inputs : int
        Channels or features; a depthwise convolution has one input.
    per_pair : float
        Weights for each pair of an output and an input: the kernel's area.
    per_output : float
        Other weights for each output: bias, norm.
    macs : int
        Multiply-accumulates of one image at the size that was traced.
    """

    name: str
    outputs: int
    inputs: int
    per_pair: float
    per_output: float
    macs: int


@dataclass(frozen=True)
class Structure:
    """Groups and layers of a network.

    Parameters
    ----------
    groups : tuple of Group
    layers : tuple of Layer
    fixed : int
        Parameters that nothing removes.
    """

    groups: tuple[Group, ...]
    layers: tuple[Layer, ...]
    fixed: int

    @cached_property
    def units(self) -> Counts:
        """Units of each group."""
        return np.array([group.units for group in self.groups], np.int64)

    def parameters(self, removed: Counts) -> float:
        """Parameters that are left.

        Parameters
        ----------
        removed : int array (groups,)
            How many units of each group go.
        """
        outputs, inputs = self._left(removed)
        sizes = self._columns
        return float(self.fixed + (outputs * (inputs * sizes["pair"] + sizes["output"])).sum())

    def macs(self, removed: Counts) -> float:
        """Multiply-accumulates that are left, one image."""
        outputs, inputs = self._left(removed)
        sizes = self._columns
        return float((sizes["macs"] * outputs / sizes["outputs"] * inputs / sizes["inputs"]).sum())

    def cost(self, target: str, removed: Counts | None = None) -> float:
        """`parameters` or `macs`, by its name; of the whole network where nothing is removed."""
        gone = np.zeros(len(self.groups), np.int64) if removed is None else removed
        return self.parameters(gone) if target == "parameters" else self.macs(gone)

    def _left(self, removed: Counts) -> tuple[NDArray[Any], NDArray[Any]]:
        sizes, (out, into) = self._columns, self._ties
        return sizes["outputs"] - out @ removed, sizes["inputs"] - into @ removed

    @cached_property
    def _columns(self) -> Mapping[str, NDArray[Any]]:
        rows = self.layers
        return {
            "outputs": np.array([row.outputs for row in rows], float),
            "inputs": np.array([row.inputs for row in rows], float),
            "pair": np.array([row.per_pair for row in rows], float),
            "output": np.array([row.per_output for row in rows], float),
            "macs": np.array([row.macs for row in rows], float),
        }

    @cached_property
    def _ties(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """How many outputs, and inputs, of each layer go with one unit of each group."""
        place = {layer.name: row for row, layer in enumerate(self.layers)}
        ties = np.zeros((2, len(self.layers), len(self.groups)))
        for column, group in enumerate(self.groups):
            for member in group.members:
                if member.layer in place:
                    side = 0 if member.side == "out" else 1
                    ties[side, place[member.layer], column] += member.indices.shape[1]
        return ties[0], ties[1]


def removed_slices(
    groups: Iterable[Group], gone: Mapping[str, NDArray[np.int64]]
) -> dict[tuple[str, Side, int | None], NDArray[np.int64]]:
    """What each layer loses: by layer, side and dimension the sorted indices.

    Parameters
    ----------
    gone : mapping of str to int array
        By group the units that are removed.
    """
    lost: dict[tuple[str, Side, int | None], list[NDArray[np.int64]]] = {}
    for group in groups:
        units = gone.get(group.name)
        if units is not None and len(units):
            for member in group.members:
                key = (member.layer, member.side, member.dim)
                lost.setdefault(key, []).append(member.indices[units].ravel())
    return {key: np.unique(np.concatenate(parts)) for key, parts in lost.items()}

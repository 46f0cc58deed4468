"""A data set that was an object in a notebook: its images by number, read when asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from numpy.typing import NDArray


class Unit(NamedTuple):
    """One image of a data set.

    Parameters
    ----------
    image : path, bytes, PIL image or array
        Bytes are those of an image file; an array is (H, W) or (H, W, C).
    label : int or str
        A whole number counts the classes where the set names them.
    group : optional
        Images of one group never stand on both sides of a split.
    """

    image: Any
    label: Any
    group: Any = None


@dataclass(frozen=True, eq=False)
class Opened:
    """A data set.

    Parameters
    ----------
    count : int
    units : callable (rows) -> iterator of Unit
    classes : tuple of str, optional
        Names of the classes by their number.
    pixels : uint8 array (N, H, W) or (N, H, W, C), optional
        All images, where the set has them so.
    """

    count: int
    units: Callable[[Sequence[int]], Iterator[Unit]]
    classes: tuple[str, ...] | None = None
    pixels: NDArray[Any] | None = None

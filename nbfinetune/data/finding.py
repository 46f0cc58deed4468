"""The record of a finding, and how one is put into words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Sized
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nbfinetune.data.image_index import ImageIndex
from nbfinetune.data.splits import LEFT_OUT

Action: TypeAlias = Literal["exclude", "move to train", "take as is"]


@dataclass(frozen=True)
class Finding:
    """One thing that is odd about some of the images.

    Parameters
    ----------
    kind : str
        Name of it, the same in every scan: "truncated", "leak", …
    title : str
        What was found, with its count: "2 files are cut off before their end".
    items : tuple of int
        Ids of the images that `action` is about.
    details : tuple of str
        One for each of `items`: why it is among them.
    action : {"exclude", "move to train", "take as is"}
        What is suggested.
    advice : str
        What it means for the run, and what can be done.
    groups : tuple of tuples of int
        For duplicates: the ids that belong together, training images first.
    """

    kind: str
    title: str
    items: tuple[int, ...]
    details: tuple[str, ...]
    action: Action
    advice: str
    groups: tuple[tuple[int, ...], ...] = ()

    @property
    def count(self) -> int:
        """Number of images that it is about."""
        return len(self.items)


class Wording(NamedTuple):
    """A kind of finding in words.

    Parameters
    ----------
    kind : str
    one, many : str
        What follows the count in the title: "file is", "files are".
    rest : str
        What follows that.
    action : Action
    advice : str
    """

    kind: str
    one: str
    many: str
    rest: str
    action: Action
    advice: str

    def about(
        self,
        items: Iterable[int],
        details: Sequence[str],
        counted: Sized | None = None,
        groups: Sequence[tuple[int, ...]] = (),
    ) -> list[Finding]:
        """The finding, or nothing where there are no items.

        Parameters
        ----------
        items : ids
        details : sequence of str
            One for each item.
        counted : sized, optional
            What the title counts, where it is not the items.
        groups : sequence of tuples of ids
        """
        ids = tuple(items)
        count = len(ids if counted is None else counted)
        title = f"{count} {self.one if count == 1 else self.many} {self.rest}"
        found = Finding(
            self.kind, title, ids, tuple(details), self.action, self.advice, tuple(groups)
        )
        return [found] if ids else []


def used(mask: NDArray[np.bool_], index: ImageIndex) -> list[int]:
    """Ids that are marked and train or validate."""
    ids: list[int] = np.flatnonzero(mask & (index.split != LEFT_OUT)).tolist()
    return ids


def class_of(image: int, index: ImageIndex) -> str:
    """Name of an image's class."""
    name: str = index.classes[int(index.labels[image])]
    return name

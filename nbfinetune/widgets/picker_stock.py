"""What there is to choose from: the catalogue, what of it lies here, and the way to the hub."""

from __future__ import annotations

from typing import Any

from nbfinetune.models.catalogue import catalogue, known
from nbfinetune.models.hub_cache import cached_names, network
from nbfinetune.models.model_facts import ModelFacts
from nbfinetune.widgets.picker_rows import columns


class Stock:
    """The catalogue and this machine's share of it; nothing is read before somebody looks.

    Attributes
    ----------
    looked : bool
        Whether anybody has.
    cached : frozenset of str
        Names whose weights lie on this machine.
    network : {"online", "offline", ""}
        Empty while nobody has looked.
    """

    def __init__(self) -> None:
        self.looked = False
        self.cached: frozenset[str] = frozenset()
        self.network = ""

    def look(self) -> None:
        """Read the catalogue, and what of it lies on this machine now."""
        self.cached = cached_names(catalogue())
        self.looked = True

    def find(self, name: str) -> ModelFacts | None:
        """The catalogue's row of a name; None for others, and before anybody has looked."""
        return known(name) if self.looked else None

    def columns(self) -> dict[str, list[Any]]:
        """The whole catalogue for the page."""
        self.look()
        return columns(catalogue(), self.cached)

    def ask_network(self) -> None:
        """Find out whether the hub answers; takes two seconds at most."""
        self.network = network()

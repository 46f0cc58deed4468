"""Where the panels lie: named slots in a grid, so that a widget can take over another's place."""

from __future__ import annotations

from typing import Any

import ipywidgets

AREAS = {
    "left": ("data", "preview"),
    "middle": ("model", "schedule", "training", "pruning"),
}
"""Slots that share a column, from top to bottom."""

PLACES = ("bar", "left", "middle", "charts", "after")
"""What lies in the grid: columns, and slots with places of their own; `after` may be empty."""


class Surface(ipywidgets.Box):
    """A grid of panels that keeps its shape at any width; see `js/src/lib/surface.css`.

    Parameters
    ----------
    slots : dict of str to Widget
        What lies where: `bar`, `charts`, perhaps `after`, and any of `AREAS`.
    """

    def __init__(self, slots: dict[str, Any]) -> None:
        self._slots = slots
        # One layout for all: each of its own would be one more message before the first paint.
        self._plain = ipywidgets.Layout()
        self._columns = {
            area: ipywidgets.Box((), layout=self._plain, _dom_classes=_classes("column", area))
            for area in AREAS
        }
        self._grid = ipywidgets.Box((), layout=self._plain, _dom_classes=("nbft-grid",))
        self._lay()
        super().__init__((self._grid,), layout=self._plain, _dom_classes=("nbft-surface",))

    def slot(self, name: str) -> Any:
        """What lies in a slot."""
        return self._slots[name]

    def has(self, name: str) -> bool:
        """Whether anything lies in a slot."""
        return name in self._slots

    def close(self) -> None:
        """Take the surface and everything on it off the page."""
        super().close()
        # One whose constructor raised is closed too, when it is collected.
        slots: dict[str, Any] = vars(self).get("_slots", {})
        for widget in slots.values():
            widget.close()

    def place(self, name: str, widget: Any) -> None:
        """Put a widget into a slot, in the place of what lay there."""
        if self.comm is None:  # closed meanwhile: nobody will see it
            widget.close()
            return
        before = self._slots.get(name)
        self._slots[name] = widget
        self._lay()
        if before is not None and before is not widget:
            before.close()

    def _lay(self) -> None:
        for name, widget in self._slots.items():
            for css in _classes("slot", name):
                widget.add_class(css)
        for area, names in AREAS.items():
            children = tuple(self._slots[name] for name in names if name in self._slots)
            if self._columns[area].children != children:
                self._columns[area].children = children
        placed = {**self._columns, **self._slots}
        self._grid.children = tuple(placed[name] for name in PLACES if name in placed)


def _classes(kind: str, name: str) -> tuple[str, ...]:
    return (f"nbft-{kind}", f"nbft-area-{name}")

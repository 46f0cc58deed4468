"""The picture that stands in a saved notebook for charts that need a kernel."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable

STILL_EVERY_S = 30.0
"""How old the picture may be in a notebook that is saved while a run trains."""


class Still:
    """A picture below the live charts, renewed in place; the page hides it while these are live.

    Parameters
    ----------
    name : str
        Attribute `id` of the picture, by which the page finds it.
    draw : callable
        Gives the picture as SVG.
    """

    def __init__(self, name: str, draw: Callable[[], str]) -> None:
        from IPython.display import display

        self._name = name
        self._draw = draw
        self._drawn_at = time.monotonic()
        display(self._bundle(), raw=True, display_id=name)

    def refresh(self, *, over: bool) -> None:
        """Draw it anew where the run is over or the picture is old; from any thread."""
        from IPython.display import display

        now = time.monotonic()
        if over or now - self._drawn_at >= STILL_EVERY_S:
            self._drawn_at = now
            display(self._bundle(), raw=True, display_id=self._name, update=True)

    def _bundle(self) -> dict[str, str]:
        picture = self._draw().replace("<svg ", f'<svg id="{self._name}" ', 1)
        return {"image/svg+xml": picture, "text/plain": "a picture of the charts above"}


def still_html(svg: str) -> str:
    """A picture as HTML that survives the cleaning which viewers of notebooks do."""
    data = base64.b64encode(svg.encode()).decode()
    source = f"data:image/svg+xml;base64,{data}"
    return f'<img alt="Charts of the run" style="max-width: 100%" src="{source}">'

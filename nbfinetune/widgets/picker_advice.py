"""What the picker finds out on demand: speeds of models on this machine, and recommendations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nbfinetune.errors import ConfigError
from nbfinetune.widgets.draft import Draft


class Advice:
    """Measures and recommends for the run that a draft would be.

    Parameters
    ----------
    draft : Draft
    tell : callable ()
        Called, from whatever thread, when `told` has changed.
    """

    def __init__(self, draft: Draft, tell: Callable[[], None]) -> None:
        self._draft, self._tell = draft, tell

    def measure(self, names: Any) -> None:
        """Time models on the device; returns at once."""
        raise ConfigError(f"{names!r}: models can't be measured here yet")

    def cancel(self) -> None:
        """Measure no more."""

    def recommend(self, budget: Any) -> None:
        """Look for three models within so many seconds; returns at once."""
        raise ConfigError(f"{budget!r}: nothing can be recommended here yet")

    def settings_of(self, role: Any) -> dict[str, Any]:
        """Settings of a recommendation."""
        raise ConfigError(f"{role!r} was not recommended")

    def told(self) -> dict[str, Any]:
        """What the page is told."""
        return {"speeds": {}, "measuring": {}, "recommended": [], "recommending": False, "said": ""}

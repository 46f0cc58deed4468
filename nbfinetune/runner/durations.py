"""Spans of time as people type them, and as they read them."""

from __future__ import annotations

import re

from nbfinetune.errors import ConfigError

__all__ = ["seconds_of", "span"]

MINUTE_S, HOUR_S = 60.0, 3600.0
_UNITS = {"s": 1.0, "m": MINUTE_S, "h": HOUR_S}
_TYPED = re.compile(r"\s*(\d+(?:[.,]\d+)?)\s*(s|m|h)\w*\s*", re.IGNORECASE)


def seconds_of(given: object) -> float | None:
    """Seconds in what somebody typed: ``"10 min"``, ``"1.5 h"``, ``90``; None is no limit.

    Raises
    ------
    ConfigError
        If it is no span of time above 0.
    """
    if given is None:
        return None
    seconds: float | None = None
    if isinstance(given, (int, float)) and not isinstance(given, bool):
        seconds = float(given)
    elif isinstance(given, str) and (found := _TYPED.fullmatch(given)):
        seconds = float(found[1].replace(",", ".")) * _UNITS[found[2].lower()]
    if seconds is None or not seconds > 0:
        raise ConfigError(f"{given!r} is no time to spend; give '10 min', '2 h' or seconds")
    return seconds


def span(seconds: float) -> str:
    """Seconds as people say them: 0.4 s, 40 s, 12 min, 2.5 h."""
    if seconds < 10:
        return f"{seconds:.1g} s"
    if seconds < 2 * MINUTE_S:
        return f"{seconds:.0f} s"
    if seconds < 2 * HOUR_S:
        return f"{seconds / MINUTE_S:.0f} min"
    return f"{seconds / HOUR_S:.2g} h" if seconds < 10 * HOUR_S else f"{seconds / HOUR_S:.0f} h"

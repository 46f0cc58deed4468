"""Quantities as a person reads them: bytes, seconds, parameters."""

from __future__ import annotations

_STEP = 1000.0
_BYTES = ("bytes", "kB", "MB", "GB", "TB")
_MINUTE, _HOUR = 60.0, 3600.0


def bytes_in_words(count: float) -> str:
    """Bytes with a unit of ten's powers: ``46.8 MB``."""
    unit = 0
    while count >= _STEP and unit < len(_BYTES) - 1:
        count, unit = count / _STEP, unit + 1
    return f"{count:.0f} {_BYTES[unit]}" if count >= 100 else f"{count:.3g} {_BYTES[unit]}"


def seconds_in_words(seconds: float) -> str:
    """A time span to two or three digits: ``40 s``, ``3.5 min``, ``2.1 h``."""
    if seconds < 10:
        return f"{seconds:.2g} s"
    if seconds < 2 * _MINUTE:
        return f"{seconds:.0f} s"
    if seconds < 2 * _HOUR:
        return f"{seconds / _MINUTE:.3g} min"
    return f"{seconds / _HOUR:.3g} h"


def millions(count: float) -> str:
    """A count in millions: ``11.7 M``; thousands below one: ``420 k``."""
    if count >= 1e8:
        return f"{count / 1e6:.0f} M"
    return f"{count / 1e6:.3g} M" if count >= 1e6 else f"{count / 1e3:.3g} k"

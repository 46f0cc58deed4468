"""Quantities as a person reads them: bytes, parameters; times are in `durations`."""

from __future__ import annotations

_STEP = 1000.0
_BYTES = ("bytes", "kB", "MB", "GB", "TB")


def bytes_in_words(count: float) -> str:
    """Bytes with a unit of ten's powers: ``46.8 MB``."""
    unit = 0
    while count >= _STEP and unit < len(_BYTES) - 1:
        count, unit = count / _STEP, unit + 1
    return f"{count:.0f} {_BYTES[unit]}" if count >= 100 else f"{count:.3g} {_BYTES[unit]}"


def millions(count: float) -> str:
    """A count in millions: ``11.7 M``; thousands below one: ``420 k``."""
    if count >= 1e8:
        return f"{count / 1e6:.0f} M"
    return f"{count / 1e6:.3g} M" if count >= 1e6 else f"{count / 1e3:.3g} k"

"""Records in one line, as they would be typed."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

__all__ = ["called"]

_LONGEST = 300


def called(record: Struct) -> str:
    """A record by its name, and those fields that differ from what they are by default.

    At most 300 characters of it; the rest becomes an ellipsis.
    """
    kind = type(record)
    usual = _defaults(kind)
    given = [
        f"{name}={getattr(record, name)!r}"
        for name in kind.__struct_fields__
        if name not in usual or getattr(record, name) != usual[name]
    ]
    text = f"{kind.__name__}({', '.join(given)})"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _defaults(kind: type[Struct]) -> dict[str, Any]:
    values = kind.__struct_defaults__
    names = kind.__struct_fields__[len(kind.__struct_fields__) - len(values) :]
    # A list or a mapping is made anew for each record.
    return {
        name: getattr(value, "factory", lambda value=value: value)()
        for name, value in zip(names, values, strict=True)
    }

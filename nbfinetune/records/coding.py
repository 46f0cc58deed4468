"""Records to JSON and back, with errors that show the value."""

from __future__ import annotations

import math
from typing import Any, TypeVar

import msgspec

from nbfinetune.errors import ConfigError

T = TypeVar("T")


def encode(record: object) -> bytes:
    """JSON of a record."""
    return msgspec.json.encode(record)


def decode(data: bytes | str, kind: Any) -> Any:
    """Record of type `kind` (a class or a union of classes) out of JSON.

    Raises
    ------
    ConfigError
        If the text is not such a record; the message says where.
    """
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.DecodeError as error:
        raise ConfigError(f"not a valid record: {error}") from error


def checked(record: T, kind: Any = None) -> T:
    """`record` after a look at every value in it (msgspec checks types only when it decodes).

    Raises
    ------
    ConfigError
        Names the field, the value that was wrong, and what is allowed.
    """
    builtins = msgspec.to_builtins(record)
    try:
        result: T = msgspec.convert(builtins, kind or type(record))
    except msgspec.ValidationError as error:
        raise ConfigError(_sentence(str(error), builtins)) from error
    _refuse_non_finite(builtins, "")
    return result


def _sentence(message: str, builtins: Any) -> str:
    reason, _, path = message.partition(" - at `$.")
    path = path.rstrip("`")
    if not path:
        return reason
    # Of a mapping's values, msgspec does not tell which one it was.
    value = _value_at(builtins, path.partition("[...]")[0])
    return f"{path} is {value!r}: {reason[0].lower()}{reason[1:]}"


def _value_at(builtins: Any, path: str) -> Any:
    for part in path.replace("[", ".[").split("."):
        if part.startswith("["):
            builtins = builtins[int(part[1:-1])]
        elif isinstance(builtins, dict):
            builtins = builtins.get(part)
    return builtins


def _refuse_non_finite(value: Any, path: str) -> None:
    if isinstance(value, dict):
        for key, inner in value.items():
            _refuse_non_finite(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, (list, tuple)):
        for index, inner in enumerate(value):
            _refuse_non_finite(inner, f"{path}[{index}]")
    elif isinstance(value, float) and not math.isfinite(value):
        raise ConfigError(f"{path} is {value!r}: a finite number is needed")

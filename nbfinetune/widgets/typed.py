"""Values as a person types them: read, written, and refused in words."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nbfinetune.errors import ConfigError
from nbfinetune.models.model_checks import check_name, check_weights_file
from nbfinetune.runner.settings import AUTO
from nbfinetune.widgets.fields import Field


def read(field: Field, raw: Any) -> Any:  # noqa: PLR0911 - one way out for each kind
    """Value of what was typed into a control.

    Raises
    ------
    ConfigError
        If it can't be read as what the field takes.
    """
    if field.kind == "flag":
        if not isinstance(raw, bool):
            raise ConfigError(f"{raw!r} is neither on nor off")
        return raw
    text = str(raw).strip()
    if not text:
        if field.empty:
            return None
        raise ConfigError(f"{field.label.lower()} is needed")
    if field.kind == "integer":
        return _whole(text)
    if field.kind == "number":
        return AUTO if field.name == "lr" and text.lower() == AUTO else _number(text)
    if field.name == "milestones":
        return tuple(_number(part) for part in text.replace(";", ",").split(",") if part.strip())
    if field.name in _CHOICES:
        return _CHOICES[field.name](text)
    if field.name in _CHECKS:
        _CHECKS[field.name](text)
    return text


def _check_file(text: str) -> None:
    check_weights_file(Path(text).expanduser())


def _either(text: str) -> bool | str:
    return {"true": True, "false": False}.get(text.lower(), text)


_CHOICES: dict[str, Callable[[str], Any]] = {
    "freeze": lambda text: int(text) if text.isdigit() else text,
    "channels_last": _either,
}
"""Whose values are not text, or not always."""

_CHECKS = {"model": check_name, "checkpoint": _check_file}
"""What is looked at before the worker is asked."""


def _whole(text: str) -> int:
    try:
        return int(text.replace("_", ""))
    except ValueError:
        raise ConfigError(f"{text!r} is not a whole number") from None


def _number(text: str) -> float:
    try:
        return float(text.strip())
    except ValueError:
        raise ConfigError(
            f"{text.strip()!r} is not a number; write it like 0.001 or 1e-3"
        ) from None


def written(value: Any) -> str | bool:
    """A setting's value as a person would type it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return value
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, tuple):
        return ", ".join(str(written(item)) for item in value)
    return str(value)


_LIMIT = re.compile(
    r"^(?:[\w ]*: )?[\w.]+ is (?P<value>.+?): expected `\w+` (?P<sign>[<>]=?) (?P<limit>\S+)$"
)
_CHOICE = re.compile(r"^(?:[\w ]*: )?[\w.]+ is (?P<value>'.*?'): ")
_SIGNS = {">=": "at least", ">": "more than", "<=": "at most", "<": "less than"}


def in_words(message: str) -> str:
    """A refusal without the record's own vocabulary: its place on the page says which it is."""
    if limit := _LIMIT.match(message):
        value, bound = limit["value"].removesuffix(".0"), limit["limit"].removesuffix(".0")
        return f"{value} is out of range: it must be {_SIGNS[limit['sign']]} {bound}"
    if choice := _CHOICE.match(message):
        return f"{choice['value']} is not among the choices"
    return message

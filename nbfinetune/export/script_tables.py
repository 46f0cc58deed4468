"""Long values of a script: on several lines, or in a file beside it that it reads."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["WIDEST", "as_json", "beside", "in_place", "wrapped"]

WIDEST = 98
"""Characters of a line."""

_ASSIGNED = re.compile(r"( *)(\w+) = ([\[({'\"].*)$")
_READ = re.compile(r" *(\w+) = (RUN\['\w+'\]|tuple\(RUN\['\w+'\]\))$")
_OPENING, _CLOSING = "([{", ")]}"
_BREAKS = (", ", " for ", " if ")


def beside(lines: Sequence[str], most: int) -> tuple[list[str], dict[str, Any]]:
    """Lines without the values that take more than `most` of them, and these values by name.

    Parameters
    ----------
    lines : sequence of str
        Where ``NAME = value`` with plain data is too long, ``NAME = RUN['name']`` comes instead.
    most : int
        Lines that a value may take before it goes.
    """
    kept: list[str] = []
    tables: dict[str, Any] = {}
    for line in lines:
        short = len(line) <= WIDEST * most
        laid = wrapped(line) if short else [line]
        found = _ASSIGNED.match(line) if not short or _is_wide(laid) else None
        value = _data(found[3]) if found else None
        if found is None or value is None:
            kept += wrapped(line)
            continue
        name = found[2].lower()
        read = f"RUN[{name!r}]"
        kept.append(f"{found[1]}{found[2]} = {f'tuple({read})' if type(value) is tuple else read}")
        tables[name] = value
    return kept, tables


def in_place(parts: Sequence[list[str]]) -> list[list[str]]:
    """Parts of a script without names for tables that are read at one place only."""
    read = {m[1]: m[2] for part in parts for line in part if (m := _READ.match(line))}
    for name, table in read.items():
        word = re.compile(rf"(?<![\w'.]){name}(?![\w'])")
        using = [line for part in parts for line in part if word.search(line)]
        if len(using) != 2 or len(word.findall(using[1])) != 1:
            continue
        once = word.sub(lambda _, table=table: table, using[1])  # type: ignore[misc]
        if len(once) <= WIDEST and not _READ.match(once):
            parts = [
                [once if line == using[1] else line for line in part if line != using[0]]
                for part in parts
            ]
    return [list(part) for part in parts]


def as_json(tables: Mapping[str, Any]) -> str:
    """Values by name, each on a line of its own."""
    rows = [f" {json.dumps(name)}: {json.dumps(value)}" for name, value in tables.items()]
    return "{\n" + ",\n".join(rows) + "\n}\n"


def wrapped(line: str) -> list[str]:
    """A line of Python as several that are no wider than `WIDEST`, where it has places to break."""
    if len(line) <= WIDEST:
        return [line]
    code, mark, comment = line.partition("  # ")
    indent = " " * (len(line) - len(line.lstrip()))
    if mark and not _is_within(code):
        return [f"{indent}# {comment}", *wrapped(code)]
    further = indent + " " * (8 if line.endswith(":") else 4)
    kept: list[str] = []
    while len(line) > WIDEST:
        place = max(_places(line[: WIDEST + 1], depth=1 if kept else 0), default=0)
        if place <= len(further):
            break
        kept.append(line[:place].rstrip())
        line = further + line[place:].lstrip()
    return [*kept, line]


def _is_wide(lines: Sequence[str]) -> bool:
    return any(len(line) > WIDEST for line in lines)


def _data(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (SyntaxError, ValueError):
        return None


def _is_within(code: str) -> bool:
    """Whether a text ends within a string."""
    try:
        ast.parse(code.strip().removesuffix(":"))
    except SyntaxError:
        return not code.rstrip().endswith(":")
    return False


def _places(line: str, depth: int) -> list[int]:
    """Where a line may be broken: outside of strings, within brackets."""
    found, quote, skipped = [], "", False
    for place, character in enumerate(line):
        if skipped or quote:
            quote = "" if character == quote and not skipped else quote
            skipped = character == "\\" and not skipped
        elif character in "'\"":
            quote = character
        elif character in _OPENING + _CLOSING:
            depth += 1 if character in _OPENING else -1
        elif depth:
            found += [place + 1 for mark in _BREAKS[:1] if line.startswith(mark, place)]
            found += [place for mark in _BREAKS[1:] if line.startswith(mark, place)]
    return found

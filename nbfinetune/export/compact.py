"""Python on fewer lines, for a script that would be too long to read at once."""

from __future__ import annotations

import re
from collections.abc import Sequence

from nbfinetune.export.script_tables import WIDEST

__all__ = ["MOST_LINES", "fitted"]

MOST_LINES = 149

_STANDARD = {"csv", "json", "math", "os", "sys"}
_HEADER = re.compile(r"( *)(?:def|if|for) .*:$")
_BLOCK = re.compile(r" *(?:def|class|if|for|with|@|#)")
_PLAIN_IMPORT = re.compile(r"import \w+(?: as \w+)?$")


def fitted(lines: Sequence[str]) -> list[str]:
    """Lines of a script, put closer where they are more than `MOST_LINES`, and no further.

    First imports go onto one line, then empty lines go, blocks of one statement stand behind
    their headers, and last the titles of the sections go.
    """
    for closer in (_import_merged, _without_gap, _merged, _without_title):
        while len(lines) > MOST_LINES:
            fewer = closer(lines)
            if len(fewer) == len(lines):
                break
            lines = fewer
    return list(lines)


def _import_merged(lines: Sequence[str]) -> list[str]:
    plain = [line for line in lines if _PLAIN_IMPORT.match(line)]
    standard = [line for line in plain if line.split()[1] in _STANDARD]
    if len(standard) < 2:
        return list(lines)
    first = lines.index(standard[0])
    names = ", ".join(line.removeprefix("import ") for line in standard)
    rest = [line for line in lines[first:] if line not in standard]
    return [*lines[:first], f"import {names}", *rest]


def _without_gap(lines: Sequence[str]) -> list[str]:
    """Without the last empty line that stands between two functions, or else between any."""
    first = lines.index('"""', 1) if '"""' in lines else 0
    gaps = [place for place, line in enumerate(lines) if not line and place > first]
    inner = [place for place in gaps if not lines[place + 1].startswith("# ----")]
    chosen = (inner or gaps)[-1:]
    return [line for place, line in enumerate(lines) if place not in chosen]


def _merged(lines: Sequence[str]) -> list[str]:
    """With the last block of one statement behind its header."""
    for place in range(len(lines) - 2, -1, -1):
        header, line = lines[place], lines[place + 1]
        following = lines[place + 2] if place + 2 < len(lines) else ""
        if _is_alone(header, line, following):
            return [*lines[:place], f"{header} {line.strip()}", *lines[place + 2 :]]
    return list(lines)


def _is_alone(header: str, line: str, following: str) -> bool:
    """Whether a line is all that its header holds, and may stand behind it."""
    found = _HEADER.match(header)
    if found is None or _BLOCK.match(line) or len(header) + len(line.strip()) + 1 > WIDEST:
        return False
    return _indent(line) > len(found[1]) and (not following or _indent(following) <= len(found[1]))


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _without_title(lines: Sequence[str]) -> list[str]:
    titles = [place for place, line in enumerate(lines) if line.startswith("# ----")]
    return [line for place, line in enumerate(lines) if place not in titles[-1:]]

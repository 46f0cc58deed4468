"""Python on fewer lines, for a script that would be too long to read at once."""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["MOST_LINES", "fitted"]

MOST_LINES = 149
_WIDEST = 120

_HEADER = re.compile(r"( *)(?:def|if|for) .*:$")
_BLOCK = re.compile(r" *(?:def|class|if|for|with|@|#)")
_PLAIN_IMPORT = re.compile(r"import \w+(?: as \w+)?$")


def fitted(lines: Sequence[str]) -> list[str]:
    """Lines of a script, put closer where they are more than `MOST_LINES`.

    First blocks of one statement go behind their headers, and imports onto one line; then empty
    lines go, and last the titles of the sections.
    """
    for closer in (_merged, _without_gaps, _without_titles):
        if len(lines) > MOST_LINES:
            lines = closer(lines)
    return list(lines)


def _merged(lines: Sequence[str]) -> list[str]:
    kept: list[str] = []
    for place, line in enumerate(lines):
        following = lines[place + 1] if place + 1 < len(lines) else ""
        if kept and _PLAIN_IMPORT.match(line) and kept[-1].startswith("import "):
            kept[-1] += line.replace("import", ",", 1)
        elif kept and _is_alone(kept[-1], line, following):
            kept[-1] += f" {line.strip()}"
        else:
            kept.append(line)
    return kept


def _is_alone(header: str, line: str, following: str) -> bool:
    """Whether a line is all that its header holds, and may stand behind it."""
    found = _HEADER.match(header)
    if found is None or _BLOCK.match(line) or len(header) + len(line.strip()) >= _WIDEST:
        return False
    return _indent(line) > len(found[1]) and (not following or _indent(following) <= len(found[1]))


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _without_gaps(lines: Sequence[str]) -> list[str]:
    return [line for line in lines if line]


def _without_titles(lines: Sequence[str]) -> list[str]:
    return [line for line in lines if not line.startswith("# ----")]

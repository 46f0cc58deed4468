"""On a surface all widgets' style sheets meet: none may reach into another widget."""

from __future__ import annotations

import os
import re
from functools import cache
from pathlib import Path

import pytest

SOURCES = Path(__file__).parents[1] / "js" / "src"
WIDGETS = sorted(path.stem for path in SOURCES.glob("*.css"))
RULE = re.compile(r"([^{}]+)\{")
ALONE = re.compile(r"\.(nbft-[\w-]+)(?:[:\[][^\s>+~]*)?")
"""A selector of one class, whose rule holds wherever that class stands."""


@cache
def text(path: Path) -> str:
    return re.sub(r"/\*.*?\*/", "", path.read_text("utf-8"), flags=re.DOTALL)


def beside(path: Path, name: str) -> Path:
    return Path(os.path.normpath(path.parent / name))


@cache
def sheets(path: Path) -> frozenset[Path]:
    """A style sheet with all that it imports."""
    inner = [beside(path, name) for name in re.findall(r'@import "([^"]+)"', text(path))]
    return frozenset({path}.union(*map(sheets, inner)))


def scripts(path: Path, known: set[Path]) -> set[Path]:
    """A script with all that it imports."""
    if path not in known:
        known.add(path)
        for name in re.findall(r'from "(\.[^"]+)"', text(path)):
            scripts(beside(path, f"{name}.ts"), known)
    return known


def classes_alone(path: Path) -> set[str]:
    """Classes to which a style sheet gives rules wherever they stand."""
    rules = RULE.findall(text(path))
    selectors = [part.strip() for rule in rules for part in re.split(r",(?![^(]*\))", rule)]
    return {found[1] for one in selectors if (found := ALONE.fullmatch(one))}


@pytest.mark.parametrize("widget", WIDGETS)
def test_no_other_widgets_rules_reach_into(widget: str) -> None:
    own = sheets(SOURCES / f"{widget}.css")
    others = {sheet for other in WIDGETS for sheet in sheets(SOURCES / f"{other}.css")} - own
    used = "".join(map(text, scripts(SOURCES / f"{widget}.ts", set())))
    reached = {
        f"{sheet.relative_to(SOURCES)}: .{name}"
        for sheet in others
        for name in classes_alone(sheet)
        if re.search(rf"(?<![\w-]){name}(?![\w-])", used)
    }
    assert not reached, "give these rules the class of their widget in front"

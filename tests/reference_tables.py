"""Tables of the docs that the code itself can tell: keywords, schedules, errors."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import get_args

from msgspec.structs import fields

from nbfinetune import errors, records
from nbfinetune.runner.settings import SECTIONS, SHORT
from nbfinetune.schedules import DEFAULT_LR

# A parameter of a numpy docstring: its names, its type, and the indented lines below.
ENTRY = re.compile(r"(?m)^(\w+(?:, \w+)*) : (.+)\n((?:(?:    .*)?\n?)*)")
WORDS = {
    "data": "Data",
    "augment": "Augmentation",
    "model": "Model",
    "optimizer": "Optimizer",
    "training": "Training",
    "pruning": "Pruning",
    "runner": "Where it runs",
}


def described(record: type) -> dict[str, tuple[str, str]]:
    """Type and meaning of each documented parameter of a record."""
    body = inspect.getdoc(record) or ""
    entries = ENTRY.findall(body.partition("Parameters\n----------\n")[2])
    return {
        name: (kind.strip(), " ".join(meaning.split()))
        for names, kind, meaning in entries
        for name in names.split(", ")
    }


def row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def table(head: tuple[str, ...], rows: list[str]) -> list[str]:
    return [row(*head), "|" + "---|" * len(head), *rows, ""]


def shown(default: object) -> str:
    return f"`{default:g}`" if isinstance(default, float) else f"`{default!r}`"


def keywords() -> str:
    """Every keyword of `fine_tune`, by section."""
    lines: list[str] = []
    for section, record in SECTIONS.items():
        lines += [f"### {WORDS[section]}", ""]
        lines += table(("keyword", "takes", "default", "meaning"), list(_rows(section, record)))
    return "\n".join(lines)


def _rows(section: str, record: type) -> Iterator[str]:
    said = described(record)
    for field in fields(record):
        if field.name == "source":
            continue
        kind, meaning = said[field.name]
        keyword = section if SHORT.get(section) == field.name else field.name
        yield row(f"`{keyword}`", kind.removesuffix(", optional"), shown(field.default), meaning)


def schedules() -> str:
    """Every learning-rate curve with its own fields."""
    rows = []
    shared = {field.name for field in fields(records.ScheduleRecord)}
    for record in get_args(records.Schedule):
        own = ", ".join(
            f"`{field.name}={shown(field.default)[1:]}"
            for field in fields(record)
            if field.name not in shared
        )
        sentence = (inspect.getdoc(record) or "").partition("\n")[0]
        rows.append(
            row(f'`"{record.__struct_config__.tag}"`', f"`{record.__name__}`", sentence, own)
        )
    return "\n".join(table(("name", "record", "curve", "fields of its own"), rows))


def rates() -> str:
    """Learning rate that each optimizer starts from."""
    rows = [row(f'`"{name}"`', f"`{rate:g}`") for name, rate in DEFAULT_LR.items()]
    return "\n".join(table(("optimizer", "default `lr`"), rows))


def error_tree() -> str:
    """Draw the tree of errors as its module does."""
    drawn = inspect.getdoc(errors) or ""
    tree = inspect.cleandoc(drawn.partition("::\n\n")[2])
    return f"```\n{tree}\n```\n"

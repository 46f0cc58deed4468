"""Writes the parts of the docs that are made from the code; `make docs` runs it."""

from __future__ import annotations

import re
from collections.abc import Callable

import file_tree
import reference_tables

MADE: dict[tuple[str, str], Callable[[], str]] = {
    ("CONTRIBUTING.md", "tree"): file_tree.tree,
    ("docs/errors.md", "errors"): reference_tables.error_tree,
    ("docs/fine_tune.md", "keywords"): reference_tables.keywords,
    ("docs/fine_tune.md", "rates"): reference_tables.rates,
    ("docs/fine_tune.md", "schedules"): reference_tables.schedules,
}


def standing(page: str, name: str) -> re.Match[str]:
    """Find a part as it stands in its page: the text before it, the part, the text after it."""
    text = (file_tree.ROOT / page).read_text(encoding="utf-8")
    marks = rf"(?s)(.*<!-- make docs: {name} -->\n)(.*?)(<!-- /{name} -->.*)"
    found = re.fullmatch(marks, text)
    if found is None:
        raise LookupError(f"{page} has lost the marks of its part {name!r}")
    return found


def main() -> None:
    """Write every part anew."""
    for (page, name), make in MADE.items():
        before, _, after = standing(page, name).groups()
        (file_tree.ROOT / page).write_text(before + make() + after, encoding="utf-8")


if __name__ == "__main__":
    main()

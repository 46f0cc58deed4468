"""The docs say what the code says, and their links lead somewhere."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import file_tree
import pages
import pytest

PAGES = [path for path in file_tree.tracked() if path.endswith(".md")]
LINK = re.compile(r"\[[^\]]*\]\((?!https?:|#|mailto:)([^)#\s]+)")
PYTHON = re.compile(r"(?s)```python\n(.*?)```")


@pytest.mark.parametrize(("page", "part"), pages.MADE)
def test_what_the_docs_take_from_the_code_is_current(page: str, part: str) -> None:
    current = pages.standing(page, part)[2] == pages.MADE[page, part]()
    assert current, f"{page} differs from the code: run `make docs`"


def test_links_between_the_pages_lead_somewhere() -> None:
    dead = [
        f"{page}: {target}"
        for page in PAGES
        for target in LINK.findall((file_tree.ROOT / page).read_text(encoding="utf-8"))
        if not ((file_tree.ROOT / page).parent / target).exists()
    ]
    assert dead == []


def test_every_page_can_be_reached_from_the_index() -> None:
    index = (file_tree.ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    written = {Path(page).name for page in PAGES if page.startswith("docs/")} - {"index.md"}
    assert written <= set(LINK.findall(index))


@pytest.mark.parametrize("page", PAGES)
def test_python_in_the_docs_is_python(page: str) -> None:
    for example in PYTHON.findall((file_tree.ROOT / page).read_text(encoding="utf-8")):
        ast.parse(example)

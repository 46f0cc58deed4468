"""The annotated file tree of CONTRIBUTING.md, made of each file's own first sentence."""

from __future__ import annotations

import ast
import json
import re
import subprocess
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parents[1]

# Files that can't say for themselves what they are.
KNOWN = {
    ".ci/run": "what CI runs: environment, browser, `make check`, slow tests, `make test`",
    ".gitignore": "what is built or downloaded and so not kept",
    "LICENSE": "Apache-2.0",
    "js/package.json": "the front end's packages, pinned, and its scripts",
    "js/package-lock.json": "checksums of these packages",
    "nbfinetune/py.typed": "says that the package has types",
    "pyproject.toml": "the package, its dependencies, and how ruff, mypy and pytest are set",
}
LINK = re.compile(r"\[([^\]]+)\]\([^)]+\)")
FIRST_COMMENT = re.compile(r"(?m)^(?:#!.*\n)?\s*(?://|#|/\*+|<!--)\s*(.+?)\s*(?:\*/|-->)?$")


def tracked() -> list[str]:
    """Paths of the files that git keeps, as far as they are there."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return sorted(path for path in listed.stdout.split("\0") if path and (ROOT / path).is_file())


def sentence(path: str) -> str:
    """What a file says of itself in its first line; empty where it says nothing."""
    if path in KNOWN:
        return KNOWN[path]
    suffix = PurePosixPath(path).suffix
    if suffix == ".png":
        return "a picture that `make screenshots` takes"
    text = (ROOT / path).read_text(encoding="utf-8", errors="replace")
    if suffix == ".py":
        said = (ast.get_docstring(ast.parse(text)) or _tested(path)).partition("\n")[0]
    elif suffix == ".md":
        paragraphs = [block for block in text.split("\n\n") if re.match(r"`?\w", block)]
        said = " ".join(paragraphs[0].split()).partition(". ")[0] if paragraphs else ""
        said = LINK.sub(r"\1", said)
    elif suffix == ".ipynb":
        said = _heading(text)
    elif path.startswith("benchmarks/results/"):
        said = str(json.loads(text).get("title", ""))
    else:
        found = FIRST_COMMENT.match(text)
        said = found[1] if found else ""
    return said.strip().rstrip(".")


def _tested(path: str) -> str:
    """Name what a test file is about where it has no words of its own."""
    *_, room, name = PurePosixPath(path).with_suffix("").parts
    return f"what `{name[5:]}` of {room} must do" if name.startswith("test_") else ""


def _heading(notebook: str) -> str:
    first = json.loads(notebook)["cells"][0]["source"]
    return "".join(first).partition("\n")[0].lstrip("# ")


def tree() -> str:
    """Draw every tracked file below its folders, with its sentence."""
    lines: list[str] = []
    open_folders: tuple[str, ...] = ()
    for path in sorted(tracked(), key=_files_last):
        *folders, name = PurePosixPath(path).parts
        for depth, folder in enumerate(folders):
            if open_folders[: depth + 1] != tuple(folders[: depth + 1]):
                lines.append(f"{'  ' * depth}{folder}/")
        open_folders = tuple(folders)
        lines.append(f"{'  ' * len(folders) + name:<36} {sentence(path)}".rstrip())
    return "\n".join(["```", *lines, "```", ""])


def _files_last(path: str) -> tuple[tuple[bool, str], ...]:
    parts = PurePosixPath(path).parts
    return tuple((depth == len(parts) - 1, part) for depth, part in enumerate(parts))

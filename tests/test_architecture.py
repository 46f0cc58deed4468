"""The shape that DESIGN promises: floors, sizes, names, and a kernel that stays light."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import file_tree

ROOT = file_tree.ROOT
PACKAGE = ROOT / "nbfinetune"
TRACKED = file_tree.tracked()
CODE = {".py", ".ts", ".css", ".mjs", ".js"}
LONGEST_FILE = 500

# Rooms by floor; a room may know the floors below it and its neighbours, but never both ways.
FLOOR = {
    "widgets": 5,
    "server": 5,
    "demo": 5,
    "runner": 4,
    "engine": 3,
    "evaluation": 3,
    "explain": 3,
    "export": 3,
    "pruning": 3,
    "store": 3,
    "data": 2,
    "models": 2,
    "schedules": 2,
    "records": 1,
    "whole_files": 0,
    "errors": 0,
}
NEVER = {
    "engine": {"nbfinetune.store", "ipywidgets", "IPython"},
    "evaluation": {"nbfinetune.store", "ipywidgets", "IPython"},
    "explain": {"nbfinetune.store", "ipywidgets", "IPython"},
    "export": {"nbfinetune.store", "ipywidgets", "IPython"},
    "pruning": {"nbfinetune.store", "ipywidgets", "IPython"},
    "store": {"nbfinetune.engine", "torch", "timm", "torchvision"},
    "schedules": {"torch", "timm", "torchvision"},
    "records": {"torch", "timm", "torchvision"},
    "whole_files": {"torch", "timm", "torchvision"},
    "errors": {"torch", "timm", "torchvision"},
}
NAMELESS = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "base", "core"}
# What the kernel may import without paying for torch; the worker's own side is the rest.
LIGHT = (
    "data",
    "schedules",
    "records",
    "store",
    "runner",
    "widgets",
    "server",
    "whole_files",
    "errors",
)
WORKER_SIDE = ("nbfinetune.runner.worker",)


def modules() -> Iterator[tuple[str, str, Path]]:
    """Every module as (room, dotted name, path)."""
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        dotted = ".".join(part for part in parts if part != "__init__")
        if dotted != "nbfinetune":
            yield parts[1], dotted, path


def imported(path: Path) -> set[str]:
    """Modules that a file imports at any time, type checking aside."""
    found: set[str] = set()
    waiting: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            waiting.extend(node.orelse)
            continue
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
        waiting.extend(ast.iter_child_nodes(node))
    return found


def rooms_of(names: set[str]) -> set[str]:
    parts = [name.split(".") for name in names if name.startswith("nbfinetune.")]
    return {part[1] for part in parts if part[1] in FLOOR}


def test_every_room_has_a_floor() -> None:
    assert {room for room, _, _ in modules()} <= set(FLOOR)


def test_imports_point_down_only() -> None:
    upward = [
        f"{dotted} (floor {FLOOR[room]}) imports {other} (floor {FLOOR[other]})"
        for room, dotted, path in modules()
        for other in rooms_of(imported(path))
        if FLOOR[other] > FLOOR[room]
    ]
    assert upward == []


def test_neighbours_on_a_floor_never_import_each_other_both_ways() -> None:
    known: dict[str, set[str]] = {}
    for room, _, path in modules():
        known.setdefault(room, set()).update(rooms_of(imported(path)))
    both = [
        (one, other)
        for one, other in combinations(sorted(known), 2)
        if other in known[one] and one in known[other]
    ]
    assert both == []


def test_no_room_imports_what_it_must_never_know() -> None:
    broken = [
        f"{dotted} imports {name}"
        for room, dotted, path in modules()
        for name in sorted(imported(path))
        for banned in NEVER.get(room, ())
        if name == banned or name.startswith(f"{banned}.")
    ]
    assert broken == []


def test_the_handle_of_a_run_never_imports_torch_itself() -> None:
    names = imported(PACKAGE / "runner" / "run.py")
    assert not {name.partition(".")[0] for name in names} & {"torch", "timm", "torchvision"}


def loaded_after(statement: str) -> set[str]:
    """Top-level modules of a fresh process after a statement."""
    script = f"{statement}\nimport sys\nprint(*sorted(m for m in sys.modules if '.' not in m))"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_importing_the_package_brings_nothing_heavy() -> None:
    heavy = {"torch", "timm", "torchvision", "pandas", "sklearn", "scipy", "plotly", "ipywidgets"}
    assert loaded_after("import nbfinetune") & heavy == set()


def test_what_the_kernel_may_import_is_free_of_torch_and_timm() -> None:
    light = [
        dotted
        for room, dotted, _ in modules()
        if room in LIGHT and not dotted.startswith(WORKER_SIDE) and dotted[-8:] != "__main__"
    ]
    loaded = loaded_after("\n".join(f"import {dotted}" for dotted in light))
    assert "msgspec" in loaded
    assert loaded & {"torch", "timm", "torchvision"} == set()


def test_every_file_can_be_read_in_one_sitting() -> None:
    code = [ROOT / path for path in TRACKED if Path(path).suffix in CODE]
    lines = {path.name: path.read_text(encoding="utf-8").count("\n") for path in code}
    assert {name: count for name, count in lines.items() if count > LONGEST_FILE} == {}


def test_no_module_is_a_drawer_for_everything() -> None:
    assert [path for path in TRACKED if Path(path).stem.lower() in NAMELESS] == []


def test_no_file_names_a_folder_of_somebodys_machine() -> None:
    machine = re.compile(r"(?<![\w.~}])/(?:home|Users|root|work|workspace|mnt)/[\w.-]+")
    found = [
        f"{path}: {match[0]}"
        for path in TRACKED
        for match in machine.finditer((ROOT / path).read_text(encoding="utf-8", errors="ignore"))
    ]
    assert found == []


def test_test_files_have_names_of_their_own() -> None:
    names = [Path(path).name for path in TRACKED if Path(path).match("tests/**/test_*.py")]
    assert sorted(names) == sorted(set(names))


def test_every_file_says_what_it_is() -> None:
    silent = [path for path in TRACKED if not file_tree.sentence(path)]
    assert silent == [], "give these a docstring or a first comment"

"""A Jupyter notebook that repeats a run without nbfinetune: the cells are the script's sections."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nbfinetune.evaluation.trained import Which
from nbfinetune.export.script import about, laid_out, planned, write_tables
from nbfinetune.export.script_course_lines import is_edited
from nbfinetune.export.script_plan import Plan
from nbfinetune.export.storing import write_text
from nbfinetune.records import AppliedEdit, Event, FineTuneConfig

__all__ = ["export"]


def export(
    run_folder: Path,
    config: FineTuneConfig,
    path: Path,
    which: Which = "best",
    *,
    edits: Sequence[AppliedEdit] = (),
    told: Sequence[Event] = (),
) -> None:
    """Write a notebook, and beside it the files that a script has beside it.

    Images are read by the notebook's own process: classes of a notebook can't be had in others on
    every system.

    Raises
    ------
    ConfigError, DataError, ModelError, StoreError
        As `nbfinetune.export.script.export`, whose warning it gives, too.
    """
    plan = planned(run_folder, config, path, which, edits, told)
    parts, tables = laid_out(
        plan,
        path.stem,
        folder="Path(FOLDER)",
        here="Path()",
        workers="0",
        stepwise=is_edited(plan),
    )
    write_tables(tables, path)
    cells = [_text([f"# {plan.run}", "", *about(plan), *_otherwise(plan)])]
    for title, lines in parts:
        cells += [_text([f"## {title.capitalize()}"]), _code(_without_ends(lines))]
    cells += [_code(["main()"])]
    # Cells have ids, by which tools tell them apart; counted, so that the same run gives the same.
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    notebook = {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    write_text(json.dumps(notebook, indent=1) + "\n", path)


def _otherwise(plan: Plan) -> list[str]:
    if not plan.notes:
        return []
    return ["", "Otherwise than in the run:", "", *(f"- {note}" for note in plan.notes)]


def _without_ends(lines: Sequence[str]) -> list[str]:
    return "\n".join(lines).strip("\n").splitlines()


def _text(lines: Sequence[str]) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {}, "source": _source(lines)}


def _code(lines: Sequence[str]) -> dict[str, Any]:
    empty: dict[str, Any] = {"execution_count": None, "metadata": {}, "outputs": []}
    return {"cell_type": "code", **empty, "source": _source(lines)}


def _source(lines: Sequence[str]) -> list[str]:
    return "\n".join(lines).splitlines(keepends=True)

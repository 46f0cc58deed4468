"""Plans of runs that never were, for the lines of a script alone."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from nbfinetune.export.script import script_files
from nbfinetune.export.script_course import course_of
from nbfinetune.export.script_data import Listed
from nbfinetune.export.script_model import FirstModel
from nbfinetune.export.script_plan import Plan
from nbfinetune.export.script_tables import as_json
from nbfinetune.records import DataConfig, FineTuneConfig, Folder

LINES = ("import timm", "model = timm.create_model('resnet18', pretrained=True, num_classes=2)")


def plan(
    edits=(), *, steps=90, last=None, precision="fp32", kind="files", first=None, **settings: Any
) -> Plan:
    config = FineTuneConfig(data=DataConfig(source=Folder(path="/photos")), **settings)
    course = course_of(config, edits, steps)
    facts = {
        "classes": ("cat", "dog"),
        "image_size": 64,
        "crop_pct": 0.9,
        "mean": (0.4, 0.5, 0.6),
        "std": (0.2, 0.2, 0.2),
        "interpolation": "bicubic",
    }
    return Plan(
        run="a-run",
        config=config,
        facts=facts,
        listed=Listed("again.images.csv", kind, "/photos", 2900, 700),
        first=first or FirstModel(LINES, None, ("fc",), (), ()),
        course=course,
        steps=steps,
        last_step=last or steps * course.epochs,
        precision=precision,
        channels_last=True,
        best=None,
        notes=(),
    )


def text(asked: Plan) -> str:
    return "\n".join(script_files(asked, "again")[0]["again.py"]) + "\n"


def functions(asked: Plan) -> dict[str, Any]:
    """What a script defines."""
    files, tables = script_files(asked, "again")
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "again.run.json").write_text(as_json(tables))
        space: dict[str, Any] = {"__name__": "script", "__file__": str(Path(folder) / "again.py")}
        exec("\n".join(files["again.py"]), space)
    return space


def values_at(space: dict[str, Any], step: int) -> dict[str, float]:
    """What the optimizer is given at a step."""
    if "value_at" in space:
        pieces = space["RATES"] if "RATES" in space else space["RUN"]["rates"]
        return {"lr": space["value_at"](pieces, step)}
    course = space["RUN"]["course"] if "RUN" in space else space["COURSE"]
    return {name: float(np.interp(step, *points)) for name, points in course.items()}

"""Plans of runs that never were, for the lines of a script alone."""

from __future__ import annotations

from typing import Any

from nbfinetune.export.compact import fitted
from nbfinetune.export.script import sections
from nbfinetune.export.script_course import course_of
from nbfinetune.export.script_data import Listed
from nbfinetune.export.script_model import FirstModel
from nbfinetune.export.script_plan import Plan
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
        first=first or FirstModel(LINES, None, ("fc",), (), {}),
        course=course,
        steps=steps,
        last_step=last or steps * course.epochs,
        precision=precision,
        channels_last=True,
        best=None,
        notes=(),
    )


def text(asked: Plan) -> str:
    lines = ['"""Five', "lines", "of", "words", '"""']
    for title, inner in sections(asked, "again", folder="Path('/photos')", here="Path()"):
        lines += ["", f"# ---- {title} ----", *inner]
    return "\n".join(fitted([*lines, "", 'if __name__ == "__main__":', "    main()"])) + "\n"


def functions(asked: Plan) -> dict[str, Any]:
    """What a script defines."""
    space: dict[str, Any] = {"__name__": "script"}
    exec(text(asked), space)
    return space

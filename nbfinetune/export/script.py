"""A plain PyTorch script, under 150 lines, that repeats a run without nbfinetune."""

from __future__ import annotations

import textwrap
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from nbfinetune.evaluation.trained import Which
from nbfinetune.export.compact import fitted
from nbfinetune.export.script_course_lines import course_lines
from nbfinetune.export.script_data_lines import data_lines, settings
from nbfinetune.export.script_loss_lines import by_f1
from nbfinetune.export.script_model_lines import imports_of_model, model_lines
from nbfinetune.export.script_plan import Plan, plan_of
from nbfinetune.export.script_training_lines import is_torchs, mixes, training_lines
from nbfinetune.export.storing import stored, storing, write_text
from nbfinetune.records import AppliedEdit, Event, FineTuneConfig

__all__ = ["Section", "about", "export", "planned", "sections"]

_WIDE = 98


class Section(NamedTuple):
    """Lines of a script that belong together.

    Parameters
    ----------
    title : str
    lines : list of str
    """

    title: str
    lines: list[str]


def export(
    run_folder: Path,
    config: FineTuneConfig,
    path: Path,
    which: Which = "best",
    *,
    edits: Sequence[AppliedEdit] = (),
    told: Sequence[Event] = (),
) -> None:
    """Write a script, and beside it ``NAME.images.csv`` (or ``.npz``): the images by part.

    A run that began with a checkpoint, or lost channels, has ``NAME.start.safetensors`` besides.

    Parameters
    ----------
    edits : sequence of AppliedEdit
        The run's edit log, which the script repeats.
    told : sequence of Event
        The run's log.

    Raises
    ------
    ConfigError, DataError, ModelError
        As `nbfinetune.export.script_plan.plan_of`.
    StoreError
        If a file can't be written.

    Warns
    -----
    UserWarning
        Of what the script does otherwise than the run; it stands at its top, too.
    """
    plan = planned(run_folder, config, path, which, edits, told)
    folder = f"Path(sys.argv[1] if len(sys.argv) > 1 else {plan.listed.root!r})"
    head = [f'"""{about(plan)[0]}', "", *textwrap.wrap(" ".join(about(plan)[1:]), _WIDE)]
    lines = [*head, *_told_of_notes(plan), '"""']
    for title, inner in sections(plan, path.stem, folder=folder, here="Path(__file__).parent"):
        lines += ["", f"# ---- {title} ----", *inner]
    lines += ["", 'if __name__ == "__main__":', "    main()"]
    write_text("\n".join(fitted(lines)) + "\n", path)


def planned(
    run_folder: Path,
    config: FineTuneConfig,
    path: Path,
    which: Which,
    edits: Sequence[AppliedEdit],
    told: Sequence[Event],
) -> Plan:
    """Plan of a run, whose files are written beside `path`; warns of what it leaves out.

    Raises
    ------
    ConfigError, DataError, ModelError, StoreError
        As `export`.
    """
    with storing(path):
        plan = plan_of(run_folder, config, path, which, edits, told)
    if plan.first.weights is not None:
        with stored(path.with_name(_start_file(path.stem))) as unfinished:
            unfinished.write_bytes(plan.first.weights)
    if plan.notes:
        warnings.warn(f"{path.name} differs from the run: {'; '.join(plan.notes)}", stacklevel=4)
    return plan


def about(plan: Plan) -> list[str]:
    """Sentences on what is repeated, and what the run came to."""
    said = [f"Repeats the run {plan.run} without nbfinetune."]
    name, listed = plan.config.model.name, plan.listed
    said += [f"{name} on {listed.train:,} images, measured on {listed.val:,}."]
    if plan.best is not None:
        said += [f"The run came to accuracy {plan.best.accuracy:.4f} in epoch {plan.best.epoch};"]
        said += ["this comes near it, as it draws other random numbers."]
    packages = ["torch", "torchvision", "timm", "numpy", "pillow", "safetensors"]
    packages += ["scikit-learn"] if by_f1(plan) else []
    return [*said, f"Needs {', '.join(packages)}."]


def _told_of_notes(plan: Plan) -> list[str]:
    if not plan.notes:
        return []
    wrapped = [
        line
        for note in plan.notes
        for line in textwrap.wrap(note, _WIDE, initial_indent="- ", subsequent_indent="  ")
    ]
    return ["", "Otherwise than in the run:", *wrapped]


def sections(plan: Plan, stem: str, *, folder: str, here: str, workers: str = "") -> list[Section]:
    """The script in parts.

    Parameters
    ----------
    stem : str
        Name of the script without its suffix; the files beside it begin so.
    folder, here : str
        Python that gives the folder of the images, and that of the script.
    workers : str
        Python that gives the processes that read images; default as many as there are cores,
        and none for arrays.
    """
    if not workers:
        workers = "os.cpu_count()" if plan.listed.kind == "files" else "0"
    weights, saved = f"HERE / {_start_file(stem)!r}", f"HERE / '{stem}.model.safetensors'"
    own = settings(plan, folder=folder, workers=workers)
    return [
        Section("settings", [*_imports(plan), f"HERE = {here}", *own]),
        Section("images", data_lines(plan)),
        Section("the model", model_lines(plan, weights=weights)),
        Section("the course of the run", course_lines(plan)),
        Section("training", training_lines(plan, saved=saved)),
    ]


def _imports(plan: Plan) -> list[str]:
    files = plan.listed.kind == "files"
    whole = ["import math", *(["import csv", "import os", "import sys"] if files else [])]
    parts = [
        "from pathlib import Path",
        *(["from fnmatch import fnmatch"] if plan.first.exempt else []),
    ]
    known = [] if is_torchs(plan) else ["import timm"]
    others = {*imports_of_model(plan), *known, "import numpy as np", "import torch"}
    others |= {"from safetensors.torch import save_file", "from torch import nn"}
    others |= {"from torch.nn import functional as F", "from torch.utils.data import DataLoader"}
    others |= {"from torchvision import transforms as T"}
    others |= {"from PIL import Image, ImageOps" if files else "from PIL import Image"}
    others |= {"from sklearn.metrics import f1_score"} if by_f1(plan) else set()
    ema = plan.config.training.ema
    others |= {"from timm.utils.model_ema import ModelEmaV3"} if ema else set()
    others |= {"from torchvision.transforms import v2"} if mixes(plan) else set()
    first, then = sorted(o for o in others if o[0] == "i"), sorted(o for o in others if o[0] == "f")
    return [*sorted(whole), *sorted(parts), *first, *then, ""]


def _start_file(stem: str) -> str:
    return f"{stem}.start.safetensors"

"""A plain PyTorch script, under 150 lines, that repeats a run without nbfinetune."""

from __future__ import annotations

import re
import textwrap
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from nbfinetune.evaluation.trained import Which
from nbfinetune.export.compact import MOST_LINES, fitted
from nbfinetune.export.script_course_lines import course_lines, is_edited
from nbfinetune.export.script_data_lines import data_lines, image_settings, settings
from nbfinetune.export.script_imports import with_imports
from nbfinetune.export.script_loss_lines import by_f1
from nbfinetune.export.script_model_lines import imports_of_model, model_lines
from nbfinetune.export.script_plan import Plan, plan_of
from nbfinetune.export.script_tables import WIDEST, as_json, beside, in_place
from nbfinetune.export.script_training_lines import training_lines
from nbfinetune.export.storing import stored, storing, write_text
from nbfinetune.records import AppliedEdit, Event, FineTuneConfig

__all__ = [
    "Section",
    "about",
    "export",
    "laid_out",
    "planned",
    "script_files",
    "write_tables",
]

_SHORT_TABLE = 4


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
    files, tables = script_files(plan, path.stem)
    write_tables(tables, path)
    for name, lines in files.items():
        write_text("\n".join(lines) + "\n", path.with_name(name))


def script_files(plan: Plan, stem: str) -> tuple[dict[str, list[str]], dict[str, Any]]:
    """Lines of a script by the name of the file, and the tables that it reads.

    Parameters
    ----------
    stem : str
        Name of the script without its suffix.

    Returns
    -------
    files : dict of str to list of str
        One; a script that would be too long even so has the reading of its images in a second.
    tables : dict of str to value
    """
    folder, here = "Path(sys.argv[1] if len(sys.argv) > 1 else FOLDER)", "Path(__file__).parent"
    head = [f'"""{about(plan)[0]}', "", *textwrap.wrap(" ".join(about(plan)[1:]), WIDEST)]
    head += [*_told_of_notes(plan), '"""']
    ways = [(is_edited(plan), _SHORT_TABLE), (is_edited(plan), 1), (True, 1)]
    for stepwise, most in ways:
        parts, tables = laid_out(plan, stem, folder=folder, here=here, stepwise=stepwise, most=most)
        lines = _joined(head, parts)
        if len(lines) <= MOST_LINES:
            break
    lines = fitted(lines)
    if len(lines) <= MOST_LINES:
        return {f"{stem}.py": lines}, tables
    parts, tables = laid_out(
        plan, stem, folder=folder, here=here, stepwise=True, most=1, apart=True
    )
    images = ['"""Images of the run, as the script beside it reads them."""', "", *parts[0].lines]
    return {
        f"{_module(stem)}.py": images,
        f"{stem}.py": fitted(_joined(head, parts[1:])),
    }, tables


def _joined(head: Sequence[str], parts: Sequence[Section]) -> list[str]:
    lines = [*head, *(line for part in parts for line in ["", *_titled(part)])]
    return [*lines, "", "if __name__ == '__main__':", "    main()"]


def _module(stem: str) -> str:
    """Name of a script's second file, as it is imported."""
    return re.sub(r"\W", "_", f"_{stem}_images" if stem[:1].isdigit() else f"{stem}_images")


def _titled(part: Section) -> list[str]:
    return [f"# ---- {part.title} ----", *part.lines]


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
    return ["", *textwrap.wrap(f"Otherwise than in the run: {'; '.join(plan.notes)}.", WIDEST)]


def laid_out(
    plan: Plan,
    stem: str,
    *,
    folder: str,
    here: str,
    workers: str = "",
    stepwise: bool,
    most: int = _SHORT_TABLE,
    apart: bool = False,
) -> tuple[list[Section], dict[str, Any]]:
    """The script in parts, and the tables that it reads from beside it.

    Parameters
    ----------
    stem : str
        Name of the script without its suffix; the files beside it begin so.
    folder, here : str
        Python that gives the folder of the images, and that of the script.
    workers : str
        Python that gives the processes that read images; default as many as there are cores,
        and none for arrays.
    stepwise : bool
        Whether the curves are told by optimizer step.
    most : int
        Lines that a table may take in the script.
    apart : bool
        Whether the first part becomes a file of its own: the images.
    """
    if not workers:
        workers = "os.cpu_count()" if plan.listed.kind == "files" else "0"
    weights, saved = f"HERE / {_start_file(stem)!r}", f"HERE / '{stem}.model.safetensors'"
    course = course_lines(plan, stepwise=stepwise)
    training = training_lines(plan, stepwise=stepwise, saved=saved, workers=workers)
    written = [
        Section("settings", image_settings(plan, folder=folder)),
        Section("settings", settings(plan, stepwise=stepwise)),
        Section("images", data_lines(plan)),
        Section("the model", model_lines(plan, weights=weights)),
        Section("the course of the run", course),
        Section("training", training),
    ]
    tables: dict[str, Any] = {}
    kept: list[list[str]] = []
    for part in written:
        lines, long = beside(part.lines, most)
        kept.append(lines)
        tables |= long
    of_images, own, images, *rest = in_place(kept)
    read = f"RUN = json.loads((HERE / {_tables_file(stem)!r}).read_text())  # long tables"
    first = [f"HERE = {here}", *([read] if tables else []), *of_images]
    others = imports_of_model(plan)
    if apart:
        module = with_imports([*first, "", *images], [])
        shared = [name for name in ("CLASSES", "HERE", "RUN", "Images") if _is_used(name, rest)]
        others = [*others, f"from {_module(stem)} import {', '.join(shared)}"]
        begun = [Section("images", module), Section("settings", with_imports(own, others, *rest))]
    else:
        settled = with_imports([*first, *own], others, images, *rest)
        begun = [Section("settings", settled), Section("images", images)]
    titled = zip(written[3:], rest, strict=True)
    return [*begun, *(Section(part.title, lines) for part, lines in titled)], tables


def _is_used(name: str, parts: Sequence[Sequence[str]]) -> bool:
    return any(re.search(rf"\b{name}\b", line) for part in parts for line in part)


def write_tables(tables: Mapping[str, Any], path: Path) -> None:
    """Write the tables of a script beside it, where there are any.

    Raises
    ------
    StoreError
        If the file can't be written.
    """
    if tables:
        write_text(as_json(tables), path.with_name(_tables_file(path.stem)))


def _start_file(stem: str) -> str:
    return f"{stem}.start.safetensors"


def _tables_file(stem: str) -> str:
    return f"{stem}.run.json"

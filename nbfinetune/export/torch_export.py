"""The model as a program of `torch.export`: runs with torch alone, without its Python code."""

from __future__ import annotations

import json
import shutil
import zipfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import nn

from nbfinetune.errors import ModelError
from nbfinetune.evaluation.trained import Which, load_model
from nbfinetune.export.parity import Parity
from nbfinetune.export.quiet import quietly
from nbfinetune.export.reading import Input, example, reading, told
from nbfinetune.export.storing import stored
from nbfinetune.records import FineTuneConfig

__all__ = ["EXTRA_FILES", "export", "note"]

EXTRA_FILES = ("classes.json", "preprocessing.json", "parity.json")
"""That lie in the file; `torch.export.load` fills them into a mapping with these keys."""


def export(
    run_folder: Path,
    config: FineTuneConfig,
    path: Path,
    which: Which = "best",
    input: Input = "normalised",
) -> None:
    """Write the model of a run to a `.pt2` file that takes batches of any length.

    ``torch.export.load(path).module()`` gives it back. It takes float32 (N, C, S, S), or uint8
    (N, S, S, C), and gives logits (N, classes).

    Raises
    ------
    ModelError
        If torch can't trace the model.
    StoreError
        If the file can't be written.
    """
    module = reading(load_model(run_folder, config, which), input)
    facts = {f"{name}.json": text for name, text in told(module).items()}
    with stored(path, RuntimeError) as unfinished:
        program = _traced(module)
        # Of a name torch asks that it ends in .pt2, and the unfinished file's does not.
        with unfinished.open("wb") as file, quietly():
            torch.export.save(program, file, extra_files=facts)


def note(parity: Parity, path: Path) -> None:
    """Write the parity of a file into it, beside its classes.

    Raises
    ------
    StoreError
        If it can't be written.
    """
    with stored(path) as unfinished:
        shutil.copyfile(path, unfinished)
        # As the archive that it is: torch would have to unpickle the program to add a file.
        with zipfile.ZipFile(unfinished, "a") as archive:
            known = next(n for n in archive.namelist() if n.endswith(EXTRA_FILES[0]))
            place = known.replace(EXTRA_FILES[0], EXTRA_FILES[2])
            archive.writestr(place, json.dumps(asdict(parity)))


def _traced(module: nn.Module) -> Any:
    batch = torch.export.Dim("batch", min=1)
    try:
        with quietly(), torch.no_grad():
            return torch.export.export(module, (example(module, 2),), dynamic_shapes=({0: batch},))
    except Exception as error:
        reason = str(error).strip().partition("\n")[0]
        raise ModelError(
            f"torch.export can't trace {type(module).__name__} ({reason}); "
            "export to .safetensors, or choose another model"
        ) from error

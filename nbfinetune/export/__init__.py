"""A trained model as a file that works without nbfinetune; the suffix says in which form."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from nbfinetune.errors import ConfigError, DataError, ExportMismatch, ModelError
from nbfinetune.export import parity
from nbfinetune.export.exported import Exported, NotCompared
from nbfinetune.export.parity import Parity, parity_of
from nbfinetune.records import AppliedEdit, Event, FineTuneConfig

if TYPE_CHECKING:
    from nbfinetune.export.reading import Input

__all__ = ["Exported", "NotCompared", "Parity", "export", "parity_of"]

# Module and what it gives; imported when asked for, as most need torch.
_MODELS = {
    ".onnx": ("nbfinetune.export.onnx", "for ONNX Runtime and other runtimes"),
    ".pt2": ("nbfinetune.export.torch_export", "for torch alone, by torch.export.load"),
    ".safetensors": ("nbfinetune.export.safetensors", "weights, with a JSON for timm beside them"),
}
_PAPERS = {
    ".py": ("nbfinetune.export.script", "a PyTorch script that repeats the run"),
    ".ipynb": ("nbfinetune.export.notebook", "the script as a notebook"),
    ".md": ("nbfinetune.export.model_card", "a model card"),
}


def export(
    run_folder: Path,
    config: FineTuneConfig,
    path: Path,
    which: Literal["best", "last"] = "best",
    *,
    input: Input = "normalised",
    check: bool = True,
    edits: Sequence[AppliedEdit] = (),
    told: Sequence[Event] = (),
) -> Exported:
    """Write the model of a run, or how it came about, to a file.

    A file that holds a model is compared with the run's model on the run's validation images, by a
    process that has no nbfinetune. What comes out lies beside the file
    (``model.onnx.parity.json``, see `parity_of`) and in it.

    Parameters
    ----------
    path : Path
        Its suffix decides; folders that are missing are made.
    which : {"best", "last"}
        The weights of the best epoch, or of the last checkpoint.
    input : {"normalised", "pixels"}
        What an ``.onnx`` or ``.pt2`` reads: float32 (N, C, S, S), or uint8 (N, S, S, C) that it
        normalises itself.
    check : bool
        Whether to compare. Where the validation images are gone a warning says that it was not.
    edits : sequence of AppliedEdit
        The run's edit log; a script repeats it, a card tells of it.
    told : sequence of Event
        The run's log, with or without its steps.

    Returns
    -------
    Exported
        Absolute path of what was written; its `parity` is what the comparison gave.

    Raises
    ------
    ConfigError
        If there is no export of that suffix (the message lists those that there are), or it can't
        be had as asked.
    ModelError
        If the run has no such checkpoint yet, or its model can't be written in this form.
    ExportMismatch
        If the file gives other classes than the run's model. It stays, and says so beside it.
    StoreError
        If the file can't be written.
    """
    path = Path(path).expanduser().absolute()
    known = {**_MODELS, **_PAPERS}
    if path.suffix not in known:
        offered = "; ".join(f"{suffix} ({what})" for suffix, (_, what) in known.items())
        raise ConfigError(
            f"there is no export to {path.suffix or 'a file without suffix'!r} ({path.name}); "
            f"there are: {offered}"
        )
    _require_checkpoint(run_folder, which)
    module: Any = importlib.import_module(known[path.suffix][0])
    if path.suffix in _PAPERS:
        module.export(run_folder, config, path, which, edits=edits, told=told)
        return Exported(path)
    from nbfinetune.export.reading import check_input

    check_input(input)
    parity.forget(path)
    module.export(run_folder, config, path, which, input)
    exported = Exported(path)
    exported.parity = _compared(run_folder, config, path, which) if check else None
    if exported.parity is not None:
        module.note(exported.parity, path)
        _require(exported.parity, path)
    return exported


def _require_checkpoint(run_folder: Path, which: str) -> None:
    if not (run_folder / "checkpoints" / f"{which}.safetensors").is_file():
        raise ModelError(
            f"the run in {run_folder} has no {which!r} checkpoint: it has not finished an epoch; "
            "wait for its first one, or resume() it"
        )


def _compared(
    run_folder: Path, config: FineTuneConfig, path: Path, which: Literal["best", "last"]
) -> Parity | None:
    """Parity of a file, which is kept beside it; None where there is nothing to compare it on."""
    from nbfinetune.export.parity_check import check

    try:
        found = check(run_folder, config, path, which)
    except DataError as error:
        warnings.warn(
            f"{path.name} was written, but not compared with the model on the validation images "
            f"({error})",
            NotCompared,
            stacklevel=3,
        )
        return None
    except ExportMismatch:
        parity.keep(Parity(0, 0.0, None, passed=False), path)
        raise
    parity.keep(found, path)
    return found


def _require(found: Parity, path: Path) -> None:
    if not found.passed:
        raise ExportMismatch(
            f"{path.name} gives {found}; at least {parity.LEAST_AGREEMENT:.1%} must agree. "
            f"The file is kept, and marked in {parity.place(path).name}; export in another form"
        )

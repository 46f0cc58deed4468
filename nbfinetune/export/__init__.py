"""A trained model as a file that works without nbfinetune; the suffix says in which form."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Literal

from nbfinetune.errors import ConfigError
from nbfinetune.records import FineTuneConfig

__all__ = ["export"]

# Module and what it gives; imported when asked for, as most need torch.
_FORMATS = {
    ".onnx": ("nbfinetune.export.onnx", "for ONNX Runtime and other runtimes"),
    ".safetensors": ("nbfinetune.export.safetensors", "weights, with a JSON for timm beside them"),
}


def export(
    run_folder: Path,
    config: FineTuneConfig,
    path: Path,
    which: Literal["best", "last"] = "best",
) -> Path:
    """Write the model of a run to a file.

    Parameters
    ----------
    path : Path
        Its suffix decides; folders that are missing are made.
    which : {"best", "last"}
        The weights of the best epoch, or of the last checkpoint.

    Returns
    -------
    Path
        Absolute path of what was written.

    Raises
    ------
    ConfigError
        If there is no export of that suffix; the message lists those that there are.
    """
    path = Path(path).expanduser().absolute()
    if path.suffix not in _FORMATS:
        offered = "; ".join(f"{suffix} ({what})" for suffix, (_, what) in _FORMATS.items())
        raise ConfigError(
            f"there is no export to {path.suffix or 'a file without suffix'!r} ({path.name}); "
            f"there are: {offered}"
        )
    module = importlib.import_module(_FORMATS[path.suffix][0])
    written: Path = module.export(run_folder, config, path, which)
    return written

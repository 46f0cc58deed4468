"""An exported file asked about the run's validation images, as somebody else would ask it."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nbfinetune.data.machine import default_threads
from nbfinetune.errors import ExportMismatch
from nbfinetune.evaluation.trained import Which, load_model, logits
from nbfinetune.export import stranger
from nbfinetune.export.parity import Parity, compared
from nbfinetune.export.photos import Photos
from nbfinetune.records import FineTuneConfig

__all__ = ["MOST_IMAGES", "check"]

MOST_IMAGES = 2000
"""Of more validation images so many are asked about, evenly spread: two may then differ."""

_REQUEST, _PIXELS, _LOGITS = "request.json", "pixels.npy", "logits.npy"


def check(run_folder: Path, config: FineTuneConfig, path: Path, which: Which = "best") -> Parity:
    """Compare an exported file with the model of the run.

    The file is read by a process that can't import nbfinetune, from what the file itself tells.

    Parameters
    ----------
    path : Path
        ``.onnx``, ``.pt2`` or ``.safetensors``, as `nbfinetune.export` writes them.

    Raises
    ------
    DataError
        If the validation images are gone.
    ExportMismatch
        If the file can't be loaded there; the message has the last line of what that process said.
    """
    module: Any = load_model(run_folder, config, which)
    photos = Photos.of(run_folder, config, module.preprocess)
    threads = config.runner.threads or default_threads()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        ours = _ours(module, photos, Path(scratch))
        theirs = _theirs(path, Path(scratch), len(ours), threads)
    photos.warn_of_skipped()
    return compared(ours, theirs)


def _ours(module: Any, photos: Photos, scratch: Path) -> NDArray[np.float32]:
    """What the model says; the pixels are left in `scratch`, as far as there are logits."""
    ids = photos.validation
    if len(ids) > MOST_IMAGES:
        ids = ids[np.linspace(0, len(ids) - 1, MOST_IMAGES).astype(int)]
    side = photos.preprocess.size_px
    shape = (len(ids), side, side, photos.preprocess.channels)
    pixels = np.lib.format.open_memmap(scratch / _PIXELS, "w+", np.uint8, shape)
    said: list[NDArray[np.float32]] = []
    count = 0
    for batch, _ in photos.pixels(ids):
        pixels[count : count + len(batch)] = batch
        count += len(batch)
        said.append(logits(module, [batch]))
    pixels.flush()
    return np.concatenate(said) if said else np.empty((0, len(module.classes)), np.float32)


def _theirs(path: Path, scratch: Path, count: int, threads: int) -> NDArray[np.float32]:
    request = {
        "form": path.suffix,
        "file": str(path),
        "pixels": str(scratch / _PIXELS),
        "count": count,
        "threads": threads,
        "path": [entry or str(Path.cwd()) for entry in sys.path],
        "logits": str(scratch / _LOGITS),
    }
    (scratch / _REQUEST).write_text(json.dumps(request), encoding="utf-8")
    # Isolated: what lies beside the script has names (onnx, safetensors) that others have too.
    ran = subprocess.run(
        [sys.executable, "-I", str(Path(stranger.__file__)), str(scratch / _REQUEST)],
        cwd=path.parent,
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if ran.returncode != 0:
        said = ran.stderr.strip().splitlines() or [f"exit status {ran.returncode}"]
        raise ExportMismatch(
            f"{path.name} was written, but can't be used where nbfinetune is not "
            f"({said[-1][:300]}); export in another form"
        )
    return np.asarray(np.load(scratch / _LOGITS))

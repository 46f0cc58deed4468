"""Folders and weights files, for choosing one to start from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nbfinetune.errors import ConfigError
from nbfinetune.models.model_checks import WEIGHTS, saved_by_run
from nbfinetune.store.layout import checkpoint, home, run_folders

MOST = 500
"""Entries of a folder that are told."""

RECENT_RUNS = 20


def listing(place: str) -> dict[str, Any]:
    """Folders and weights files of a folder, as the page lists them.

    Parameters
    ----------
    place : str
        A folder; empty for the one where we are, with the checkpoints of the newest runs.

    Raises
    ------
    ConfigError
        If there is no such folder, or it can't be read.
    """
    folder = Path(place or ".").expanduser().absolute()
    try:
        entries = sorted(folder.iterdir(), key=lambda entry: entry.name.lower())
    except OSError as error:
        raise ConfigError(f"{str(folder)!r} can't be opened: {error.strerror or error}") from error
    visible = [entry for entry in entries if not entry.name.startswith(".")]
    files = [_file(entry, entry.name) for entry in visible if _is_weights(entry)]
    runs = [] if place else list(_checkpoints())
    return {
        "path": str(folder),
        "parent": "" if folder.parent == folder else str(folder.parent),
        "folders": [entry.name for entry in visible if entry.is_dir()][:MOST],
        "files": [*runs, *files][:MOST],
    }


def _is_weights(entry: Path) -> bool:
    return entry.suffix in WEIGHTS and entry.is_file()


def _checkpoints() -> Iterator[dict[str, Any]]:
    for folder in reversed(run_folders(home())[-RECENT_RUNS:]):
        path = checkpoint(folder, "best")
        if path.is_file():
            yield _file(path, folder.name)


def _file(path: Path, name: str) -> dict[str, Any]:
    return {"name": name, "path": str(path), "bytes": path.stat().st_size, "note": _note(path)}


def _note(path: Path) -> str:
    told = saved_by_run(path) if path.suffix == ".safetensors" else {}
    model, metrics = told.get("model"), told.get("metrics")
    if not isinstance(model, dict):
        return ""
    accuracy = metrics.get("accuracy") if isinstance(metrics, dict) else None
    reached = f", accuracy {100 * accuracy:.1f} %" if isinstance(accuracy, float) else ""
    return f"{model.get('name', '')}{reached}"

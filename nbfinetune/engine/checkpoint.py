"""A training state as one safetensors file: tensors, and JSON in its header. Never a pickle."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from nbfinetune.errors import CheckpointMismatch, StoreError
from nbfinetune.whole_files import whole_file

KEY = "nbfinetune"
FORMAT = 1


@dataclass(frozen=True)
class Checkpoint:
    """Tensors by name and facts that JSON can hold.

    Parameters
    ----------
    tensors : mapping of str to Tensor
        ``model.<name>``, ``ema.<name>``, ``mask.<name>``, ``optimizer.<name>``, ``rng.<name>``.
    facts : mapping
        Position, history, and what it takes to use the model without the run.
    """

    tensors: Mapping[str, Tensor]
    facts: Mapping[str, Any] = field(default_factory=dict)

    def part(self, prefix: str) -> dict[str, Tensor]:
        """Tensors below a prefix, by the rest of their names."""
        start = f"{prefix}."
        return {k[len(start) :]: v for k, v in self.tensors.items() if k.startswith(start)}


def under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Copies of the tensors on the CPU, contiguous, below a prefix."""
    return {f"{prefix}.{k}": _plain_copy(v) for k, v in tensors.items()}


def _plain_copy(tensor: Tensor) -> Tensor:
    copy = tensor.detach().to("cpu", copy=True)
    return copy.contiguous()


def write(path: Path, checkpoint: Checkpoint) -> None:
    """Write the whole file, or leave the one that was there before as it was.

    Raises
    ------
    StoreError
        If the disk is full or can't be written.
    """
    header = {KEY: json.dumps({"format": FORMAT, **checkpoint.facts})}
    try:
        path.parent.mkdir(exist_ok=True)
        with whole_file(path) as unfinished:
            save_file(dict(checkpoint.tensors), unfinished, metadata=header)
        _sync_folder(path.parent)
    except (OSError, SafetensorError) as error:
        raise StoreError(
            f"the checkpoint {path} could not be written ({error}); the one before it is whole. "
            "Make room or mend the permissions, then resume the run"
        ) from error


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def read(path: Path) -> Checkpoint:
    """Read a file that `write` wrote.

    Raises
    ------
    CheckpointMismatch
        If it is no checkpoint of nbfinetune, or one of a later version.
    """
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            facts = json.loads((file.metadata() or {}).get(KEY, "{}"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise CheckpointMismatch(f"{path} is no readable checkpoint ({error})") from error
    if facts.get("format") != FORMAT:
        raise CheckpointMismatch(
            f"{path} has checkpoint format {facts.get('format')!r}, this version reads {FORMAT}; "
            "use the version of nbfinetune that wrote it"
        )
    return Checkpoint(tensors, facts)


def sweep(folder: Path) -> None:
    """Remove what a killed writer left unfinished."""
    for leftover in folder.glob("*.tmp"):
        leftover.unlink(missing_ok=True)

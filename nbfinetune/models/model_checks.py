"""What can be said against a model or a weights file before torch is asked."""

from __future__ import annotations

import json
import zipfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from nbfinetune.errors import ModelError, UnsafeCheckpoint
from nbfinetune.models.catalogue import facts, made_with

WEIGHTS = (".safetensors", ".pth", ".pt", ".bin")
"""Endings of files that `nbfinetune.models.weights.read_weights` reads."""

MOST_HEADER = 100_000_000
"""Bytes of a safetensors header; the format's own limit."""

_OLD_TORCH = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."
"""How files of torch before 1.6 begin: their magic number, pickled."""
_OWN = "nbfinetune"


def check_name(name: str) -> None:
    """Refuse a name that nobody knows, as far as the catalogue can tell.

    It can't where another timm is installed than the one it was made with: the worker decides.

    Raises
    ------
    UnknownModel
        With the three closest names.
    """
    if ":" not in name and _is_current():
        facts(name)


def check_weights_file(path: Path) -> None:
    """Refuse a file that is no weights file by its first bytes; nothing in it is run.

    Raises
    ------
    ModelError
        If it is none, or can't be read.
    UnsafeCheckpoint
        If it is a pickle that torch did not write.
    """
    if not path.is_file():
        raise ModelError(f"there is no file {str(path)!r}")
    try:
        if path.suffix == ".safetensors":
            safetensors_header(path)
        elif zipfile.is_zipfile(path):
            _check_zip(path)
        else:
            _check_old(path)
    except OSError as error:
        raise ModelError(f"{path.name} can't be read: {error.strerror or error}") from error


def safetensors_header(path: Path) -> dict[str, Any]:
    """Names, shapes and metadata that a safetensors file begins with.

    Raises
    ------
    ModelError
        If it is none.
    """
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        whole = 2 <= size <= min(path.stat().st_size - 8, MOST_HEADER)
        start = file.read(size) if whole else b""
    try:
        header = json.loads(start)
    except ValueError:
        header = None
    if not isinstance(header, dict):
        raise ModelError(f"{path.name} is no safetensors file: it does not begin as one")
    return header


def saved_by_run(path: Path) -> dict[str, Any]:
    """What a run of ours wrote about itself into its checkpoint; empty for other files."""
    try:
        metadata = safetensors_header(path).get("__metadata__") or {}
        told = json.loads(metadata.get(_OWN, "{}"))
    except (OSError, ModelError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}


def _check_zip(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    if not any(name.endswith("/data.pkl") for name in names):
        raise ModelError(f"{path.name} is an archive, but none that torch.save wrote")
    if any(name.endswith("/constants.pkl") for name in names):
        raise ModelError(
            f"{path.name} is a TorchScript program; save model.state_dict() of it instead"
        )


def _check_old(path: Path) -> None:
    with path.open("rb") as file:
        start = file.read(len(_OLD_TORCH))
    if start == _OLD_TORCH:
        return
    if start[:1] == b"\x80":
        raise UnsafeCheckpoint(
            f"{path.name} is a pickle that torch did not write, and reading it could run code; "
            "save model.state_dict() with torch.save, or a .safetensors file"
        )
    raise ModelError(f"{path.name} is no weights file; a .safetensors or .pth file is needed")


def _is_current() -> bool:
    made = made_with()
    try:
        return all(version(name) == made.get(name) for name in ("timm", "torchvision"))
    except PackageNotFoundError:
        return False

"""Checkpoints as the engine leaves them in a run's folder, without training."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from safetensors.torch import save_file
from torch import Tensor, nn

from nbfinetune.models.inputs import model_input
from nbfinetune.records import ModelConfig


def leave_checkpoint(
    folder: Path,
    model: ModelConfig,
    module: nn.Module,
    classes: Sequence[str],
    size_px: int,
    *,
    which: str = "best",
    tensors: Mapping[str, Tensor] | None = None,
    **facts: Any,
) -> None:
    """Write a module's weights, or other tensors, and what a checkpoint tells beside them.

    Parameters
    ----------
    facts
        What is told otherwise than of the model's published weights, such as ``mean``; and more.
    """
    seen = model_input(model.name)
    told = {
        "format": 1,
        "classes": list(classes),
        "num_classes": len(classes),
        "image_size": size_px,
        "mean": seen.mean,
        "std": seen.std,
        "interpolation": seen.interpolation,
        "crop_pct": seen.crop_pct,
        "model": msgspec.to_builtins(model),
        **facts,
    }
    if tensors is None:
        tensors = {f"model.{name}": value.clone() for name, value in module.state_dict().items()}
    (folder / "checkpoints").mkdir(parents=True, exist_ok=True)
    path = folder / "checkpoints" / f"{which}.safetensors"
    save_file(dict(tensors), path, metadata={"nbfinetune": json.dumps(told)})

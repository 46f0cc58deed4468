"""The model of a run, out of its checkpoint and ready for use."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
import torch
from msgspec.structs import replace
from numpy.typing import NDArray
from torch import nn

from nbfinetune.errors import CheckpointMismatch
from nbfinetune.evaluation.preprocessing import Preprocess
from nbfinetune.models.build import build
from nbfinetune.models.recipe import recipes_in
from nbfinetune.models.weights import read_facts, read_weights
from nbfinetune.records import FineTuneConfig, ModelConfig, decode, encode

__all__ = ["Which", "checkpoint_path", "device_of", "load_model", "logits"]

Which: TypeAlias = Literal["best", "last"]


def checkpoint_path(run_folder: Path, which: Which) -> Path:
    """Where a run keeps its weights."""
    return run_folder / "checkpoints" / f"{which}.safetensors"


def load_model(run_folder: Path, config: FineTuneConfig, which: Which = "best") -> nn.Module:  # noqa: ARG001
    """Trained model on the CPU, in eval mode.

    It takes float32 (N, C, S, S), with the channels C that it was trained on, and gives a logit
    for each class. Its attribute `classes` names them, `preprocess` makes batches out of images.

    Parameters
    ----------
    config : FineTuneConfig
        Of the run. What decides is what the checkpoint says: it is whole without the run.

    Raises
    ------
    ModelError
        If there is no such checkpoint, or it can't be loaded.
    """
    path = checkpoint_path(run_folder, which)
    facts = read_facts(path)
    model: ModelConfig = decode(encode(facts["model"]), ModelConfig)
    built = build(
        replace(model, pretrained=False, checkpoint=None),
        num_classes=facts["num_classes"],
        image_size=facts["image_size"],
        recipes=recipes_in(facts),
    )
    module = built.module
    try:
        module.load_state_dict(read_weights(path))
    except RuntimeError as error:
        raise CheckpointMismatch(
            f"{path} does not fit {model.name} as it is built now ({error}); use the versions of "
            "nbfinetune and timm, and the code of your own model, that trained it"
        ) from error
    module.classes = tuple(facts["classes"])  # type: ignore[assignment]
    module.preprocess = Preprocess.of(facts)  # type: ignore[assignment]
    return module.eval()


def logits(
    model: nn.Module, batches: Iterable[NDArray[np.uint8]], device: torch.device | str = "cpu"
) -> NDArray[np.float32]:
    """Output of a model of `load_model` for batches of pixels, float32 (N, C).

    Parameters
    ----------
    batches : iterable of uint8 arrays (B, S, S, C)
        As `model.preprocess.pixels` and the data loader give them.
    device : torch.device or str
        Where to compute; the model is moved there.
    """
    preprocess: Any = model.preprocess
    model = model.eval().to(device)
    with torch.inference_mode():
        outputs = [
            model(preprocess.normalised(pixels).to(device)).float().cpu().numpy()
            for pixels in batches
        ]
    classes: Any = model.classes
    return np.concatenate(outputs) if outputs else np.empty((0, len(classes)), np.float32)


def device_of(config: FineTuneConfig) -> torch.device:
    """Where to compute on this machine: the accelerator, unless the run was kept on the CPU."""
    if config.runner.device == "cpu" or not torch.accelerator.is_available():
        return torch.device("cpu")
    return torch.accelerator.current_accelerator() or torch.device("cpu")

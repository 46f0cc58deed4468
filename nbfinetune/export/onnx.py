"""The model as ONNX: for ONNX Runtime, and for whatever else reads that form."""

from __future__ import annotations

import json
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from nbfinetune.errors import ConfigError, ModelError
from nbfinetune.evaluation.trained import Which, load_model
from nbfinetune.export.parity import Parity
from nbfinetune.export.quiet import quietly
from nbfinetune.export.reading import Input, example, reading, told
from nbfinetune.export.storing import stored
from nbfinetune.records import FineTuneConfig

__all__ = [
    "INPUT",
    "OUTPUT",
    "check_installed",
    "export",
    "largest_difference",
    "note",
    "write",
]

INPUT, OUTPUT = "images", "logits"
NEEDED = ("onnx", "onnxruntime", "onnxscript")

OPSET = 20
"""Of 2023: what exporter and runtimes of today know; newer ones only narrow where a file runs."""

TOLERANCE = 1e-3
"""Of the largest logit: float32 sums in another order stay two orders of magnitude below."""

LARGEST_BYTES = 1_900_000_000
"""A protobuf message, which an ONNX file is, ends at 2 GiB."""

_TRIED = (1, 3)
"""Batches by which the file is compared with the model; it was traced with another."""


def export(
    run_folder: Path,
    config: FineTuneConfig,
    path: Path,
    which: Which = "best",
    input: Input = "normalised",
) -> None:
    """Write the model of a run to an ONNX file that takes batches of any length.

    Its input ``images`` is float32 (N, C, S, S), or uint8 (N, S, S, C) with ``input="pixels"``; its
    output ``logits`` float32 (N, classes). The file's metadata hold, as JSON, what
    `nbfinetune.export.reading.told` says.

    Raises
    ------
    ConfigError
        If onnx, onnxruntime or onnxscript is not installed, or the model is too large.
    ModelError
        If the model can't be written as ONNX, or would give other logits there.
    StoreError
        If the file can't be written.
    """
    check_installed()
    write(reading(load_model(run_folder, config, which), input), path)


def note(parity: Parity, path: Path) -> None:
    """Write the parity of a file into its metadata.

    Raises
    ------
    StoreError
        If it can't be written.
    """
    import onnx

    model = onnx.load(path)
    known = {entry.key: entry.value for entry in model.metadata_props}
    onnx.helper.set_model_props(model, {**known, "parity": json.dumps(asdict(parity))})
    with stored(path) as unfinished:
        onnx.save(model, unfinished)


def check_installed() -> None:
    """See that what ONNX needs is there.

    Raises
    ------
    ConfigError
        With the line that installs it.
    """
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise ConfigError(
            f"ONNX needs {', '.join(missing)}, not installed here; "
            "run: pip install 'nbfinetune[onnx]'"
        )


def write(module: nn.Module, path: Path) -> None:
    """Write a model of `load_model` or `reading`, and see that the file gives what it gives.

    Raises
    ------
    ConfigError, ModelError, StoreError
        As `export`.
    """
    size = sum(tensor.numel() * tensor.element_size() for tensor in module.state_dict().values())
    if size > LARGEST_BYTES:
        raise ConfigError(
            f"the weights take {size / 1e9:.1f} GB, and an ONNX file holds at most "
            f"{LARGEST_BYTES / 1e9:.1f}; export to .safetensors"
        )
    with stored(path) as unfinished:  # a folder that can't be had is told before the long work
        program = _translated(module)
        program.model.metadata_props.update(told(module))
        program.save(unfinished, external_data=False)
        _check_alike(module, unfinished, path)


def largest_difference(module: nn.Module, path: Path, images: Tensor) -> float:
    """How far an ONNX file is from the model at most, as a part of the largest logit.

    Parameters
    ----------
    images : Tensor
        As the model reads them.
    """
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (theirs,) = session.run([OUTPUT], {INPUT: images.numpy()})
    with torch.inference_mode():
        ours = module(images)
    return float((torch.from_numpy(theirs) - ours).abs().max() / ours.abs().max().clamp(min=1e-6))


def _translated(module: nn.Module) -> Any:
    batch = torch.export.Dim("batch", min=1)
    with quietly():
        try:
            return torch.onnx.export(
                module,
                (example(module, 2),),
                input_names=[INPUT],
                output_names=[OUTPUT],
                dynamic_shapes=({0: batch},),
                opset_version=OPSET,
                dynamo=True,
                verbose=False,
            )
        except Exception as error:
            reason = str(error).strip().partition("\n")[0]
            raise ModelError(
                f"{type(module).__name__} can't be written as ONNX ({reason}); "
                "export to .safetensors, or choose another model"
            ) from error


def _check_alike(module: nn.Module, written: Path, path: Path) -> None:
    for count in _TRIED:
        difference = largest_difference(module, written, example(module, count))
        if not difference <= TOLERANCE:
            raise ModelError(
                f"{path.name} would give other logits than the model (off by {difference:.2g} of "
                f"the largest, for {count} images), so it was not written; export to .safetensors"
            )

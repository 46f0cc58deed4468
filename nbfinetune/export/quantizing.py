"""A run's model made into 8-bit integers, and measured beside itself."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from nbfinetune.data.machine import default_threads
from nbfinetune.errors import ConfigError
from nbfinetune.evaluation.trained import Which, load_model
from nbfinetune.export.forms import measured, onnx_form, torch_form
from nbfinetune.export.int8 import Method, quantize_file
from nbfinetune.export.onnx import check_installed, write
from nbfinetune.export.photos import Photos
from nbfinetune.export.quantized import Quantized
from nbfinetune.export.storing import storing
from nbfinetune.pruning.layer_costs import priced
from nbfinetune.pruning.structure import Structure
from nbfinetune.records import FineTuneConfig

__all__ = ["FILE", "quantize"]

FILE = "model.int8.onnx"
"""Where it lies in the run's folder, if nobody says where."""


def quantize(
    run_folder: Path,
    config: FineTuneConfig,
    path: Path | None = None,
    *,
    method: Method | Literal["auto"] = "auto",
    images: int = 256,
    which: Which = "best",
) -> Quantized:
    """Write a run's model with 8-bit integers as an ONNX file, and measure it.

    Parameters
    ----------
    path : Path, optional
        Ends in `.onnx`; default `model.int8.onnx` in the run's folder.
    method : {"auto", "static", "dynamic"}
        Ranges of the activations from training images, once; or from every image anew, which
        leaves convolutions as they are. By itself: static where convolutions do most of the work.
    images : int
        Training images by which the ranges are found; drawn by the run's seed.
    which : {"best", "last"}
        Checkpoint.

    Raises
    ------
    ConfigError
        If a value can't be, or onnx, onnxruntime or onnxscript is not installed.
    ModelError
        If the model can't be written as ONNX or can't be quantized.
    StoreError
        If the file can't be written.
    """
    target = run_folder / FILE if path is None else path.expanduser().absolute()
    _check(target, method, images)
    check_installed()
    module: Any = load_model(run_folder, config, which)
    photos = Photos.of(run_folder, config, module.preprocess)
    costs = priced(module, (), _image(module))
    chosen = _suited(module, costs) if method == "auto" else method
    threads = config.runner.threads or default_threads()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        source = Path(folder) / "model.onnx"
        write(module, source)
        _write_int8(source, target, photos, chosen, images)
        forms = {
            "torch": torch_form(module),
            "onnx": onnx_form(source, threads),
            "int8": onnx_form(target, threads),
        }
        figures = measured(forms, photos, threads)
    photos.warn_of_skipped()
    parameters, macs = round(costs.cost("parameters")), round(costs.cost("macs"))
    return Quantized(target, chosen, parameters, macs, figures)


def _check(target: Path, method: str, images: Any) -> None:
    if target.suffix != ".onnx":
        raise ConfigError(f"path is {str(target)!r}; a quantized model is an .onnx file")
    if method not in ("auto", *get_args(Method)):
        raise ConfigError(
            f"method is {method!r}; give 'static' (ranges from training images), 'dynamic' (from "
            "every image anew; matrix products only) or 'auto'"
        )
    if isinstance(images, bool) or not isinstance(images, int) or images < 1:
        raise ConfigError(f"images is {images!r}; give how many of them calibrate, such as 256")


def _write_int8(source: Path, target: Path, photos: Photos, method: Method, images: int) -> None:
    batches = (batch for batch, _ in photos.batches(photos.some_for_training(images)))
    with storing(target):
        quantize_file(source, target, method=method, batches=batches)


def _suited(module: nn.Module, costs: Structure) -> Method:
    """What is faster: dynamic ranges for matrix products, fixed ones for convolutions."""
    layers = dict(module.named_modules())
    convolved = sum(row.macs for row in costs.layers if isinstance(layers.get(row.name), nn.Conv2d))
    return "static" if 2 * convolved > costs.cost("macs") else "dynamic"


def _image(module: nn.Module) -> Tensor:
    seen: Any = module.preprocess
    return torch.zeros(1, seen.channels, seen.size_px, seen.size_px)

"""An ONNX file with 8-bit integers in place of most floats."""

from __future__ import annotations

import platform
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nbfinetune.errors import ModelError
from nbfinetune.export.onnx import INPUT
from nbfinetune.whole_files import whole_file

__all__ = ["Method", "quantize_file"]

Method: TypeAlias = Literal["static", "dynamic"]

PRODUCTS = ("MatMul", "Gemm")
"""All that `dynamic` takes: with a scale that comes with the image, convolutions get slower."""

HEAVY = ("Conv", *PRODUCTS)
"""All that `static` takes of networks with layer norms, whose sums have outliers: of a ViT-tiny's
answers 5.4 % changed with everything, 0.5 % with these (benchmarks/LOG.md)."""

Batches: TypeAlias = Iterable[NDArray[np.float32]]


def quantize_file(source: Path, target: Path, *, method: Method, batches: Batches = ()) -> None:
    """Write `target`: the float model of `source` with 8-bit weights and activations.

    Parameters
    ----------
    source : Path
        As `nbfinetune.export.onnx` writes it.
    method : {"static", "dynamic"}
        Ranges of the activations out of `batches`, once; or out of every image anew.
    batches : iterable of float32 arrays, (B, C, S, S)
        Normalised images; `"dynamic"` needs none.

    Raises
    ------
    ModelError
        If ONNX Runtime can't do it.
    OSError
        If the file can't be written.
    """
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        prepared = Path(folder) / "prepared.onnx"
        try:
            # Norms become part of their convolutions; shapes are those that the exporter wrote.
            quant_pre_process(source, prepared, skip_symbolic_shape=True)
            with whole_file(target, durable=False) as unfinished:
                if method == "static":
                    _static(prepared, unfinished, batches)
                else:
                    _dynamic(prepared, unfinished)
                _keep_metadata(source, unfinished)
        except OSError:
            raise
        except Exception as error:
            reason = str(error).strip().partition("\n")[0]
            raise ModelError(
                f"ONNX Runtime can't quantize {source.name} ({reason}); "
                "export the float model, run.export('model.onnx')"
            ) from error


def _static(prepared: Path, target: Path, batches: Batches) -> None:
    import onnx
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

    kinds = {node.op_type for node in onnx.load(prepared).graph.node}
    quantize_static(
        prepared,
        target,
        _Reader(batches),
        quant_format=QuantFormat.QDQ,
        op_types_to_quantize=list(HEAVY) if "LayerNormalization" in kinds else None,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        per_channel=True,
        reduce_range=_saturates(),
    )


def _dynamic(prepared: Path, target: Path) -> None:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(
        prepared,
        target,
        op_types_to_quantize=list(PRODUCTS),
        weight_type=QuantType.QInt8,
        per_channel=True,
        reduce_range=_saturates(),
    )


def _saturates() -> bool:
    """Whether products of 8 bits overflow here, so that weights get 7: on x86 without VNNI."""
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return False
    try:
        return "vnni" not in Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:  # not on macOS and Windows, where 7 bits are right on any CPU
        return True


def _keep_metadata(source: Path, target: Path) -> None:
    """Optimizer and quantizer drop the classes and the preprocessing."""
    import onnx

    told = {entry.key: entry.value for entry in onnx.load(source).metadata_props}
    model = onnx.load(target)
    onnx.helper.set_model_props(model, told)
    onnx.save(model, target)


class _Reader:
    """Batches as ONNX Runtime's calibration asks for them."""

    def __init__(self, batches: Batches) -> None:
        self._batches = iter(batches)

    def get_next(self) -> dict[str, Any] | None:
        images = next(self._batches, None)
        return None if images is None else {INPUT: images}

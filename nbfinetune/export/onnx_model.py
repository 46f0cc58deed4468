"""An ONNX file of ours at work: ONNX Runtime on the CPU, with the classes and the preprocessing."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nbfinetune.errors import ModelError
from nbfinetune.evaluation.preprocessing import Preprocess
from nbfinetune.export.onnx import INPUT, OUTPUT

__all__ = ["OnnxModel"]


class OnnxModel:
    """A model out of an ONNX file that `export` or `quantize` wrote.

    Parameters
    ----------
    path : Path
    threads : int, optional
        That compute; default as many as the machine has cores.

    Attributes
    ----------
    classes : tuple of str
    preprocess : Preprocess
    from_pixels : bool
        Whether it normalises images itself.

    Raises
    ------
    ModelError
        If there is no such file, or it is none of ours.
    """

    def __init__(self, path: Path, threads: int | None = None) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or 0
        # Threads that spin after the last image would take the cores from whatever comes next.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(
                path, options, providers=["CPUExecutionProvider"]
            )
            told = self._session.get_modelmeta().custom_metadata_map
            self.classes: tuple[str, ...] = tuple(json.loads(told["classes"]))
            seen = json.loads(told["preprocessing"])
            self.preprocess = Preprocess.of(seen)
            self.from_pixels: bool = seen.get("input") == "pixels"
        except Exception as error:
            raise ModelError(
                f"{path} is no ONNX file of a run ({error}); write one by run.export()"
            ) from error

    def __call__(self, images: NDArray[np.float32] | NDArray[np.uint8]) -> NDArray[np.float32]:
        """Logits (N, classes) of normalised images (N, C, S, S), or of pixels (N, S, S, C)."""
        (logits,) = self._session.run([OUTPUT], {INPUT: images})
        return np.asarray(logits)

    def logits(self, batches: Iterable[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Logits of batches of pixels, uint8 (B, S, S, C), as the data loader gives them."""
        outputs = [
            self(pixels if self.from_pixels else self.preprocess.normalised(pixels).numpy())
            for pixels in batches
        ]
        empty = np.empty((0, len(self.classes)), np.float32)
        return np.concatenate(outputs) if outputs else empty

"""A stranger's look at an exported file: it is loaded and asked without nbfinetune.

Run as a script, in a process of its own, with the path of a JSON file: ``form`` (the suffix),
``file``, ``pixels`` (an ``.npy`` of uint8 images (N, S, S, C)), ``count`` of them, ``threads``,
``path`` (of imports), and ``logits``, the ``.npy`` to write.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

BATCH = 32

Ask = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


def main(request: Path) -> None:
    """Answer a request."""
    asked = json.loads(request.read_text(encoding="utf-8"))
    sys.modules["nbfinetune"] = None  # type: ignore[assignment]  # makes its import fail
    sys.path += [entry for entry in asked["path"] if entry not in sys.path]
    ask = OPENERS[asked["form"]](Path(asked["file"]), asked["threads"])
    pixels = np.load(asked["pixels"], mmap_mode="r")[: asked["count"]]
    said = [ask(np.array(pixels[at : at + BATCH])) for at in range(0, len(pixels), BATCH)]
    np.save(asked["logits"], np.concatenate(said))


def open_onnx(file: Path, threads: int) -> Ask:
    """A model in ONNX Runtime."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    told = json.loads(session.get_modelmeta().custom_metadata_map["preprocessing"])

    def ask(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        (logits,) = session.run(["logits"], {"images": as_told(pixels, told)})
        return np.asarray(logits)

    return ask


def open_pt2(file: Path, threads: int) -> Ask:
    """A program of `torch.export`."""
    import torch

    torch.set_num_threads(threads)
    extra = {"preprocessing.json": ""}
    module = torch.export.load(file, extra_files=extra).module()
    told = json.loads(extra["preprocessing.json"])
    return _of_torch(module, told)


def open_safetensors(file: Path, threads: int) -> Ask:
    """Weights, loaded by the lines in the JSON beside them."""
    import torch

    torch.set_num_threads(threads)
    told = json.loads(file.with_suffix(".json").read_text(encoding="utf-8"))
    space: dict[str, Any] = {}
    exec("\n".join(told["load"]), space)  # noqa: S102 - lines that the export has just written
    return _of_torch(space["model"], told["pretrained_cfg"])


OPENERS: dict[str, Callable[[Path, int], Ask]] = {
    ".onnx": open_onnx,
    ".pt2": open_pt2,
    ".safetensors": open_safetensors,
}


def _of_torch(module: Any, told: dict[str, Any]) -> Ask:
    import torch

    def ask(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        with torch.no_grad():
            return np.asarray(module(torch.from_numpy(as_told(pixels, told))))

    return ask


def as_told(pixels: NDArray[np.uint8], told: dict[str, Any]) -> NDArray[Any]:
    """Images as a file says that it takes them: its pixels, or float32 (N, C, S, S)."""
    if told.get("input") == "pixels":
        return pixels
    mean, std = (np.array(told[key], np.float32) for key in ("mean", "std"))
    scaled = (pixels.astype(np.float32) / 255 - mean) / std
    return np.ascontiguousarray(scaled.transpose(0, 3, 1, 2))


if __name__ == "__main__":
    main(Path(sys.argv[1]))

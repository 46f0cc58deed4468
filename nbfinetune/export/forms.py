"""The forms of one model beside each other: what they say of the same images, and how fast."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from nbfinetune.evaluation.forward_times import ROUNDS, by_turns_ms
from nbfinetune.evaluation.report import Evaluation
from nbfinetune.export.onnx_model import OnnxModel
from nbfinetune.export.photos import Photos

__all__ = ["Form", "Measured", "measured", "onnx_form", "torch_form"]


@dataclass(frozen=True)
class Form:
    """A model that can be asked.

    Parameters
    ----------
    logits : callable
        Float32 images (N, C, S, S) to float32 logits.
    size_bytes : int
        Of its weights or its file.
    """

    logits: Callable[[NDArray[np.float32]], NDArray[np.float32]]
    size_bytes: int


@dataclass(frozen=True)
class Measured:
    """What was measured of a form.

    Parameters
    ----------
    evaluation : Evaluation
        On the run's validation images.
    size_bytes : int
    latency_ms : dict of int to float
        Of a batch, by the images in it.
    """

    evaluation: Evaluation
    size_bytes: int
    latency_ms: dict[int, float]


def torch_form(module: nn.Module) -> Form:
    """A model in torch, laid out as training lays it out on CPUs."""
    module = module.eval().to(memory_format=torch.channels_last)

    def logits(images: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.inference_mode():
            batch = torch.from_numpy(images).contiguous(memory_format=torch.channels_last)
            return np.asarray(module(batch).numpy())

    tensors = module.state_dict().values()
    return Form(logits, sum(tensor.numel() * tensor.element_size() for tensor in tensors))


def onnx_form(path: Path, threads: int) -> Form:
    """An ONNX file in ONNX Runtime."""
    return Form(OnnxModel(path, threads), path.stat().st_size)


def measured(forms: Mapping[str, Form], photos: Photos, threads: int) -> dict[str, Measured]:
    """Ask all forms about the validation images, then time them by turns.

    Parameters
    ----------
    forms : mapping of str to Form
    threads : int
        Of torch; the other forms have theirs.
    """
    with _torch_threads(threads):
        evaluations = _evaluated(forms, photos)
        times = {count: _timed(forms, photos, count) for count in ROUNDS}
    return {
        name: Measured(
            evaluations[name], form.size_bytes, {count: times[count][name] for count in ROUNDS}
        )
        for name, form in forms.items()
    }


def _evaluated(forms: Mapping[str, Form], photos: Photos) -> dict[str, Evaluation]:
    outputs: dict[str, list[NDArray[np.float32]]] = {name: [] for name in forms}
    seen = []
    for images, ids in photos.batches(photos.validation):
        seen.append(ids)
        for name, form in forms.items():
            outputs[name].append(form.logits(images))
    ids = np.concatenate(seen)
    index = photos.images.index
    names = [photos.images.name(int(number)) for number in ids]
    return {
        name: Evaluation.from_logits(np.concatenate(said), index.labels[ids], index.classes, names)
        for name, said in outputs.items()
    }


def _timed(forms: Mapping[str, Form], photos: Photos, count: int) -> dict[str, float]:
    """Milliseconds of each form for a batch."""
    seen = photos.preprocess
    shape = (count, seen.channels, seen.size_px, seen.size_px)
    noise = np.random.default_rng(0).standard_normal(shape, np.float32)
    ways = [lambda form=form: form.logits(noise) for form in forms.values()]
    return dict(zip(forms, by_turns_ms(ways, count), strict=True))


@contextmanager
def _torch_threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)

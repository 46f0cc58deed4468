"""Probabilities of images that are decoded while the model is busy with those before."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from typing import Any, TypeAlias, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from nbfinetune.data.machine import default_threads
from nbfinetune.errors import DataError
from nbfinetune.evaluation.batches import BATCH_SIZE
from nbfinetune.evaluation.metrics import log_softmax
from nbfinetune.evaluation.trained import logits

__all__ = ["Said", "probabilities"]

Said: TypeAlias = "NDArray[np.float64] | str"
"""Probabilities (C,) of an image, or the sentence that says why it can't be read."""

Asked = TypeVar("Asked")
Pixels: TypeAlias = "NDArray[np.uint8] | str"


def probabilities(
    model: Any,
    images: Sequence[Asked],
    pixels: Callable[[Asked], NDArray[np.uint8]],
    device: torch.device | str = "cpu",
    batch_size: int = BATCH_SIZE,
) -> Generator[list[Said]]:
    """What a model of `load_model` says of images, batch by batch and in their order.

    Between batches no part of the model's work is under way.

    Parameters
    ----------
    images : sequence
    pixels : callable (image) -> uint8 array (S, S, C)
        Called from several threads; what it raises as `DataError` is said of that image.
    device : torch.device or str
        Where to compute; the model is moved there.
    """
    with closing(_decoded(images, pixels, batch_size)) as batches:
        for decoded in batches:
            read = [one for one in decoded if not isinstance(one, str)]
            output = logits(model, [np.stack(read)] if read else [], device)
            found = iter(np.exp(log_softmax(output))) if read else iter(())
            yield [one if isinstance(one, str) else next(found) for one in decoded]


def _decoded(
    images: Sequence[Asked], pixels: Callable[[Asked], NDArray[np.uint8]], batch_size: int
) -> Generator[list[Pixels]]:
    def pixels_or_why(image: Asked) -> Pixels:
        try:
            return pixels(image)
        except DataError as error:
            return str(error)

    ahead: deque[list[Future[Pixels]]] = deque()
    with ThreadPoolExecutor(default_threads(), thread_name_prefix="nbft-predict") as pool:
        for start in range(0, len(images), batch_size):
            some = images[start : start + batch_size]
            ahead.append([pool.submit(pixels_or_why, image) for image in some])
            if len(ahead) > 1:
                yield [one.result() for one in ahead.popleft()]
        for last in ahead:
            yield [one.result() for one in last]

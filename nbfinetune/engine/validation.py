"""The model on the validation images: logits, and the measures over them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from nbfinetune.engine.assemble import Parts


@dataclass(frozen=True)
class Outputs:
    """What the model said.

    Parameters
    ----------
    logits : ndarray, float32, (N, classes)
    labels, ids : ndarray, int64, (N,)
    """

    logits: np.ndarray
    labels: np.ndarray
    ids: np.ndarray


class Measured(NamedTuple):
    """What the model said of one batch.

    Parameters
    ----------
    logits : Tensor, float32, (B, classes)
    labels, ids : ndarray, int64, (B,)
    """

    logits: torch.Tensor
    labels: np.ndarray
    ids: np.ndarray


def validate(
    model: nn.Module,
    parts: Parts,
    between: Callable[[], None],
    measured: Iterable[Measured | None] | None = None,
) -> Outputs | None:
    """Run the model over the validation images, in the order of the index.

    Parameters
    ----------
    between : callable
        Called between batches, so that commands do not wait for the end.
    measured : iterable of Measured, optional
        What the model says of each batch, where that can be had without its images.

    Returns
    -------
    Outputs or None
        None in all processes but the first.
    """
    model.eval()
    found: list[Measured] = []
    for batch in _of_images(model, parts) if measured is None else measured:
        if batch is not None:
            found.append(batch)
        between()
    return _gathered(parts, found)


def _of_images(model: nn.Module, parts: Parts) -> Iterator[Measured | None]:
    for batch in parts.val.epoch(0, shuffle=False, drop_last=False):
        if not len(batch.ids):  # of this process's share
            yield None
            continue
        with torch.inference_mode(), parts.placement.autocast():
            logits = model(parts.normalised(batch.images)).float()
        yield Measured(logits, batch.labels, batch.ids)


def _gathered(parts: Parts, found: list[Measured]) -> Outputs | None:
    logits = [batch.logits for batch in found]
    width = len(parts.classes)
    mine = torch.cat(logits).cpu().numpy() if logits else np.zeros((0, width), np.float32)
    rows = parts.world.gather(mine)
    labels, ids = _joined([one.labels for one in found]), _joined([one.ids for one in found])
    marks = parts.world.gather(np.stack([labels, ids], axis=1))
    if rows is None or marks is None:
        return None
    order = np.argsort(marks[:, 1], kind="stable")
    return Outputs(rows[order], marks[order, 0], marks[order, 1])


def _joined(pieces: list[np.ndarray]) -> np.ndarray:
    return np.concatenate(pieces) if pieces else np.zeros(0, np.int64)

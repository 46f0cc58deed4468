"""The model on the validation images: logits, and the measures over them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

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


def validate(model: nn.Module, parts: Parts, between: Callable[[], None]) -> Outputs | None:
    """Run the model over the validation images, in the order of the index.

    Parameters
    ----------
    between : callable
        Called between batches, so that commands do not wait for the end.

    Returns
    -------
    Outputs or None
        None in all processes but the first.
    """
    model.eval()
    logits: list[torch.Tensor] = []
    labels: list[np.ndarray] = []
    ids: list[np.ndarray] = []
    for batch in parts.val.epoch(0, shuffle=False, drop_last=False):
        if len(batch.ids):
            with torch.inference_mode(), parts.placement.autocast():
                logits.append(model(parts.normalised(batch.images)).float())
            labels.append(batch.labels)
            ids.append(batch.ids)
        between()
    return _gathered(parts, logits, labels, ids)


def _gathered(
    parts: Parts, logits: list[torch.Tensor], labels: list[np.ndarray], ids: list[np.ndarray]
) -> Outputs | None:
    width = len(parts.classes)
    mine = torch.cat(logits).cpu().numpy() if logits else np.zeros((0, width), np.float32)
    rows = parts.world.gather(mine)
    marks = parts.world.gather(np.stack([_joined(labels), _joined(ids)], axis=1))
    if rows is None or marks is None:
        return None
    order = np.argsort(marks[:, 1], kind="stable")
    return Outputs(rows[order], marks[order, 0], marks[order, 1])


def _joined(pieces: list[np.ndarray]) -> np.ndarray:
    return np.concatenate(pieces) if pieces else np.zeros(0, np.int64)

"""Losses that give a batch and its pieces the same gradient."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from nbfinetune.records import TrainingConfig

Loss: TypeAlias = Callable[[Tensor, Tensor], Tensor]
PerImage: TypeAlias = Callable[[Tensor, Tensor], Tensor]

FOCAL_GAMMA = 2


def make_loss(
    config: TrainingConfig, class_counts: Sequence[int] | np.ndarray, device: torch.device | str
) -> Loss:
    """Loss of a batch as the config asks for it.

    Parameters
    ----------
    config : TrainingConfig
        `loss`, `label_smoothing` and `class_weights` are read.
    class_counts : sequence of int, (C,)
        Training images per class.
    device : torch.device or str
        Where the logits lie.

    Returns
    -------
    callable
        ``loss(logits, targets)`` of logits (B, C) and targets, int64 (B,) or soft, float (B, C).
        It is ``sum_i w_i l_i / B`` as a float32 scalar, so the losses of the pieces of a batch,
        each times its part of the images, add up to the loss of the whole. (torch's mean over
        weighted classes divides by the batch's own sum of weights, which does not add up.)

    Notes
    -----
    Weights ``"balanced"`` are those of scikit-learn, ``N / (C * n_c)``: inverse to the class's
    frequency, with mean one over the training images. Smoothing s mixes the target with the
    uniform distribution: ``(1 - s) t + s / C``. ``bce`` is over the sigmoids of the logits;
    ``mse`` is the Brier score over their softmax, so that probabilities mean the same everywhere;
    both are means over classes. ``focal`` is ``-sum_c t_c (1 - p_c)**2 log p_c`` over the softmax.
    """
    weights = None
    if config.class_weights == "balanced":
        weights = torch.as_tensor(balanced_weights(class_counts), dtype=torch.float32).to(device)
    if config.loss == "cross_entropy":
        return _cross_entropy(weights, config.label_smoothing)
    per_image = {"bce": _bce, "mse": _mse, "focal": _focal}[config.loss]
    return _weighted_mean(per_image, weights, config.label_smoothing)


def balanced_weights(class_counts: Sequence[int] | np.ndarray) -> np.ndarray:
    """Weights inverse to the frequency of the classes, with mean one over the images.

    Parameters
    ----------
    class_counts : sequence of int, (C,)
        Images per class; a class without any has no frequency and gets weight one.

    Returns
    -------
    ndarray, float64, (C,)
    """
    counts = np.asarray(class_counts, dtype=np.float64)
    present = counts > 0
    weights = np.ones_like(counts)
    weights[present] = counts.sum() / (present.sum() * counts[present])
    return weights


def _cross_entropy(weights: Tensor | None, smoothing: float) -> Loss:
    def loss(logits: Tensor, targets: Tensor) -> Tensor:
        total = F.cross_entropy(
            logits.float(), targets, weight=weights, label_smoothing=smoothing, reduction="sum"
        )
        return total / len(logits)

    return loss


def _weighted_mean(per_image: PerImage, weights: Tensor | None, smoothing: float) -> Loss:
    def loss(logits: Tensor, targets: Tensor) -> Tensor:
        logits = logits.float()
        classes = logits.shape[1]
        labels = _distributions(targets, classes)
        values = per_image(logits, labels * (1 - smoothing) + smoothing / classes)
        if weights is not None:
            values = values * (labels * weights).sum(dim=1)
        return values.mean()

    return loss


def _distributions(targets: Tensor, classes: int) -> Tensor:
    if targets.ndim == 1:
        return F.one_hot(targets, classes).float()
    return targets.float()


def _bce(logits: Tensor, targets: Tensor) -> Tensor:
    return F.binary_cross_entropy_with_logits(logits, targets, reduction="none").mean(dim=1)


def _mse(logits: Tensor, targets: Tensor) -> Tensor:
    return F.mse_loss(logits.softmax(dim=1), targets, reduction="none").mean(dim=1)


def _focal(logits: Tensor, targets: Tensor) -> Tensor:
    log_p = logits.log_softmax(dim=1)
    return -(targets * (1 - log_p.exp()) ** FOCAL_GAMMA * log_p).sum(dim=1)

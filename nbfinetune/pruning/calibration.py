"""Batch norms measured anew: what they know of their inputs is wrong once channels are gone."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn


@torch.no_grad()
def recalibrate(module: nn.Module, batches: Iterable[Tensor]) -> None:
    """Let every batch norm measure means and variances over the batches, each counted alike.

    Most of what a pruned network loses at once, it loses by these (Li et al., arXiv:2007.02491).

    Parameters
    ----------
    batches : iterable of Tensor, (B, C, S, S)
    """
    norms = [m for m in module.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]  # noqa: SLF001
    norms = [norm for norm in norms if norm.track_running_stats]
    if not norms:
        return
    momenta = [norm.momentum for norm in norms]
    module.eval()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain average of all batches
        norm.train()
    for images in batches:
        module(images)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    module.eval()

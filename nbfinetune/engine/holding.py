"""Weights that are held where a pruning or a clip has put them, step after step."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from nbfinetune.pruning.magnitude import apply_masks, clip_weights, masked_weights, prunable


class Holding:
    """Holds weights at zero where masks leave them out, and within a limit where one is set.

    Parameters
    ----------
    model : nn.Module
    average : nn.Module, optional
        Moving average of its weights, held alike.

    Attributes
    ----------
    masks : dict of str to Tensor
        By name of the weight; False where it is held at zero.
    limit : float
        Largest magnitude of a weight; 0 is none.
    """

    def __init__(self, model: nn.Module, average: nn.Module | None = None) -> None:
        self._modules = [model] if average is None else [model, average]
        self.masks: dict[str, Tensor] = {}
        self.limit = 0.0
        self._look_up()

    def mask(self, masks: Mapping[str, Tensor]) -> None:
        """Hold the weights at zero that `masks` leave out, from now on; no others."""
        self.masks = dict(masks)
        self._look_up()
        apply_masks(self._masked)

    def clip(self, limit: float) -> None:
        """Hold all weights of convolutions and linear layers within `limit`; 0 lets them go."""
        self.limit = limit
        self._look_up()
        if limit:
            # The average moves between what is within the limit, so that once is enough.
            for module in self._modules:
                clip_weights([*prunable(module).values()], limit)

    def apply(self) -> None:
        """Put the weights back after a step has moved them, before their average follows."""
        apply_masks(self._masked)
        if self._clipped:
            clip_weights(self._clipped, self.limit)

    def _look_up(self) -> None:
        self._masked = [pair for one in self._modules for pair in masked_weights(one, self.masks)]
        self._clipped: list[Tensor] = [*prunable(self._modules[0]).values()] if self.limit else []

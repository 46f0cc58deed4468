"""One optimizer step: pieces of a batch forward and backward, then one update."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from nbfinetune.engine.assemble import Parts
from nbfinetune.engine.optimizers import add_l1_gradient
from nbfinetune.errors import TrainingError

if TYPE_CHECKING:
    from nbfinetune.engine.compiling import Compiling, Forward


class Stepper:
    """Takes optimizer steps.

    Parameters
    ----------
    parts : Parts
        The model, trained in place, and its loss.
    optimizer : Optimizer
    clip_norm, l1 : float
        Largest norm of the gradient and weight of the L1 penalty; 0 is off.
    micro_batch : int
        Images that go through the model at a time.
    on_reduced : callable
        Told the new micro-batch and the reason when the device ran out of memory.

    Attributes
    ----------
    compiling : Compiling, optional
        Gives graphs for the forward pass.
    """

    def __init__(
        self,
        parts: Parts,
        optimizer: torch.optim.Optimizer,
        *,
        clip_norm: float,
        l1: float,
        micro_batch: int,
        on_reduced: Callable[[int, str], None],
    ) -> None:
        self.model = parts.model
        self.optimizer = optimizer
        self.loss = parts.loss
        self.placement = parts.placement
        self.world = parts.world
        self.clip_norm = clip_norm
        self.l1 = l1
        self.micro_batch = micro_batch
        self.on_reduced = on_reduced
        self.scaler = torch.amp.GradScaler(
            self.placement.device.type, enabled=self.placement.precision == "fp16"
        )
        self.compiling: Compiling | None = None
        self.wrap()

    def wrap(self) -> None:
        """Tie the model to its copies in the other processes; again after it has changed."""
        if self.compiling is not None:
            self.compiling.forget()
        self._forward: nn.Module = (
            DistributedDataParallel(self.model) if self.world.size > 1 else self.model
        )

    def step(self, images: Tensor, targets: Tensor) -> Tensor:
        """Train on one batch and give its mean loss, a scalar left on the device.

        Parameters
        ----------
        images : Tensor, float32, (B, 3, H, W)
        targets : Tensor, int64 (B,) or float32 (B, classes)

        Raises
        ------
        TrainingError
            If a single image does not fit in the device's memory.
        """
        while True:
            try:
                loss = self._gradients(images, targets)
                break
            except torch.OutOfMemoryError as error:
                self._reduce(len(images), error)
        self._update()
        return self.world.mean(loss)

    def _gradients(self, images: Tensor, targets: Tensor) -> Tensor:
        self.optimizer.zero_grad(set_to_none=True)
        total = torch.zeros((), device=self.placement.device)
        pieces = -(-len(images) // self.micro_batch)
        for number, (piece, goal) in enumerate(self._pieces(images, targets), start=1):
            forward = self._way(piece, goal)
            with self._tied(last=number == pieces):
                total += self._learn(forward, piece, goal, len(piece) / len(images))
        return total

    def _learn(self, forward: Forward, piece: Tensor, goal: Tensor, part: float) -> Tensor:
        with self.placement.autocast():
            try:
                logits = forward(piece)
            except ValueError as error:
                _explain(error, len(piece))
                raise
        loss = self.loss(logits.float(), goal) * part
        self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        return loss.detach()

    def _way(self, piece: Tensor, goal: Tensor) -> Forward:
        if self.compiling is None:
            return self._forward

        def try_out(graph: Forward) -> None:
            try:
                self._learn(graph, piece, goal, 1.0)
            finally:
                self.optimizer.zero_grad(set_to_none=True)

        graph = self.compiling.forward(len(piece), try_out)
        return self._forward if graph is None else graph

    def _pieces(self, images: Tensor, targets: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        for start in range(0, len(images), self.micro_batch):
            piece = slice(start, start + self.micro_batch)
            yield images[piece], targets[piece]

    def _tied(self, *, last: bool) -> AbstractContextManager[Any]:
        if last or not isinstance(self._forward, DistributedDataParallel):
            return nullcontext()
        return self._forward.no_sync()

    def _update(self) -> None:
        self.scaler.unscale_(self.optimizer)
        if self.l1:
            add_l1_gradient(self.optimizer, self.l1)
        if self.clip_norm:
            params = [p for group in self.optimizer.param_groups for p in group["params"]]
            nn.utils.clip_grad_norm_(params, self.clip_norm)
        self.scaler.step(self.optimizer)
        self.scaler.update()

    def _reduce(self, batch: int, error: torch.OutOfMemoryError) -> None:
        self.optimizer.zero_grad(set_to_none=True)
        smaller = min(self.micro_batch, batch) // 2
        if smaller == 0 or self.world.size > 1:
            raise TrainingError(
                f"{self.placement.device} ran out of memory with {min(self.micro_batch, batch)} "
                "images at a time; lower image_size or batch_size, or choose a smaller model"
            ) from error
        self.micro_batch = smaller
        if torch.accelerator.is_available():
            torch.accelerator.empty_cache()
        self.on_reduced(smaller, str(error).splitlines()[0])


def _explain(error: ValueError, images: int) -> None:
    """Raise a sentence for what torch's batch norms refuse."""
    if images == 1 and "more than 1 value per channel" in str(error):
        raise TrainingError(
            "1 image came through the model at a time, from which a batch norm can't learn; "
            "give a batch_size of at least 2 (without so much accumulate), or a larger image_size"
        ) from error

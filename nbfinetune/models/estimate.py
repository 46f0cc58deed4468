"""Memory that a run will need at its peak, reckoned from what one image costs the model."""

from __future__ import annotations

from dataclasses import dataclass

from nbfinetune.models.model_facts import ModelFacts

__all__ = ["MEASURED_BATCH", "MemoryNeed", "ModelCost", "facts_need", "memory_need"]

FLOAT = 4
"""Bytes of a weight."""

MEASURED_BATCH = 64
"""Images that validation takes at a time, at least."""

LOADED_BATCHES = 4
"""Of uint8 pixels: the one in hand and those that the loader makes ahead."""

MOMENTS = {"sgd": 1, "adagrad": 1, "lion": 1, "adamw": 2, "adam": 2, "rmsprop": 2, "lamb": 2}
"""Numbers that an optimizer keeps for each weight; two where it is not listed."""

HEAP = 1.2
"""Memory of the process over what lives in it, for images on the CPU: the C library keeps pieces
below 32 MB that were freed, and new ones of other sizes do not fill them. Measured over five models
were 0.95 to 1.4; it is 1.0 where such pieces go back to the system (`MALLOC_MMAP_THRESHOLD_`)."""

FORWARD_SHARE = 0.25
"""Of what is held for the backward pass, the most that a forward pass alone holds at once; seen
were 0.08 (ViT, DenseNet) to 0.36 (VGG, whose first layers are the largest by far)."""

HALF_SHARE = 0.55
"""Of float32's memory of an image, what 16 bits hold; seen on the CPU were 0.50 (EfficientNet) to
0.58 (Swin, whose norms stay in 32)."""


@dataclass(frozen=True)
class ModelCost:
    """What a model costs, figures of float32.

    Parameters
    ----------
    parameters, trained : int
        Weights, and those of them that are trained.
    saved_bytes : int
        What is held of an image for the backward pass.
    forward_bytes : int
        The most that is held of an image in a forward pass alone.
    pixels : int
        Numbers of an image: side by side by channels.
    fixed_bytes : int
        What a pass holds besides, whatever the batch.
    """

    parameters: int
    trained: int
    saved_bytes: int
    forward_bytes: int
    pixels: int
    fixed_bytes: int = 0


@dataclass(frozen=True)
class MemoryNeed:
    """Peak memory of a run by its batch, over that of a process that has imported torch.

    Parameters
    ----------
    fixed : int
        Bytes whatever the batch: weights, gradients, moments, copies.
    per_image : int
        Bytes of an image that is trained on.
    per_measured : int
        Bytes of an image in validation, which takes at least `MEASURED_BATCH` at a time.
    """

    fixed: int
    per_image: int
    per_measured: int

    def at(self, batch: int) -> int:
        """Bytes at the peak, with `batch` images going through the model at a time."""
        measured = max(batch, MEASURED_BATCH) * self.per_measured
        return self.fixed + max(batch * self.per_image, measured)

    def largest_batch(self, available: int) -> int:
        """Images that can go through the model at a time; 0 where not even one can."""
        if self.at(1) > available:
            return 0
        return (available - self.fixed) // max(self.per_image, self.per_measured, 1)


def memory_need(
    cost: ModelCost,
    *,
    optimizer: str = "adamw",
    ema: bool = False,
    on_cpu: bool = True,
    half: bool = False,
) -> MemoryNeed:
    """Memory of a run with a model.

    Parameters
    ----------
    cost : ModelCost
    optimizer : str
        Its name decides how many moments are kept.
    ema : bool
        Whether a moving average of the weights is kept.
    on_cpu : bool
        Whether the copies that checkpoints are written from lie in the same memory: the whole state
        while `last` is written, and the weights of the best epoch.
    half : bool
        Whether the forward pass computes in 16 bits.
    """
    weights, gradients = FLOAT * cost.parameters, FLOAT * cost.trained
    state = (2 if ema else 1) * weights + MOMENTS.get(optimizer, 2) * gradients
    copies = state + weights if on_cpu else 0
    loaded = LOADED_BATCHES * cost.pixels if on_cpu else 0
    share = (HALF_SHARE if half else 1.0) * (HEAP if on_cpu else 1.0)
    return MemoryNeed(
        fixed=state + gradients + copies + cost.fixed_bytes,
        per_image=round(share * max(cost.saved_bytes, cost.forward_bytes)) + loaded,
        per_measured=round(share * cost.forward_bytes) + loaded,
    )


def facts_need(
    facts: ModelFacts,
    image_size: int | None = None,
    trained: str = "all",
    *,
    optimizer: str = "adamw",
    on_cpu: bool = True,
    half: bool = False,
) -> MemoryNeed:
    """The same from the catalogue alone, before the model was looked at.

    What is held of an image goes with its area. Where some stages are trained, the need is that of
    training everything: what each of them holds is not on record.

    Parameters
    ----------
    image_size : int, optional
        Side in pixels; default that of the weights.
    trained : str
        A name of `nbfinetune.models.training_choice`.
    """
    side = image_size or facts.image_size
    whole = round(facts.saved_bytes * (side / facts.image_size) ** 2)
    head_only = trained == "head"
    cost = ModelCost(
        facts.parameters,
        0 if head_only else facts.parameters,
        saved_bytes=0 if head_only else whole,
        forward_bytes=round(FORWARD_SHARE * whole),
        pixels=3 * side * side,
    )
    return memory_need(cost, optimizer=optimizer, on_cpu=on_cpu, half=half)

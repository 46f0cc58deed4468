"""Whether a batch can be trained in the memory that is there, asked before any is taken."""

from __future__ import annotations

from nbfinetune.errors import BatchTooLarge, ModelError
from nbfinetune.models.catalogue import known
from nbfinetune.models.choices import images_at_once, part_costs, run_need
from nbfinetune.models.estimate import MemoryNeed, facts_need
from nbfinetune.records import FineTuneConfig

__all__ = ["check_batch"]

PLENTY = 2
"""Times what the catalogue alone says: with so much memory nobody looks closer."""


def check_batch(
    config: FineTuneConfig,
    *,
    images: int,
    num_classes: int,
    image_size: int,
    half: bool,
    available: int,
) -> None:
    """Refuse a batch that the machine's own memory can't hold.

    An accelerator says itself when it is full, and the batch is halved then; a full machine ends
    whatever process it likes. Models of the user's own code are not looked at.

    Parameters
    ----------
    images : int
        That there are to train on.
    image_size : int
        Side in pixels.
    half : bool
        Whether the forward pass computes in 16 bits.
    available : int
        Bytes that are free.

    Raises
    ------
    BatchTooLarge
        With the largest batch that fits.
    """
    batch = images_at_once(config, images)
    if ":" in config.model.name or _plenty(config.model.name, image_size, batch, available):
        return
    try:
        costs = part_costs(config.model, num_classes, image_size, batch)
    except ModelError:
        # A size that the model can't take is told when it is built, or it can't be reckoned.
        return
    need = run_need(costs, config, on_cpu=True, half=half)
    if need.at(batch) > available:
        raise BatchTooLarge(_sentence(config, image_size, batch, need, available))


def _plenty(name: str, image_size: int, batch: int, available: int) -> bool:
    facts = known(name)
    if facts is None or not facts.saved_bytes:
        return False
    return PLENTY * facts_need(facts, image_size).at(batch) < available


def _sentence(
    config: FineTuneConfig, image_size: int, batch: int, need: MemoryNeed, available: int
) -> str:
    largest = need.largest_batch(available)
    said = (
        f"{batch} images of {image_size} px at a time need {need.at(batch) / 1e9:.1f} GB with "
        f"{config.model.name}, and {available / 1e9:.1f} GB are free; "
    )
    if not largest:
        return f"{said}not even one fits: choose a smaller model, or freeze='backbone'"
    pieces = -(-config.training.batch_size // largest)
    return (
        f"{said}the largest batch_size that fits is {largest * config.training.accumulate}; "
        f"lower it, or let the batch go through in pieces with accumulate={pieces}"
    )

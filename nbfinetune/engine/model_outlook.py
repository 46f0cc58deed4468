"""What the model of a run would be: how it sees an image, and what each way to train it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from nbfinetune.data.images import median_side
from nbfinetune.errors import ModelError
from nbfinetune.models.choices import PartCosts, choices, images_at_once, part_costs, run_need
from nbfinetune.models.inputs import choose_image_size, model_input
from nbfinetune.models.memory import available_bytes
from nbfinetune.models.names import parse_name
from nbfinetune.models.rehearsal import rehearse
from nbfinetune.models.shape import Shape

if TYPE_CHECKING:
    from nbfinetune.data.images import ImageSet
    from nbfinetune.records import FineTuneConfig

__all__ = ["model_outlook"]

CPU = torch.device("cpu")


def model_outlook(
    config: FineTuneConfig, images: ImageSet | None, classes: int, device: str
) -> dict[str, Any]:
    """Facts of a model by name; empty where it is the user's own code, which may still change.

    Parameters
    ----------
    images : ImageSet, optional
        Of the run, where they are here already.
    device : str
        Type of the device that will train.

    Returns
    -------
    dict
        ``parameters``, ``macs``, ``stages``, ``memory``, ``choices`` as
        `nbfinetune.runner.standing_by.describe` has them, and with images how the model sees one.
        Without ``macs`` and what follows for a model that can't be followed without its values.

    Raises
    ------
    NbFinetuneError
        If the model can't be had, or not like this.
    """
    wanted = model_input(config.model.name, config.model.in_chans)
    side = wanted.size_px if images is None else median_side(images)
    size = choose_image_size(wanted, config.data.image_size, side)
    facts: dict[str, Any] = {}
    batch = images_at_once(config, None if images is None else len(images.index.train))
    costs = _costs(config, classes, size, batch)
    if costs is not None:
        facts |= _costed(config, costs, batch, device)
    if images is not None:
        facts["image_size"] = size
        facts |= {"interpolation": wanted.interpolation, "crop_pct": wanted.crop_pct}
    return facts


def _costs(config: FineTuneConfig, classes: int, size: int, batch: int) -> PartCosts | None:
    try:
        return part_costs(config.model, classes, size, batch)
    except ModelError:
        # It says why itself if it can't be trained; else only what it costs stays unknown.
        shape = Shape(classes, size, config.model.dropout, config.model.in_chans)
        rehearse(parse_name(config.model.name), config.model, shape, CPU)
        return None


def _costed(config: FineTuneConfig, costs: PartCosts, batch: int, device: str) -> dict[str, Any]:
    on_cpu = device == CPU.type
    precision = config.training.precision
    half = precision != "fp32" and not (precision == "auto" and device in (CPU.type, "mps"))
    need = run_need(costs, config, on_cpu=on_cpu, half=half)
    # Asking an accelerator would take a context on it, which would keep its memory while we wait.
    available = available_bytes(CPU) if on_cpu else None
    largest = None if available is None else need.largest_batch(available)
    return {
        "parameters": costs.by_group[0].parameters,
        "macs": costs.macs,
        "stages": costs.stages,
        "memory": {
            "needed": need.at(batch),
            "available": available,
            "largest_batch": largest,
        },
        "choices": [
            {
                "name": choice.name,
                "label": choice.label,
                "trained": choice.trained,
                "memory": choice.memory_bytes,
            }
            for choice in choices(costs, config, batch, on_cpu=on_cpu, half=half)
        ],
    }

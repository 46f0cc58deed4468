"""What training each part of a model would cost, found before it is built."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
from msgspec.structs import replace
from torch import nn

from nbfinetune.errors import ConfigError, ModelError, NbFinetuneError
from nbfinetune.models.estimate import MEASURED_BATCH, MemoryNeed, ModelCost, memory_need
from nbfinetune.models.footprint import training
from nbfinetune.models.groups import layer_groups, stages
from nbfinetune.models.heads import head_names
from nbfinetune.models.rehearsal import sketch
from nbfinetune.models.shape import Shape
from nbfinetune.models.tally import follow
from nbfinetune.models.training_choice import choice_label, choice_settings, stages_choice
from nbfinetune.records import FineTuneConfig, ModelConfig

__all__ = ["Choice", "PartCosts", "choices", "images_at_once", "part_costs", "run_need"]

MOST_STAGES = 4
"""Offered one by one: a plain transformer has a stage for each of its dozens of blocks."""

SMALLEST = 2
"""Images with which a batch norm over maps of one pixel can train."""


@dataclass(frozen=True)
class Choice:
    """One way to train a model.

    Parameters
    ----------
    name : str
        Of `nbfinetune.models.training_choice`.
    label : str
        In words, as they follow "train".
    trained : int
        Parameters.
    memory_bytes : int
        Of the run at its peak.
    """

    name: str
    label: str
    trained: int
    memory_bytes: int


@dataclass(frozen=True)
class PartCosts:
    """What a model costs, by the layer group from which on it is trained.

    Parameters
    ----------
    macs : int
        Multiply-accumulates of a forward pass of one image.
    starts : tuple of int
        Layer groups with which the stages begin; the head's is the last.
    by_group : tuple of ModelCost
        Of training this layer group and all behind it.
    """

    macs: int
    starts: tuple[int, ...]
    by_group: tuple[ModelCost, ...]

    @property
    def stages(self) -> int:
        """Stages before the head."""
        return len(self.starts) - 1

    def of(self, config: ModelConfig) -> ModelCost:
        """Cost of what `config` trains; where it thaws later, of everything.

        Raises
        ------
        ConfigError
            If the model has fewer stages than are to be trained.
        """
        return self.by_group[0 if config.freeze_epochs else self._first_trained(config)]

    def _first_trained(self, config: ModelConfig) -> int:
        if config.train_stages is not None:
            if config.train_stages > self.stages:
                raise ConfigError(
                    f"train_stages is {config.train_stages}, but {config.name} has {self.stages}; "
                    "leave train_stages out to train all"
                )
            return self.starts[self.stages - config.train_stages]
        if config.freeze == "backbone":
            return self.starts[-1]
        return 0 if config.freeze == "none" else min(config.freeze, self.starts[-1])


def part_costs(config: ModelConfig, num_classes: int, image_size: int, batch: int) -> PartCosts:
    """Follow one batch through a model on the meta device; found once for each question.

    Parameters
    ----------
    config : ModelConfig
        Timm's or torchvision's; what it says of freezing and of weights does not matter.
    image_size : int
        Side in pixels.
    batch : int
        Images that go through at a time.

    Raises
    ------
    ModelError
        If the model can't be followed without its values, or can't take the size.
    """
    plain = ModelConfig(
        name=config.name,
        head=config.head,
        dropout=config.dropout,
        in_chans=config.in_chans,
        drop_stages=config.drop_stages,
        pooling=config.pooling,
    )
    return _part_costs(plain, num_classes, image_size, max(batch, SMALLEST))


def run_need(costs: PartCosts, config: FineTuneConfig, *, on_cpu: bool, half: bool) -> MemoryNeed:
    """Memory of a run by the number of images that go through at a time.

    Parameters
    ----------
    on_cpu : bool
        Whether the model lies in the machine's own memory.
    half : bool
        Whether the forward pass computes in 16 bits.
    """
    return memory_need(
        costs.of(config.model),
        optimizer=config.optimizer.name,
        ema=bool(config.training.ema),
        on_cpu=on_cpu,
        half=half,
    )


def images_at_once(config: FineTuneConfig, images: int | None = None) -> int:
    """Images that go through the model at a time: a batch, or a piece of it.

    Parameters
    ----------
    images : int, optional
        That there are to train on; no batch has more.
    """
    piece = -(-config.training.batch_size // config.training.accumulate)
    return piece if images is None else min(piece, images)


def choices(
    costs: PartCosts, config: FineTuneConfig, batch: int, *, on_cpu: bool, half: bool
) -> list[Choice]:
    """The ways to train a model that are offered, from everything to the head alone.

    Parameters
    ----------
    batch : int
        Images that go through at a time.
    on_cpu, half : bool
        As for `run_need`.
    """
    counts = range(min(MOST_STAGES, costs.stages - 1), 0, -1)
    names = ["all", "gentle", *map(stages_choice, counts), "head"]
    found = []
    for name in names:
        model = replace(config.model, freeze_epochs=0, **choice_settings(name))
        need = run_need(costs, replace(config, model=model), on_cpu=on_cpu, half=half)
        found.append(Choice(name, choice_label(name), costs.of(model).trained, need.at(batch)))
    return found


@lru_cache(maxsize=16)
def _part_costs(config: ModelConfig, num_classes: int, image_size: int, batch: int) -> PartCosts:
    shape = Shape(num_classes, image_size, config.dropout, config.in_chans)
    try:
        module = sketch(config, shape)
        return _followed(module, (batch, config.in_chans, image_size, image_size))
    except NbFinetuneError:
        raise
    except Exception as error:
        raise ModelError(
            f"what {config.name} costs at {image_size} pixels can't be told without running it "
            f"({type(error).__name__}: {' '.join(str(error).split())[:200]})"
        ) from error


def _followed(module: nn.Module, shape: tuple[int, int, int, int]) -> PartCosts:
    heads = head_names(module)
    groups = layer_groups(module, heads)
    marks = {name: place for place, group in enumerate(groups) for name in group.parameter_names}
    with training(module):
        there = follow(module, shape, backward=False, marks=marks)
    module.eval()
    with torch.no_grad():
        alone = follow(module, (MEASURED_BATCH, *shape[1:]), backward=False)
    sizes = [sum(module.get_parameter(n).numel() for n in g.parameter_names) for g in groups]
    total, batch = sum(p.numel() for p in module.parameters()), shape[0]
    pixels = shape[1] * shape[2] * shape[3]
    by_group = []
    for place in range(len(groups)):
        # What is held before the first trained layer is let go: no gradient goes there.
        before = min(held for mark, held in there.held_before.items() if mark >= place)
        by_group.append(
            ModelCost(
                total,
                sum(sizes[place:]),
                saved_bytes=min(there.saved, there.saved - before + 4 * batch * pixels) // batch,
                forward_bytes=alone.peak // MEASURED_BATCH,
                pixels=pixels,
            )
        )
    first = {group.parameter_names[0]: place for place, group in enumerate(groups)}
    starts = tuple(first[stage.parameter_names[0]] for stage in stages(module, heads))
    return PartCosts(alone.macs // MEASURED_BATCH, starts, tuple(by_group))

"""Everything that a run needs before its first step, put together from the config."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch
from msgspec.structs import replace
from torch import Tensor, nn

from nbfinetune.data.augment import Interpolation
from nbfinetune.data.decoded_cache import OnUnused
from nbfinetune.data.images import ImageSet, median_side, open_images, with_cache, with_channels
from nbfinetune.data.index import ImageIndex, build_index
from nbfinetune.data.loader import Loader, steps_per_epoch
from nbfinetune.data.stored_image import stored_side
from nbfinetune.engine.checkpoint import Checkpoint
from nbfinetune.engine.cutting import fast_cut
from nbfinetune.engine.device import Placement, place
from nbfinetune.engine.losses import make_loss
from nbfinetune.engine.progress import Whole
from nbfinetune.engine.randomness import seed_everything
from nbfinetune.engine.threads import compute_here
from nbfinetune.engine.world import World
from nbfinetune.models.build import build
from nbfinetune.models.fitting import check_batch
from nbfinetune.models.freezing import freeze
from nbfinetune.models.groups import LayerGroup
from nbfinetune.models.inputs import ModelInput, choose_image_size, model_input
from nbfinetune.models.memory import available_bytes
from nbfinetune.models.recipe import Recipe, recipes_in
from nbfinetune.records import FineTuneConfig, ModelConfig, PhaseStarted

OnSkip = Callable[[str, str], None]


@dataclass(frozen=True)
class Parts:
    """What training works with; built once, before the first step.

    Parameters
    ----------
    train, val : Loader
        Batches of this process's share of the images.
    steps_per_epoch : int
    mean, std : Tensor, (C, 1, 1)
        Normalisation on the scale of uint8, on the device.
    groups : list of LayerGroup
        From input to head.
    recipes : tuple of Recipe
        What was pruned away from the architecture.
    whole : Whole, optional
        The model before this run pruned it.
    """

    config: FineTuneConfig
    placement: Placement
    world: World
    index: ImageIndex
    train: Loader
    val: Loader
    steps_per_epoch: int
    image_size: int
    input: ModelInput
    mean: Tensor
    std: Tensor
    model: nn.Module
    groups: list[LayerGroup]
    weights_from: str
    recipes: tuple[Recipe, ...]
    loss: Callable[[Tensor, Tensor], Tensor]
    whole: Whole | None = None

    def close(self) -> None:
        """End the loaders' threads and let go of the cache."""
        self.train.close()
        self.val.close()
        cache = self.train.images.cache
        if cache is not None:
            cache.close()

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes in the order of the logits."""
        return self.index.classes

    def normalised(self, images: np.ndarray) -> Tensor:
        """Batch for the model out of uint8 pixels.

        Parameters
        ----------
        images : ndarray, uint8, (B, S, S, C)

        Returns
        -------
        Tensor, float32, (B, C, S, S)
        """
        pixels = torch.from_numpy(images)
        if self.placement.asynchronous:
            pixels = pixels.pin_memory()
        pixels = pixels.to(self.placement.device, non_blocking=True)
        # By whole rows of an image: taken channel by channel it is several times slower.
        side = pixels.shape[2]
        rows = pixels.reshape(-1, side * pixels.shape[3]).to(torch.float32)
        rows.sub_(self.mean.flatten().repeat(side)).div_(self.std.flatten().repeat(side))
        batch = rows.view(pixels.shape).permute(0, 3, 1, 2)
        return batch.contiguous(memory_format=self.placement.memory_format)

    def labels(self, labels: np.ndarray) -> Tensor:
        """Labels on the device."""
        return torch.from_numpy(labels).to(self.placement.device, non_blocking=True)


def assemble(
    config: FineTuneConfig,
    folder: Path,
    world: World,
    *,
    restored: Checkpoint | None,
    emit: Callable[[PhaseStarted], None],
    on_skip: OnSkip,
    on_cache_unused: OnUnused,
) -> Parts:
    """Read the index, build the model, and lay out the batches.

    Parameters
    ----------
    folder : Path
        The run's directory.
    restored : Checkpoint, optional
        The state that will be restored, so that no pretrained weights are needed.
    emit : callable
        Told what the worker is busy with.
    on_skip : callable
        Told the path and the reason of each image that can't be read.
    on_cache_unused : callable
        Told why decoded images are not kept.

    Raises
    ------
    DataError, ModelError, ConfigError
        With a sentence each.
    """
    compute_here(config.runner.threads)
    placement = place(config, world.rank)
    if placement.device.type == "cuda":
        torch.backends.cudnn.benchmark = False
        torch.backends.cudnn.deterministic = True
    emit(PhaseStarted(phase="reading the images"))
    index = _index_of_rank_0(config, folder, world, on_skip)
    images = open_images(config.data.source, index, folder)
    images = with_channels(images, config.model.in_chans)
    emit(PhaseStarted(phase=f"building {config.model.name}"))
    facts = model_input(config.model.name, config.model.in_chans)
    size = choose_image_size(facts, config.data.image_size, median_side(images))
    if placement.device.type == "cpu":
        check_batch(
            config,
            images=len(index.train),
            num_classes=len(index.classes),
            image_size=size,
            half=placement.precision != "fp32",
            available=available_bytes(placement.device),
        )
    # After whatever was looked at above: weights depend on the seed alone.
    seed_everything(config.seed)
    built = build(
        _without_weights(config.model) if restored else config.model,
        num_classes=len(index.classes),
        image_size=size,
        device=placement.device,
        recipes=recipes_in(restored.facts) if restored else (),
    )
    groups = freeze(built.module, built.head_names, config.model)
    model = built.module.to(placement.device)
    model = model.to(memory_format=placement.memory_format)
    if config.data.cache:
        images = with_cache(images, stored_side(size, facts.crop_pct), on_cache_unused)
    counts = np.bincount(index.labels[index.train], minlength=len(index.classes))
    return Parts(
        config=config,
        placement=placement,
        world=world,
        index=index,
        train=_loader(config, images, index.train, facts, size, world, on_skip, train=True),
        val=_loader(config, images, index.val, facts, size, world, on_skip, train=False),
        steps_per_epoch=steps_per_epoch(len(index.train), config.training.batch_size),
        image_size=size,
        input=facts,
        mean=_channels(facts.mean, placement),
        std=_channels(facts.std, placement),
        model=model,
        groups=groups,
        weights_from=built.weights_from,
        recipes=built.recipes,
        loss=make_loss(config.training, counts, placement.device),
    )


def _without_weights(model: ModelConfig) -> ModelConfig:
    return replace(model, pretrained=False, checkpoint=None)


def _channels(values: tuple[float, ...], placement: Placement) -> Tensor:
    return torch.tensor(values, device=placement.device).mul_(255.0).view(-1, 1, 1)


def _index_of_rank_0(
    config: FineTuneConfig, folder: Path, world: World, on_skip: OnSkip
) -> ImageIndex:
    built = build_index(config.data, config.seed, folder, on_skip) if world.leads else None
    world.share(None)
    return build_index(config.data, config.seed, folder, on_skip) if built is None else built


def _loader(
    config: FineTuneConfig,
    images: ImageSet,
    ids: np.ndarray,
    facts: ModelInput,
    size: int,
    world: World,
    on_skip: OnSkip,
    *,
    train: bool,
) -> Loader:
    batch = config.training.batch_size
    interpolation = cast("Interpolation", facts.interpolation)
    return Loader(
        images,
        ids,
        size_px=size,
        interpolation=interpolation,
        crop_pct=facts.crop_pct,
        augment=config.augment if train else None,
        seed=config.seed,
        batch_size=batch if train else max(batch, 64),
        threads=config.data.loader_threads,
        on_skip=on_skip,
        # What is measured is seen as any other reader of the images sees it, bit for bit.
        cut=fast_cut(interpolation) if train else None,
        shard=(world.rank, world.size),
    )

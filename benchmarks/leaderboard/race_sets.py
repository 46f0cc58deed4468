"""The races of `make bench`: who runs in each, over what, and which figures are told of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from contender import (
    FASTAI,
    HUGGING_FACE,
    LIGHTNING,
    LIMIT,
    LIVE,
    OURS,
    RIVALS,
    TEXTBOOK,
    Contender,
)
from outcome import (
    Figure,
    accuracy,
    first_epoch,
    first_step,
    import_s,
    peak,
    reached,
    steady,
    trained_s,
)

TARGET = 0.85
FINE_TUNE = Contender(
    "fastai",
    "fastai_fine_tune",
    "`vision_learner` with fastai's own head and the same weights, then `fine_tune(1)`: one epoch "
    "of the head alone, one of everything, at its default rate.",
    guest=True,
    task={"epochs": 1, "lr": 2e-3},
)


@dataclass(frozen=True)
class Column:
    """A figure as a column of the tables.

    Parameters
    ----------
    title : str
    figure : callable
    digits : int
        Behind the point.
    ratio : str
        Title of the ratio's column; empty where none is told.
    inverse : bool
        The ratio is theirs over ours: how many times as long they take.
    """

    title: str
    figure: Figure
    digits: int = 1
    ratio: str = ""
    inverse: bool = False


FIRST_STEP = Column("first step, s", first_step, ratio="time to its first step", inverse=True)
FIRST = Column("images/s, epoch 1", first_epoch, ratio="images/s, epoch 1")
LATER = Column("images/s, later", steady, ratio="images/s, later")
ACCURACY = Column("accuracy", accuracy, digits=3)
MEMORY = Column("peak memory, MB", peak, digits=0, ratio="peak memory")
REACHED = Column(f"to {TARGET:.0%}, s", reached(TARGET), ratio="time to it", inverse=True)
TRAINED = Column("training, s", trained_s, ratio="time of training", inverse=True)
RATES = (FIRST_STEP, FIRST, LATER, ACCURACY, MEMORY)


@dataclass(frozen=True)
class RaceSet:
    """One race.

    Parameters
    ----------
    key : str
        On the command line, and the name of its JSON file.
    title : str
    task : mapping
        Fields of `contenders/task.py` that are the same for all.
    contenders : tuple of Contender
        The first is the one that the others are compared with.
    columns : tuple of Column
    photos : (int, int)
        For training and for validation; 0 is all.
    rounds : int
    weights : bool
        Whether it begins with ImageNet weights.
    """

    key: str
    title: str
    task: Mapping[str, Any]
    contenders: tuple[Contender, ...]
    columns: tuple[Column, ...] = RATES
    photos: tuple[int, int] = (0, 0)
    rounds: int = 3
    weights: bool = False

    @property
    def needs_gpu(self) -> bool:
        """Whether it runs on nothing else."""
        return self.task.get("device", "cpu") != "cpu"


def _plain(model: str, size: int, **more: Any) -> dict[str, Any]:
    return {"model": model, "image_size": size, "batch_size": 32, "lr": 1e-3, **more}


def _gpu(key: str, name: str, model: str) -> RaceSet:
    task = _plain(model, 224, epochs=3, half=True, device="cuda")
    return RaceSet(
        key,
        f"{name}, 224 px, on a GPU, everybody in bf16",
        {**task, "batch_size": 64, "lr": 5e-4},
        (OURS, *RIVALS, LIMIT),
    )


def _ours(name: str, does: str, **settings: Any) -> Contender:
    return OURS.given(name, does, settings=settings)


MOBILENET = RaceSet(
    "mobilenet",
    "MobileNetV3-small, 128 px, from random weights",
    _plain("mobilenetv3_small_100", 128, epochs=3),
    (OURS, LIVE, *RIVALS, LIMIT),
    photos=(640, 160),
)
RESNET = RaceSet(
    "resnet",
    "ResNet-18, 224 px, from random weights, the peers in their default settings",
    _plain("resnet18", 224, epochs=2),
    (OURS, *RIVALS, LIMIT),
    # No fewer: nbfinetune's self-test does not run for less work.
    photos=(288, 96),
)
RESNET_HALF = RaceSet(
    "resnet-bf16",
    "ResNet-18, 224 px, the peers' own bf16 switched on",
    _plain("resnet18", 224, epochs=2, half=True),
    (OURS, TEXTBOOK, FASTAI, LIGHTNING, HUGGING_FACE),
    photos=(288, 96),
)
TRANSFER = RaceSet(
    "to-85",
    "Time to 85 % validation accuracy: MobileNetV2 with ImageNet weights, 128 px",
    _plain("mobilenetv2_100", 128, epochs=2, target=TARGET),
    (
        OURS.given(
            does="`nf.fine_tune` with `train_stages=2`: the head and the last two stages for one "
            "epoch along one cycle.",
            epochs=1,
            settings={"train_stages": 2, "schedule": "one_cycle"},
        ),
        FINE_TUNE,
        LIGHTNING,
        LIGHTNING.given("Lightning, one epoch", "The same in one epoch.", epochs=1, lr=5e-4),
        HUGGING_FACE,
    ),
    (FIRST_STEP, REACHED, ACCURACY, LATER),
    weights=True,
)
FROZEN = RaceSet(
    "frozen",
    "The head alone on a frozen MobileNetV2 with ImageNet weights, 128 px, 10 epochs",
    _plain("mobilenetv2_100", 128, epochs=10, frozen=True, augment="none") | {"lr": 5e-3},
    (
        OURS,
        OURS.given("nbfinetune, 100 epochs", "The same for ten times as long.", epochs=100),
        _ours(
            "nbfinetune, backbone each epoch",
            "`feature_views=0`: nothing is kept, the backbone runs under no_grad in every epoch.",
            feature_views=0,
        ),
        OURS.given(
            "nbfinetune, augmented",
            "Crops and flips; the features of four views of each photo are kept (the default).",
            augment="standard",
        ),
        _ours(
            "nbfinetune, augmented, backbone each epoch",
            "Crops and flips; nothing is kept.",
            feature_views=0,
        ).given(augment="standard"),
        TEXTBOOK,
        FASTAI,
    ),
    (TRAINED, FIRST_STEP, ACCURACY, MEMORY),
    photos=(960, 240),
    rounds=2,
    weights=True,
)
START = RaceSet(
    "start",
    "From the start of the process to the first step: MobileNetV3-small, 128 px",
    _plain("mobilenetv3_small_100", 128, epochs=5, first_step_only=True),
    (OURS, *RIVALS),
    (FIRST_STEP, Column("`import nbfinetune` and `nf.fine_tune`, s", import_s, digits=3)),
    rounds=5,
)
GPU = (
    _gpu("gpu-resnet50", "ResNet-50", "resnet50"),
    _gpu("gpu-convnext", "ConvNeXt-tiny", "convnext_tiny"),
    _gpu("gpu-vit", "ViT-S", "vit_small_patch16_224"),
)
SETS = {one.key: one for one in (MOBILENET, RESNET, RESNET_HALF, TRANSFER, FROZEN, START, *GPU)}

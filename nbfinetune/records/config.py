"""What a run is: one frozen record, nested by concern, stored verbatim with the run."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from nbfinetune.records.commands import PlannedEdit
from nbfinetune.records.data import DataConfig
from nbfinetune.records.fields import ConfigRecord, Count, NonNegative, Positive, Probability
from nbfinetune.records.pruning import PruningConfig
from nbfinetune.records.schedule import Cosine, Schedule

SCHEMA = 1


class AugmentConfig(ConfigRecord, frozen=True, kw_only=True):
    """How training images are varied.

    Parameters
    ----------
    preset : {"none", "light", "standard", "strong"}
        `none`: resize only. `light`: small shifts and flips. `standard`: random resized crop and
        flip. `strong`: that and TrivialAugment (Müller & Hutter, arXiv:2103.10158).
    flip : bool
        Allow left-right flips; turn off for digits, letters and road signs.
    mixup, cutmix : float
        Beta parameter of mixup (arXiv:1710.09412) and CutMix (arXiv:1905.04899); 0 is off.
    """

    preset: Literal["none", "light", "standard", "strong"] = "standard"
    flip: bool = True
    mixup: NonNegative = 0.0
    cutmix: NonNegative = 0.0


class ModelConfig(ConfigRecord, frozen=True, kw_only=True):
    """Which network, from which weights, and what of it is trained.

    Parameters
    ----------
    name : str
        A timm name, a torchvision classification model as `tv_<name>`, or a factory of your own
        as `"package.module:function"` (called with `num_classes`, and `in_chans` if it takes it).
    pretrained : bool
        Start from published weights (of the hub's cache or the hub).
    checkpoint : str, optional
        Start from this `.safetensors` or `.pth` file instead.
    head : {"linear", "mlp"}
        The new classifier.
    dropout : float in [0, 1)
        Dropout before the classifier's last layer.
    in_chans : int
        Channels of an image: 1 (grey), 3 (RGB), 4 (RGB and alpha), or as many as the arrays have.
        The first layer's published weights are fitted to them.
    drop_stages : int
        How many of the last stages are cut off before the classifier. A stage is what timm calls
        one: layers of one resolution; in a plain transformer, a block.
    pooling : {"own", "avg", "max", "catavgmax", "gem"}
        How a map of features becomes one vector: as the architecture does it, by mean, maximum,
        both side by side, or generalised mean with a trained exponent (arXiv:1711.02512).
    freeze : {"none", "backbone"} or int
        What is not trained: nothing, all but the head, or the first n layer groups.
    train_stages : int, optional
        Train the head and that many of the last stages; instead of `freeze`.
    freeze_epochs : int
        Thaw after that many epochs (0: never). With `freeze="none"` the backbone is what is frozen.
    layer_decay : float in (0, 1], optional
        Each layer group's learning rate is this multiple of the next one's (the head has 1).
    backbone_lr : float > 0
        The backbone's learning rate as a multiple of the head's.
    """

    name: str = "resnet18"
    pretrained: bool = True
    checkpoint: str | None = None
    head: Literal["linear", "mlp"] = "linear"
    dropout: Probability = 0.0
    in_chans: Annotated[int, Meta(ge=1, le=64)] = 3
    drop_stages: Annotated[int, Meta(ge=0)] = 0
    pooling: Literal["own", "avg", "max", "catavgmax", "gem"] = "own"
    freeze: Literal["none", "backbone"] | Annotated[int, Meta(ge=0)] = "none"
    train_stages: Count | None = None
    freeze_epochs: Annotated[int, Meta(ge=0)] = 0
    layer_decay: Annotated[float, Meta(gt=0.0, le=1.0)] | None = None
    backbone_lr: Positive = 1.0


class OptimizerConfig(ConfigRecord, frozen=True, kw_only=True):
    """How gradients become steps; the learning rate is the schedule's.

    Parameters
    ----------
    name : str
        `adamw`, `adam`, `sgd`, `rmsprop`, `adagrad`, `lamb`, or any name of `timm.optim`.
    weight_decay : float
        L2 penalty (decoupled for AdamW and LAMB); norms and biases have none.
    l1 : float
        L1 penalty on the same weights.
    momentum : float in [0, 1)
        For SGD and RMSprop; the first beta of the Adam family.
    nesterov : bool
        For SGD.
    clip_norm : float
        Largest norm of the gradient; 0 is off.
    clip_weights : float
        Weights of convolutions and linear layers stay within this distance of 0; 0 is off.
    """

    name: str = "adamw"
    weight_decay: NonNegative = 0.01
    l1: NonNegative = 0.0
    momentum: Probability = 0.9
    nesterov: bool = True
    clip_norm: NonNegative = 0.0
    clip_weights: NonNegative = 0.0


class TrainingConfig(ConfigRecord, frozen=True, kw_only=True):
    """The loop.

    Parameters
    ----------
    epochs : int
        Passes over the training images.
    batch_size : int
        Images per optimizer step, over all devices and accumulated pieces.
    accumulate : int
        Pieces in which a batch goes through the model, one after the other.
    loss : {"cross_entropy", "bce", "mse", "focal"}
        `mse` is on one-hot labels, `focal` has gamma 2 (arXiv:1708.02002).
    label_smoothing : float in [0, 1)
        Part of each label that is spread over all classes.
    class_weights : "balanced", optional
        Weigh the loss by the inverse frequency of the classes.
    ema : float in [0, 1)
        Decay of the moving average of the weights that is then measured and kept; 0 is off.
    early_stopping : int, optional
        End after that many epochs without a better `monitor`.
    monitor : {"accuracy", "macro_f1", "val_loss"}
        What "best" means.
    time_budget_s : float, optional
        End at the nearest step with a usable model.
    precision : {"auto", "fp32", "bf16", "fp16"}
        `auto`: bf16 (else fp16) on accelerators that have it; on the CPU what a self-test of some
        seconds finds faster, fp32 for runs too short to be worth one.
    channels_last : bool, optional
        Memory format; by default what the same test finds faster.
    compile : bool
        Train through `torch.compile`: some minutes before the first run of a model, less later.
    feature_views : int, optional
        While everything but the head is frozen: variants of each image whose features are kept, so
        that later epochs train the head alone. 0 computes them in every epoch; default 1 without
        augmentation and 4 with it.
    checkpoint_every_s : float
        Longest time between two saved checkpoints.
    """

    epochs: Annotated[int, Meta(ge=1, le=100_000)] = 5
    batch_size: Annotated[int, Meta(ge=1, le=65_536)] = 32
    accumulate: Count = 1
    loss: Literal["cross_entropy", "bce", "mse", "focal"] = "cross_entropy"
    label_smoothing: Probability = 0.0
    class_weights: Literal["balanced"] | None = None
    ema: Probability = 0.0
    early_stopping: Count | None = None
    monitor: Literal["accuracy", "macro_f1", "val_loss"] = "accuracy"
    time_budget_s: Positive | None = None
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    channels_last: bool | None = None
    compile: bool = False
    feature_views: Annotated[int, Meta(ge=0, le=256)] | None = None
    checkpoint_every_s: NonNegative = 30.0


class RunnerConfig(ConfigRecord, frozen=True, kw_only=True):
    """Where it runs.

    Parameters
    ----------
    device : str
        `"auto"` (the accelerator if there is one), or as torch writes it: `"cpu"`, `"cuda:1"`.
    devices : int
        Processes of torch's elastic launcher, one a device, on this machine.
    threads : int, optional
        CPU threads per process; default by the machine.
    """

    device: str = "auto"
    devices: Count = 1
    threads: Count | None = None


class FineTuneConfig(ConfigRecord, frozen=True, kw_only=True):
    """Everything that decides a run.

    Parameters
    ----------
    data, augment, model, optimizer, schedule, training, pruning, runner
        The concerns, each a record of its own.
    lr_search : {"off", "first", "only"}
        Whether a range test before the first step replaces `schedule.lr` (``lr="auto"``), and
        whether the run is over after it.
    planned : tuple of PlannedEdit
        What changes while it trains, in the order of the steps; a replayed run's edits.
    seed : int
        Fixes the split, the order of the images, their augmentation and the new weights.
    schema : int
        Version of this record; a reader refuses a later one.
    """

    data: DataConfig
    augment: AugmentConfig = AugmentConfig()
    model: ModelConfig = ModelConfig()
    optimizer: OptimizerConfig = OptimizerConfig()
    schedule: Schedule = Cosine(warmup=0.1)
    training: TrainingConfig = TrainingConfig()
    pruning: PruningConfig = PruningConfig()
    runner: RunnerConfig = RunnerConfig()
    lr_search: Literal["off", "first", "only"] = "off"
    planned: tuple[PlannedEdit, ...] = ()
    seed: Annotated[int, Meta(ge=0, le=2**63 - 1)] = 0
    schema: Annotated[int, Meta(ge=1, le=SCHEMA)] = SCHEMA

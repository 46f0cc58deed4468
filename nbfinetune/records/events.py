"""What happened in a run: past-tense facts, in the order of `seq`."""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

from nbfinetune.records.commands import Command
from nbfinetune.records.schedule import Schedule

Status: TypeAlias = Literal[
    "starting", "running", "paused", "finished", "stopped", "failed", "interrupted"
]
LIVE: tuple[Status, ...] = ("starting", "running", "paused")
RESUMABLE: tuple[Status, ...] = ("stopped", "failed", "interrupted")


class EventRecord(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    """What every event has.

    Parameters
    ----------
    seq : int
        Place in the run's log, from 1 upward without doubles; 0 until the store has given it.
    time : float
        Seconds since 1970 (UTC) when it was emitted.
    step : int
        Optimizer steps taken when it happened.
    """

    seq: int = 0
    time: float = 0.0
    step: int = 0


class PhaseStarted(EventRecord, tag="phase_started", frozen=True, kw_only=True):
    """The worker says what it is busy with before the first step."""

    phase: str


class RunStarted(EventRecord, tag="run_started", frozen=True, kw_only=True):
    """Everything is in place; training begins (or begins again, see `RunRestored`)."""

    device: str
    device_name: str
    precision: str
    channels_last: bool
    image_size: int
    batch_size: int
    steps_per_epoch: int
    epochs: int
    train_images: int
    val_images: int
    classes: tuple[str, ...]
    parameters: int
    trainable_parameters: int
    weights_from: str
    versions: dict[str, str]


class StepTuned(EventRecord, tag="step_tuned", frozen=True, kw_only=True):
    """A short self-test chose how steps are computed on this device.

    Parameters
    ----------
    precision : str
    channels_last : bool
        Memory format of images and convolution weights.
    ms_per_image : dict of str to float
        Of a training step, by way.
    threads : int, optional
        CPU threads that a step takes; None where they were given, or on an accelerator.
    remembered : bool
        Whether an earlier run found it.
    """

    precision: str
    channels_last: bool
    ms_per_image: dict[str, float]
    threads: int | None = None
    remembered: bool = False


class CompileSkipped(EventRecord, tag="compile_skipped", frozen=True, kw_only=True):
    """The model trains as it is, though `training.compile` was asked for; why, in a sentence."""

    reason: str


class FeaturesKept(EventRecord, tag="features_kept", frozen=True, kw_only=True):
    """What the frozen layers make of the images is kept, and later epochs train the head alone.

    Parameters
    ----------
    views : int
        Variants of each training image.
    megabytes : float
        That all of them will take.
    """

    views: int
    megabytes: float


class FeaturesUnused(EventRecord, tag="features_unused", frozen=True, kw_only=True):
    """Features of the frozen layers are computed in every epoch, or are from now on; why."""

    reason: str


class RunRestored(EventRecord, tag="run_restored", frozen=True, kw_only=True):
    """A new worker took over at `step`; whatever was recorded after it is gone and comes again."""


class StepDone(EventRecord, tag="step_done", frozen=True, kw_only=True):
    """One optimizer step."""

    epoch: int
    loss: float
    lr: float
    images_per_s: float
    data_wait_s: float
    memory_mb: float


class EpochDone(EventRecord, tag="epoch_done", frozen=True, kw_only=True):
    """One pass over the training images and the measures on the validation images after it.

    `roc_auc` (one against rest, macro) is None where a class has no or only positives.
    """

    epoch: int
    train_loss: float
    val_loss: float
    accuracy: float
    top5: float
    precision: float
    recall: float
    macro_f1: float
    roc_auc: float | None
    seconds: float
    images_per_s: float
    best: bool = False


class ScheduleChanged(EventRecord, tag="schedule_changed", frozen=True, kw_only=True):
    """A new learning-rate curve is in force from `step` on.

    Parameters
    ----------
    schedule : Schedule
    epochs : int, optional
        Length of the run from here on; None in runs of before it could change.
    """

    schedule: Schedule
    epochs: int | None = None


class RateTried(EventRecord, tag="rate_tried", frozen=True, kw_only=True):
    """One step of a copy of the model, by which a learning rate is looked for.

    Parameters
    ----------
    lr : float
        Before the parameter groups multiply it.
    loss, smoothed : float or None
        Of the batch, and averaged over the rates before it; None where it is not finite.
    """

    lr: float
    loss: float | None
    smoothed: float | None


class LearningRateFound(EventRecord, tag="learning_rate_found", frozen=True, kw_only=True):
    """What the rates tried say together.

    Parameters
    ----------
    suggestions : dict of str to float
        By rule; empty where there is nothing to be told from.
    lr : float, optional
        The one to take; None where there is no clear minimum.
    sentence : str
        The same for people.
    taken : float, optional
        What the curve of the run now has as its highest rate; None where nobody asked for that.
    """

    suggestions: dict[str, float]
    lr: float | None
    sentence: str
    taken: float | None = None


class OptimizerChanged(EventRecord, tag="optimizer_changed", frozen=True, kw_only=True):
    """New optimizer values are in force from `step` on."""

    values: dict[str, float]


class LayersUnfrozen(EventRecord, tag="layers_unfrozen", frozen=True, kw_only=True):
    """Frozen layers were thawed."""

    trainable_parameters: int


class Pruned(EventRecord, tag="pruned", frozen=True, kw_only=True):
    """The smallest weights were set to zero, and stay there.

    Parameters
    ----------
    amount : float in [0, 1)
        Part of `weights` that was asked for.
    zeros, weights : int
        Weights that are held at zero, and weights that could be.
    """

    amount: float
    zeros: int
    weights: int


class ChannelsRemoved(EventRecord, tag="channels_removed", frozen=True, kw_only=True):
    """Channels were taken out of the model for good.

    Parameters
    ----------
    parameters, macs : tuple of (int, int)
        Before and after; multiply-accumulates of one image.
    layers : dict of str to (int, int)
        Channels (or heads) before and after, by the layer that makes them.
    blocks : tuple of str
        Blocks that went as a whole.
    latency_ms : tuple of (float, float), optional
        Of one image, measured by turns before and after, where the time was the target.
    accuracy : float, optional
        On the validation images right after; None where it was not measured.
    """

    parameters: tuple[int, int]
    macs: tuple[int, int]
    layers: dict[str, tuple[int, int]]
    blocks: tuple[str, ...] = ()
    latency_ms: tuple[float, float] | None = None
    accuracy: float | None = None


class BatchSizeReduced(EventRecord, tag="batch_size_reduced", frozen=True, kw_only=True):
    """The accelerator ran out of memory; the batch now goes through in smaller pieces."""

    micro_batch: int
    reason: str


class CheckpointSaved(EventRecord, tag="checkpoint_saved", frozen=True, kw_only=True):
    """A checkpoint lies whole on the disk."""

    which: Literal["last", "best"]
    epoch: int


class FileSkipped(EventRecord, tag="file_skipped", frozen=True, kw_only=True):
    """An image that can't be read; the run goes on without it."""

    path: str
    reason: str


class CacheUnused(EventRecord, tag="cache_unused", frozen=True, kw_only=True):
    """Decoded images are not kept for later epochs; the run goes on, a little slower."""

    reason: str


class CommandApplied(EventRecord, tag="command_applied", frozen=True, kw_only=True):
    """A command took effect before the step after `step`."""

    command_id: int
    command: Command


class CommandDenied(EventRecord, tag="command_refused", frozen=True, kw_only=True):
    """A command that changed nothing, and why."""

    command_id: int
    command: Command
    reason: str


class RunPaused(EventRecord, tag="run_paused", frozen=True, kw_only=True):
    """The worker holds."""


class RunResumed(EventRecord, tag="run_resumed", frozen=True, kw_only=True):
    """The worker goes on after a pause."""


class RunFinished(EventRecord, tag="run_finished", frozen=True, kw_only=True):
    """The run came to its end."""

    reason: Literal["completed", "early_stopping", "time_budget", "only_searched"]
    best_epoch: int | None


class RunStopped(EventRecord, tag="run_stopped", frozen=True, kw_only=True):
    """The run ended because someone asked it to; it can be resumed."""

    best_epoch: int | None


class RunFailed(EventRecord, tag="run_failed", frozen=True, kw_only=True):
    """The run ended with an error: `message` for people, `details` the traceback."""

    error: str
    message: str
    details: str


Event: TypeAlias = (
    PhaseStarted
    | StepTuned
    | CompileSkipped
    | FeaturesKept
    | FeaturesUnused
    | RunStarted
    | RunRestored
    | StepDone
    | EpochDone
    | ScheduleChanged
    | RateTried
    | LearningRateFound
    | OptimizerChanged
    | LayersUnfrozen
    | Pruned
    | ChannelsRemoved
    | BatchSizeReduced
    | CheckpointSaved
    | FileSkipped
    | CacheUnused
    | CommandApplied
    | CommandDenied
    | RunPaused
    | RunResumed
    | RunFinished
    | RunStopped
    | RunFailed
)

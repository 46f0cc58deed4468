"""The engine's one door: a config in, events out, commands in."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from importlib.metadata import version
from pathlib import Path

from nbfinetune.engine import checkpoint, compiling, live_pruning, snapshot
from nbfinetune.engine.assemble import Parts, assemble
from nbfinetune.engine.checkpoint import Checkpoint
from nbfinetune.engine.control import Control
from nbfinetune.engine.leaner import pruned
from nbfinetune.engine.ports import Commands, Recorder
from nbfinetune.engine.training import Training
from nbfinetune.engine.tuning import tuned
from nbfinetune.engine.world import World
from nbfinetune.pruning.asking import check
from nbfinetune.records import (
    AppliedEdit,
    CacheUnused,
    Event,
    FileSkipped,
    FineTuneConfig,
    LearningRateFound,
    RunStarted,
    as_applied,
    in_force,
)

LIBRARIES = ("nbfinetune", "torch", "torchvision", "timm", "numpy", "pillow")


def train(
    config: FineTuneConfig,
    folder: Path,
    recorder: Recorder,
    commands: Commands,
    *,
    state: Checkpoint | None = None,
    edits: Sequence[AppliedEdit] = (),
    told: Sequence[Event] = (),
    world: World | None = None,
) -> None:
    """Train a run to its end.

    Parameters
    ----------
    config : FineTuneConfig
    folder : Path
        The run's directory: takes the index, the checkpoints and the predictions.
    recorder : Recorder
        Takes every event, the last of them `RunFinished` or `RunStopped`.
    commands : Commands
        Polled between steps.
    state : Checkpoint, optional
        Go on from here.
    edits : sequence of AppliedEdit
        The run's edit log; what `state` lacks of it comes again at its step.
    told : sequence of Event
        The run's log: files that it names as skipped are not told of again, and a learning rate
        that was found (``lr="auto"``) is not looked for again.
    world : World, optional
        The processes that train together; default this one alone.

    Raises
    ------
    NbFinetuneError
        With a sentence; what was saved before stays.
    """
    check(config.pruning, config.training.epochs)
    world = world or World()
    known = {event.path for event in told if isinstance(event, FileSkipped)}

    def on_skip(path: str, reason: str) -> None:
        if path not in known:
            known.add(path)
            recorder.emit(FileSkipped(step=step_now(), path=path, reason=reason))

    training: Training | None = None

    def step_now() -> int:
        return training.progress.step if training else 0

    parts = assemble(
        config,
        folder,
        world,
        restored=state,
        emit=recorder.emit,
        on_skip=on_skip,
        on_cache_unused=lambda why: recorder.emit(CacheUnused(step=step_now(), reason=why)),
    )
    with closing(parts):
        done = state.facts["progress"]["edits"] if state else ()
        log = in_force([*as_applied(config.planned), *edits])
        missing = [entry for entry in log if entry.command_id not in done]
        if state is None:
            parts = pruned(parts, recorder.emit, measured=True)
        parts, new = tuned(parts, told, recorder.emit)
        if new is not None:
            recorder.emit(new)
        control = Control(commands, recorder, missing)
        training = Training(parts, folder, recorder, control, world.share(_lr_found(told)))
        if state is None:
            live_pruning.begin(training)
        else:
            snapshot.restore(training, state)
        recorder.emit(_started(training, parts))
        compiling.begin(training)
        if state is None and parts.config.pruning.target == "latency":
            training.save()  # times never come out alike, so what they led to is kept at once
        recorder.emit(training.run())


def last_checkpoint(folder: Path) -> Checkpoint | None:
    """The state that a run was saved in; None before its first checkpoint."""
    path = folder / "checkpoints" / "last.safetensors"
    return checkpoint.read(path) if path.exists() else None


def _lr_found(told: Sequence[Event]) -> float | None:
    taken = (event.taken for event in told if isinstance(event, LearningRateFound))
    return next((lr for lr in taken if lr is not None), None)


def _started(training: Training, parts: Parts) -> RunStarted:
    config = training.config
    count = [(p.numel(), p.requires_grad) for p in training.model.parameters()]
    return RunStarted(
        step=training.progress.step,
        device=str(parts.placement.device),
        device_name=parts.placement.name(),
        precision=parts.placement.precision,
        channels_last=parts.placement.channels_last,
        image_size=parts.image_size,
        batch_size=config.training.batch_size,
        steps_per_epoch=parts.steps_per_epoch,
        epochs=training.progress.epochs,
        train_images=len(parts.train.ids),
        val_images=len(parts.val.ids),
        classes=parts.classes,
        parameters=sum(n for n, _ in count),
        trainable_parameters=sum(n for n, trained in count if trained),
        weights_from=parts.weights_from,
        versions={name: version(name) for name in LIBRARIES},
    )

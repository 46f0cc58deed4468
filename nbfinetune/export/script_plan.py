"""Everything that a script needs to know of a run, gathered from its folder and its log."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from nbfinetune.data.bands import CONVERTIBLE
from nbfinetune.data.loader import steps_per_epoch
from nbfinetune.errors import ConfigError
from nbfinetune.evaluation.trained import Which, checkpoint_path, load_model
from nbfinetune.export.script_course import Course, course_of
from nbfinetune.export.script_data import Listed, list_images
from nbfinetune.export.script_model import FirstModel, first_model
from nbfinetune.models.recipe import recipes_in
from nbfinetune.models.weights import read_facts
from nbfinetune.records import (
    AppliedEdit,
    EpochDone,
    Event,
    FeaturesKept,
    FileSkipped,
    FineTuneConfig,
    LearningRateFound,
    RunFinished,
    RunStarted,
    RunStopped,
)
from nbfinetune.schedules.lr_suggestions import with_peak

__all__ = ["Plan", "plan_of", "with_found_rate"]

_RGBA = 4


@dataclass(frozen=True)
class Plan:
    """A run as its script repeats it.

    Parameters
    ----------
    run : str
        Its id.
    config : FineTuneConfig
        With the learning rate that was found, where one was looked for.
    facts : mapping
        Of its checkpoint: classes, image size, normalisation.
    listed : Listed
        Its images.
    first : FirstModel
    course : Course
    steps : int
        Of an epoch.
    last_step : int
        Optimizer steps after which it ended.
    precision : {"fp32", "bf16", "fp16"}
    channels_last : bool
    best : EpochDone, optional
        What it came to.
    notes : tuple of str
        What the script does otherwise.
    """

    run: str
    config: FineTuneConfig
    facts: Mapping[str, Any]
    listed: Listed
    first: FirstModel
    course: Course
    steps: int
    last_step: int
    precision: str
    channels_last: bool
    best: EpochDone | None
    notes: tuple[str, ...]


def plan_of(
    run_folder: Path,
    config: FineTuneConfig,
    path: Path,
    which: Which,
    edits: Sequence[AppliedEdit],
    told: Sequence[Event],
) -> Plan:
    """Plan of a run; its images are listed beside `path`.

    Parameters
    ----------
    path : Path
        Of the script, in a folder that exists.

    Raises
    ------
    ConfigError
        If a script of this length can't read the images.
    DataError, ModelError
        If the index of the run, or what it began with, is gone.
    OSError
        If the list of the images can't be written.
    """
    _require_known_channels(config)
    config = with_found_rate(config, told)
    facts = read_facts(checkpoint_path(run_folder, which))
    first = first_model(load_model(run_folder, config, which), config, facts)
    skipped = {event.path for event in told if isinstance(event, FileSkipped)}
    listed = list_images(run_folder, config, path, skipped)
    steps = steps_per_epoch(listed.train, config.training.batch_size)
    course = course_of(config, edits, steps)
    started = next((e for e in reversed(told) if isinstance(e, RunStarted)), None)
    ended = next((e.step for e in reversed(told) if isinstance(e, (RunFinished, RunStopped))), None)
    epochs = [event for event in told if isinstance(event, EpochDone)]
    return Plan(
        run=run_folder.name,
        config=config,
        facts=facts,
        listed=listed,
        first=first,
        course=course,
        steps=steps,
        last_step=min(ended or steps * course.epochs, steps * course.epochs),
        precision=started.precision if started else _asked_precision(config),
        channels_last=started.channels_last if started else bool(config.training.channels_last),
        best=next((event for event in reversed(epochs) if event.best), None),
        notes=tuple(_notes(config, facts, first, course, told)),
    )


def with_found_rate(config: FineTuneConfig, told: Sequence[Event]) -> FineTuneConfig:
    """The config with the highest rate that its run has looked for and found."""
    taken = [e.taken for e in told if isinstance(e, LearningRateFound) and e.taken is not None]
    return replace(config, schedule=with_peak(config.schedule, taken[0])) if taken else config


def _require_known_channels(config: FineTuneConfig) -> None:
    if config.model.in_chans not in CONVERTIBLE:
        raise ConfigError(
            f"the run's images have {config.model.in_chans} channels, which no plain script reads "
            "(1, 3 and 4 it does); export the model, to .onnx, .pt2 or .safetensors"
        )


def _asked_precision(config: FineTuneConfig) -> str:
    asked = config.training.precision
    return "fp32" if asked == "auto" else asked


def _notes(
    config: FineTuneConfig,
    facts: Mapping[str, Any],
    first: FirstModel,
    course: Course,
    told: Sequence[Event],
) -> Iterator[str]:
    yield from course.notes
    if recipes_in(facts) and not config.model.checkpoint:
        yield "pruned layers begin as narrow as the run made them, without its choosing them"
    kept = next((event for event in told if isinstance(event, FeaturesKept)), None)
    if kept is not None:
        yield (
            f"the run kept the frozen layers' features of {kept.views} view(s) of each image; "
            "here every epoch sees new ones"
        )
    if config.model.in_chans == _RGBA and config.augment.preset != "none":
        yield "Pillow weighs colours by alpha where it resizes, and no TrivialAugment is done"
    if len(course.plateaus) > 1:
        yield "of several plateau schedules each begins where the one before had come to"
    if ":" in config.model.name:
        yield f"the model is built by {config.model.name}, which has to be importable"
    if first.groups and config.model.layer_decay:
        yield "learning rates by layer are those of the layers that the model had in the end"

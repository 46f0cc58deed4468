"""What will happen on Start, in one line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nbfinetune.errors import NbFinetuneError
from nbfinetune.models.head_epochs import epochs_on_kept_features
from nbfinetune.models.training_choice import choice_label, choice_of
from nbfinetune.records import FineTuneConfig, ModelConfig, Source
from nbfinetune.runner.durations import span
from nbfinetune.runner.epoch_times import EpochTimes, alike, by_run
from nbfinetune.runner.run import Run, runs
from nbfinetune.store import RunStore

RECENT = 20
"""Runs that are looked at for times and for a live run of the same data, newest first."""


def sentence(
    config: FineTuneConfig, hint: str, facts: Mapping[str, Any], times: EpochTimes | None
) -> str:
    """What a run of `config` will be.

    Parameters
    ----------
    hint : str
        What a person calls the data.
    facts : mapping
        Of `nbfinetune.runner.standing_by.describe`; what is not known yet is left out.
    times : EpochTimes, optional
        How long its epochs will take, where that is known.
    """
    parts = [_data(hint, facts), _model(config, facts), _length(config, times)]
    if device := facts.get("device"):
        parts.append(f"on {device}")
    return " · ".join(parts)


def _data(hint: str, facts: Mapping[str, Any]) -> str:
    if "images" not in facts:
        return hint
    return f"{hint}: {facts['images']:,} images of {facts['classes']} classes"


def _model(config: FineTuneConfig, facts: Mapping[str, Any]) -> str:
    model = config.model
    count = facts.get("parameters")
    size = f" ({count / 1e6:.1f} M parameters)" if count else ""
    if model.checkpoint:
        start = f"weights of {model.checkpoint}"
    else:
        start = "published weights" if model.pretrained else "random weights"
    return f"{model.name}{size} from {start}{_changes(model)}"


def _changes(model: ModelConfig) -> str:
    """What of the model is cut, and what is trained, where that is not all of it."""
    said = []
    if cut := model.drop_stages:
        said.append(f"without its last {f'{cut} stages' if cut > 1 else 'stage'}")
    if model.in_chans != ModelConfig().in_chans:
        said.append(f"on {model.in_chans} channel{'s' if model.in_chans > 1 else ''}")
    chosen = choice_of(model)
    if model.freeze_epochs and chosen in ("all", "gentle"):
        chosen = "head"
    if chosen is None:
        said.append(f"first {model.freeze} layer groups frozen")
    elif chosen == "gentle":
        said.append("trained gently")
    elif chosen != "all":
        said.append(f"{choice_label(chosen)} trained")
    if model.freeze_epochs:
        said.append(f"thawed after {model.freeze_epochs} epochs")
    return "".join(f", {part}" for part in said)


def _length(config: FineTuneConfig, times: EpochTimes | None) -> str:
    epochs = config.training.epochs
    length = f"{epochs} epoch{'s' if epochs > 1 else ''}"
    images, kept = epochs_on_kept_features(config)
    if not kept:
        known = times is not None and times.images_s >= 1
        return f"{length} of about {times.images_s:.0f} s" if times and known else length
    which = f"the first {images}" if images > 1 else "the first"
    rest = "the others" if images + kept == epochs else f"the next {kept}"
    about, then = "", ""
    if times is not None:
        about, then = f" of about {span(times.images_s)}", ", a fraction of that"
        if times.kept_s is not None:
            then = f", about {span(times.kept_s)} each"
    through = "" if about else " with the whole model"
    return f"{length}: {which}{about}{through}, {rest} on kept features{then}"


def times_of_runs(config: FineTuneConfig) -> EpochTimes | None:
    """How long an epoch took in the newest run of the same data, model and image size."""
    for run in _recent():
        try:
            past = run.config
            if alike(past, config):
                with RunStore.open(run.path) as store:
                    times = by_run(store)
                if times is not None:
                    return times
        except NbFinetuneError:  # a run that can't be read tells nothing, and hinders nothing
            continue
    return None


def live_run_of(source: Source) -> Run | None:
    """The newest run of the same data that trains now."""
    for run in _recent():
        try:
            if run.config.data.source == source and run.status in ("starting", "running", "paused"):
                return run
        except NbFinetuneError:  # as above
            continue
    return None


def _recent() -> list[Run]:
    return runs()[: -RECENT - 1 : -1]

"""What will happen on Start, in one line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nbfinetune.errors import NbFinetuneError
from nbfinetune.models.training_choice import choice_label, choice_of
from nbfinetune.records import EpochDone, FineTuneConfig, ModelConfig, Source
from nbfinetune.runner.run import Run, runs
from nbfinetune.store import RunStore

RECENT = 20
"""Runs that are looked at for times and for a live run of the same data, newest first."""


def sentence(
    config: FineTuneConfig, hint: str, facts: Mapping[str, Any], epoch_s: float | None
) -> str:
    """What a run of `config` will be.

    Parameters
    ----------
    hint : str
        What a person calls the data.
    facts : mapping
        Of `nbfinetune.runner.standing_by.describe`; what is not known yet is left out.
    epoch_s : float, optional
        Seconds an epoch took in an earlier run like it.
    """
    parts = [_data(hint, facts), _model(config, facts), _length(config, epoch_s)]
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


def _length(config: FineTuneConfig, epoch_s: float | None) -> str:
    epochs = config.training.epochs
    length = f"{epochs} epoch{'s' if epochs > 1 else ''}"
    return f"{length} of about {epoch_s:.0f} s" if epoch_s and epoch_s >= 1 else length


def epoch_seconds(config: FineTuneConfig) -> float | None:
    """Seconds of an epoch in the newest run of the same data, model and image size."""
    for run in _recent():
        try:
            past = run.config
            if _alike(past, config):
                with RunStore.open(run.path) as store:
                    done = store.last(EpochDone)
                if done is not None:
                    return done.seconds
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


def _alike(past: FineTuneConfig, config: FineTuneConfig) -> bool:
    return _paced_by(past) == _paced_by(config)


def _paced_by(config: FineTuneConfig) -> tuple[Any, ...]:
    """What an epoch's time depends on most."""
    data, model = config.data, config.model
    edits = (model.drop_stages, model.in_chans, model.freeze, model.train_stages)
    return (data.source, data.image_size, model.name, *edits)

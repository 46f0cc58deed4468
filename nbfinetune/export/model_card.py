"""A model card: what a model was made of, how good it is, and what it is not for.

Its parts are those of Mitchell et al., Model Cards for Model Reporting (arXiv:1810.03993); its head
is the one that the Hugging Face hub reads.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from nbfinetune.data.index import FILE_NAME, ImageIndex, load_index
from nbfinetune.errors import DataError
from nbfinetune.evaluation.report import Evaluation
from nbfinetune.evaluation.stored import evaluate
from nbfinetune.evaluation.trained import Which, checkpoint_path
from nbfinetune.export.card_history import history
from nbfinetune.export.card_tables import class_table, figures, markdown_table, plain
from nbfinetune.export.script_plan import with_found_rate
from nbfinetune.export.storing import write_text
from nbfinetune.models.catalogue import known
from nbfinetune.models.model_facts import ModelFacts
from nbfinetune.models.weights import read_facts
from nbfinetune.records import AppliedEdit, Event, FineTuneConfig, RunStarted

__all__ = ["export"]

FEW = 30
"""Validation images of a class, below which its figures say little."""


def export(
    run_folder: Path,
    config: FineTuneConfig,
    path: Path,
    which: Which = "best",
    *,
    edits: Sequence[AppliedEdit] = (),
    told: Sequence[Event] = (),
) -> None:
    """Write a model card as Markdown.

    Parameters
    ----------
    edits : sequence of AppliedEdit
        The run's edit log.
    told : sequence of Event
        The run's log.

    Raises
    ------
    DataError
        If the run's index is gone.
    StoreError
        If the file can't be written, or stored predictions are damaged or of another run.
    """
    facts = read_facts(checkpoint_path(run_folder, which))
    index = load_index(run_folder / FILE_NAME)
    evaluation = _evaluation(run_folder, config, which)
    weights = known(config.model.name)
    found = with_found_rate(config, told)
    lines = [
        *_head(config, weights, evaluation),
        f"# {plain(path.stem)}",
        "",
        *_model(config, facts, weights, told),
        *_data(config, index),
        *_figures(evaluation),
        *history(found, edits, told),
        *_use(config.training.monitor, index, evaluation),
        f"Made from run `{run_folder.name}` by nbfinetune, checkpoint `{which}`.",
    ]
    write_text("\n".join(lines) + "\n", path)


def _evaluation(run_folder: Path, config: FineTuneConfig, which: Which) -> Evaluation | None:
    """What the model says of the validation images; None where they are gone."""
    try:
        return evaluate(run_folder, config, which=which)
    except DataError as error:
        warnings.warn(f"the card has no figures ({error})", stacklevel=4)
        return None


def _head(
    config: FineTuneConfig, weights: ModelFacts | None, evaluation: Evaluation | None
) -> Iterator[str]:
    """Metadata of the hub, in the part of YAML that is JSON."""
    timms = not config.model.name.startswith("tv_") and ":" not in config.model.name
    yield "---"
    yield f"library_name: {'timm' if timms else 'pytorch'}"
    yield "pipeline_tag: image-classification"
    if weights is not None and weights.license != "unknown" and _is_published(config):
        yield f"license: {json.dumps(weights.license)}"
    if timms and _is_published(config) and weights is not None and weights.hub_id:
        yield f"base_model: {json.dumps(weights.hub_id)}"
    yield 'tags: ["image-classification", "nbfinetune"]'
    if evaluation is not None:
        yield 'metrics: ["accuracy", "f1"]'
    yield "---"
    yield ""


def _is_published(config: FineTuneConfig) -> bool:
    """Whether the run began with weights that somebody has published."""
    return config.model.pretrained and config.model.checkpoint is None


def _model(
    config: FineTuneConfig, facts: Any, weights: ModelFacts | None, told: Sequence[Event]
) -> Iterator[str]:
    started = next((e for e in reversed(told) if isinstance(e, RunStarted)), None)
    side, classes = facts["image_size"], facts["classes"]
    yield f"An image classifier of {len(classes)} classes: {', '.join(map(plain, classes))}."
    yield ""
    yield "## The model"
    yield ""
    rows = [["architecture", f"`{config.model.name}`"]]
    rows += [["input", f"{config.model.in_chans} × {side} × {side} pixels"]]
    if started is not None:
        rows += [["parameters", f"{started.parameters:,}"]]
    rows += [
        ["began with", _origin(config, weights)],
        ["licence of these weights", _licence(config, weights)],
    ]
    if started is not None:
        made = ", ".join(f"{name} {version}" for name, version in started.versions.items())
        rows += [["trained with", f"{made}; {started.device_name}, {started.precision}"]]
    yield from markdown_table(["", ""], rows)
    yield ""


def _origin(config: FineTuneConfig, weights: ModelFacts | None) -> str:
    model = config.model
    if model.checkpoint is not None:
        return f"the checkpoint `{Path(model.checkpoint).name}`"
    if ":" in model.name:
        return "whatever its own function gives"
    if not model.pretrained:
        return "random weights"
    trained = f", trained on {weights.pretraining}" if weights and weights.pretraining else ""
    return f"published weights{trained}"


def _licence(config: FineTuneConfig, weights: ModelFacts | None) -> str:
    if config.model.checkpoint is not None or weights is None:
        return "unknown: ask whoever made them"
    if not config.model.pretrained:
        return "none: nothing was taken over"
    kind = "" if weights.license_kind == "unknown" else f" ({weights.license_kind})"
    return f"{weights.license}{kind}"


def _data(config: FineTuneConfig, index: ImageIndex) -> Iterator[str]:
    data = config.data
    yield "## Data"
    yield ""
    yield (
        f"{len(index.train):,} images to train on and {len(index.val):,} to validate on "
        f"({type(data.source).__name__.lower()})."
    )
    if data.edits:
        yield f"Relabelled, moved or left out by hand: {len(data.edits):,}."
    yield ""
    yield from class_table(index)
    yield ""


def _figures(evaluation: Evaluation | None) -> Iterator[str]:
    yield "## Figures"
    yield ""
    if evaluation is None:
        yield "The validation images were not at hand when this card was written."
        yield ""
        return
    yield (
        f"On the {len(evaluation):,} validation images, with intervals that hold 95 % of the "
        "bootstrap's resamples (accuracy: Wilson's interval)."
    )
    yield ""
    yield from figures(evaluation)
    yield ""


def _use(monitor: str, index: ImageIndex, evaluation: Evaluation | None) -> Iterator[str]:
    yield "## Intended use"
    yield ""
    yield (
        "Sorting images like those that it was trained on into the classes above. Whoever uses it "
        "should measure it on images of their own first."
    )
    yield ""
    yield "## Limits"
    yield ""
    yield "- An image of none of the classes is given one of them all the same."
    yield (
        "- The epoch was chosen by the validation images that the figures are of, which makes "
        f"them a little better than they will be elsewhere (by {monitor})."
    )
    if evaluation is not None:
        support = evaluation.per_class["support"]
        few = [plain(str(name)) for name, count in support.items() if count < FEW]
        if few:
            yield f"- Fewer than {FEW} validation images: {', '.join(few)}."
    counts = [int((index.labels[index.train] == n).sum()) for n in range(len(index.classes))]
    if max(counts) > 2 * min(counts):
        least = plain(index.classes[counts.index(min(counts))])
        yield f"- Unevenly many images: {min(counts):,} of {least}, {max(counts):,} of another."
    yield "- It was not looked at whether it does equally well by people, places or cameras."
    yield ""

"""The card of a model in words: what it is, what it costs, and what stands against it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from nbfinetune.models.estimate import facts_need
from nbfinetune.models.head_epochs import epochs_on_kept_features
from nbfinetune.models.model_facts import ModelFacts
from nbfinetune.models.training_choice import choice_of
from nbfinetune.records import FineTuneConfig
from nbfinetune.runner.durations import span
from nbfinetune.runner.epoch_times import EpochTimes
from nbfinetune.runner.quantities import bytes_in_words, millions
from nbfinetune.widgets.foresight import ON_THE_CPU

Tone: TypeAlias = Literal["", "good", "warn", "bad"]
Row: TypeAlias = tuple[str, str, Tone]

NEARLY_FULL = 0.8
"""Part of the free memory from which on a run is called tight."""

_KINDS = {
    "cnn": "convolutional network",
    "transformer": "transformer",
    "hybrid": "convolutions and attention",
    "mlp": "MLP-like network",
}
_LICENSES: dict[str, tuple[str, Tone]] = {
    "permissive": ("free to use, commercially too", "good"),
    "restricted": ("free to use on conditions: read it first", "warn"),
    "non-commercial": ("not for commercial use", "bad"),
    "unknown": ("ask its authors before you ship it", "warn"),
}


@dataclass(frozen=True)
class Subject:
    """What is known of the model of a run.

    Parameters
    ----------
    config : FineTuneConfig
        The run.
    facts : ModelFacts, optional
        Its row of the catalogue; None for names that are not in there.
    told : mapping
        Of `nbfinetune.runner.standing_by.describe`, as far as it is known.
    looked : bool
        Whether the catalogue was read: before, nothing can be said.
    cached : bool
        The weights lie on this machine.
    network : {"online", "offline", ""}
        Empty while nobody has looked.
    times : EpochTimes, optional
        How long its epochs will take, where that is known.
    """

    config: FineTuneConfig
    facts: ModelFacts | None = None
    told: Mapping[str, Any] = field(default_factory=dict)
    looked: bool = True
    cached: bool = False
    network: str = ""
    times: EpochTimes | None = None

    @property
    def image_size(self) -> int | None:
        """Side of the images that the run would use, in pixels; None while that is open."""
        own = self.facts.image_size if self.facts else None
        size: int | None = self.told.get("image_size") or self.config.data.image_size or own
        return size


def card(subject: Subject) -> dict[str, Any]:
    """The card, as the page draws it."""
    facts, name = subject.facts, subject.config.model.name
    if not subject.looked:
        return {"name": "", "heading": name}
    rows = [*(_about(facts, subject) if facts else ()), *_needs(subject)]
    return {
        "name": facts.name if facts else "",
        "heading": name,
        "sentence": _sentence(subject),
        "rows": [list(row) for row in rows],
        "warnings": _warnings(subject),
        "links": _links(facts) if facts else [],
    }


def _sentence(subject: Subject) -> str:
    facts, name = subject.facts, subject.config.model.name
    if facts is None:
        own = ":" in name
        return "Your own code; the worker builds it." if own else "Not in the catalogue."
    made = f"{facts.family}, {_article(_KINDS[facts.kind])}" + (
        f" of {facts.year}" if facts.year else ""
    )
    learnt = f", trained on {facts.pretraining}" if facts.pretraining and facts.pretrained else ""
    return f"{made}{learnt}."


def _article(words: str) -> str:
    if words.startswith("convolutions"):
        return words
    return f"{'an' if words[0] in 'aeioM' else 'a'} {words}"


def _about(facts: ModelFacts, subject: Subject) -> list[Row]:
    takes = "takes other sizes" if facts.other_sizes else "takes no other size"
    told, tone = _LICENSES[facts.license_kind]
    rows: list[Row] = [
        ("Accuracy", _accuracy(facts), ""),
        ("Size", _size(facts, subject), ""),
        ("Images", f"{facts.image_size} px; {takes}", ""),
    ]
    if facts.pretrained:
        rows.append(("Licence", f"{facts.license}: {told}", tone))
    return rows


def _size(facts: ModelFacts, subject: Subject) -> str:
    """Of the network in this run once the worker has looked at it, else as it was published."""
    told, side = subject.told, facts.image_size
    parameters, macs = facts.parameters, facts.macs
    if "macs" in told:
        parameters, macs, side = told["parameters"], told["macs"], subject.image_size or side
    return f"{millions(parameters)} parameters · {macs / 1e9:.3g} GMACs at {side} px"


def _accuracy(facts: ModelFacts) -> str:
    if facts.top1 is None:
        return "not published for ImageNet-1k"
    top5 = f", top-5 {facts.top5:.1f} %" if facts.top5 is not None else ""
    return f"top-1 {facts.top1:.1f} %{top5} on ImageNet-1k"


def _needs(subject: Subject) -> list[Row]:
    rows = [_weights(subject)]
    if memory := _memory(subject):
        rows.append(memory)
    if subject.times is not None:
        rows.append(("An epoch", _epoch(subject.times, subject), ""))
    return rows


def _epoch(times: EpochTimes, subject: Subject) -> str:
    device = subject.told.get("device", "")
    on = f" on {device}" if device else ""
    told = f"about {span(times.images_s)}{on} ({times.words})"
    images, kept = epochs_on_kept_features(subject.config)
    if not kept:
        return told
    then = "a fraction of that" if times.kept_s is None else f"about {span(times.kept_s)}"
    return f"{told}; after {'the first' if images == 1 else images} {then}, on kept features"


def _weights(subject: Subject) -> Row:
    model, facts = subject.config.model, subject.facts
    told: tuple[str, Tone]
    if model.checkpoint:
        told = (f"of the file {model.checkpoint}", "")
    elif not model.pretrained:
        told = ("random: it learns from your images alone", "warn")
    elif facts is None:
        told = ("as its own code brings them", "")
    elif not facts.pretrained:
        told = ("none are published: turn Pretrained off, or name a file", "bad")
    else:
        told = _published(subject, facts)
    return ("Weights", *told)


def _published(subject: Subject, facts: ModelFacts) -> tuple[str, Tone]:
    if subject.cached:
        return ("on this machine already", "good")
    place = "the Hugging Face hub" if facts.hub_id else "download.pytorch.org"
    size = f"{bytes_in_words(facts.weights_bytes)} " if facts.weights_bytes else ""
    if subject.network == "offline":
        return (f"{size}on {place}, which can’t be reached now", "bad")
    return (f"{size}to download from {place}", "")


def _memory(subject: Subject) -> Row | None:
    needed, available = _needed(subject)
    if not needed:
        return None
    size = f" of {subject.image_size} px" if subject.image_size else ""
    training = subject.config.training
    pieces = f" in {training.accumulate} pieces" if training.accumulate > 1 else ""
    batch = f"{training.batch_size:,} images{size}{pieces}"
    text = f"about {bytes_in_words(needed)} for {batch}"
    if not available:
        return ("Memory", text, "")
    tone: Tone = "good" if needed <= NEARLY_FULL * available else "warn"
    if needed > available:
        tone = "bad"
    return ("Memory", f"{text}; {bytes_in_words(available)} are free", tone)


def _needed(subject: Subject) -> tuple[int, int]:
    """Bytes that a run needs at its peak, and that are free; 0 for what is not known."""
    if memory := subject.told.get("memory"):
        return memory["needed"], memory.get("available") or 0
    facts, config = subject.facts, subject.config
    if facts is None or not facts.saved_bytes:
        return 0, 0
    need = facts_need(
        facts,
        subject.image_size,
        choice_of(config.model) or "all",
        optimizer=config.optimizer.name,
        on_cpu=subject.told.get("device", ON_THE_CPU) == ON_THE_CPU,
    )
    return need.at(math.ceil(config.training.batch_size / config.training.accumulate)), 0


def _warnings(subject: Subject) -> list[str]:
    facts, asked = subject.facts, subject.config.data.image_size
    warnings = []
    if facts is not None and asked is not None:
        if not facts.other_sizes and asked != facts.image_size:
            warnings.append(
                f"It takes images of {facts.image_size} px only; {asked} px are asked for."
            )
        elif asked < facts.min_size:
            warnings.append(
                f"It needs images of {facts.min_size} px at least; {asked} px are asked for."
            )
    memory = subject.told.get("memory") or {}
    if memory.get("available") and memory["needed"] > memory["available"]:
        largest = subject.config.training.accumulate * (memory.get("largest_batch") or 0)
        remedy = f"{largest} images a batch will" if largest else "not even one image will"
        warnings.append(f"That is more than is free; {remedy} fit.")
    return warnings


def _links(facts: ModelFacts) -> list[list[str]]:
    links = []
    if facts.hub_id:
        links.append(["Model card", f"https://huggingface.co/{facts.hub_id}"])
    if facts.paper:
        links.append(["Paper", f"https://arxiv.org/abs/{facts.paper}"])
    return links

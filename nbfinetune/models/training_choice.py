"""How much of a model is trained, as people choose it: everything, gently, stages, the head."""

from __future__ import annotations

from typing import Any

from nbfinetune.errors import ConfigError
from nbfinetune.records import ModelConfig

__all__ = ["GENTLE_DECAY", "choice_label", "choice_of", "choice_settings", "stages_choice"]

GENTLE_DECAY = 0.75
"""Of `layer_decay`; what BEiT was fine-tuned with (Bao et al., arXiv:2106.08254)."""

_LABELS = {
    "all": "everything",
    "gentle": "everything, gently",
    "stages:1": "the last stage",
    "head": "the head only",
}
_STAGES = "stages:"


def stages_choice(count: int) -> str:
    """Name of the choice that trains the head and `count` stages before it."""
    return f"{_STAGES}{count}"


def choice_label(name: str) -> str:
    """A choice in words, as they follow "train".

    Raises
    ------
    ConfigError
        If there is no such choice.
    """
    count = _count(name)
    return _LABELS.get(name) or f"the last {count} stages"


def choice_settings(name: str) -> dict[str, Any]:
    """Fields of `ModelConfig` that a choice stands for; `fine_tune` takes them as they are.

    Parameters
    ----------
    name : str
        `"all"`, `"gentle"` (rates that fall from the head to the input), `"stages:2"` (the last two
        stages and the head), `"head"`.

    Raises
    ------
    ConfigError
        If there is no such choice.
    """
    count = _count(name)
    return {
        "freeze": "backbone" if name == "head" else "none",
        "train_stages": count,
        "layer_decay": GENTLE_DECAY if name == "gentle" else None,
    }


def choice_of(config: ModelConfig) -> str | None:
    """Choice that a model is trained by; None where its settings are none of them."""
    if config.train_stages is not None:
        return stages_choice(config.train_stages)
    if config.freeze == "backbone":
        return "head"
    if config.freeze not in ("none", 0):
        return None
    return "gentle" if config.layer_decay else "all"


def _count(name: str) -> int | None:
    """Stages that a choice names; None where it names none."""
    if name in ("all", "gentle", "head"):
        return None
    kind, _, count = name.partition(":")
    if f"{kind}:" == _STAGES and count.isdecimal() and int(count):
        return int(count)
    raise ConfigError(
        f"{name!r} is no choice of what to train; take 'all', 'gentle', 'stages:1' or 'head'"
    )

"""How much of the model is trained, in plain words, with what each choice costs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nbfinetune.models.training_choice import choice_label, choice_of
from nbfinetune.records import ModelConfig
from nbfinetune.runner.quantities import bytes_in_words, millions

OFFERED = ("all", "gentle", "stages:3", "stages:2", "stages:1", "head")
"""Choices that nearly every model has; the worker says which this one has, and what they cost."""


def choices(model: ModelConfig, told: Mapping[str, Any]) -> dict[str, Any]:
    """The choices as the page draws them.

    Parameters
    ----------
    told : mapping
        Of `nbfinetune.runner.standing_by.describe`, as far as it is known.
    """
    costed = told.get("choices") or [{"name": name} for name in OFFERED]
    return {
        "chosen": choice_of(model) or "",
        "options": [
            {"name": one["name"], "label": choice_label(one["name"]), "detail": _detail(one)}
            for one in costed
            if one["name"] in OFFERED
        ],
    }


def _detail(one: Mapping[str, Any]) -> str:
    """Parameters that learn, and memory; the page heads the column."""
    if "trained" not in one:
        return ""
    trained = millions(one["trained"])
    return f"{trained} · {bytes_in_words(one['memory'])}" if one.get("memory") else trained

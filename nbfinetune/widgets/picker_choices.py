"""How much of the model is trained, in plain words, with what each choice costs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nbfinetune.models.training_choice import choice_label, choice_of
from nbfinetune.records import ModelConfig
from nbfinetune.widgets.quantities import bytes_in_words, millions

USUAL = ("all", "gentle", "stages:2", "stages:1", "head")
"""Choices that nearly every model has; the worker says which this one has, and what they cost."""


def choices(model: ModelConfig, told: Mapping[str, Any]) -> dict[str, Any]:
    """The choices as the page draws them.

    Parameters
    ----------
    told : mapping
        Of `nbfinetune.runner.standing_by.describe`, as far as it is known.
    """
    costed = told.get("choices") or [{"name": name} for name in USUAL]
    return {
        "chosen": choice_of(model) or "",
        "options": [
            {"name": one["name"], "label": choice_label(one["name"]), "detail": _detail(one)}
            for one in costed
        ],
    }


def _detail(one: Mapping[str, Any]) -> str:
    if "trained" not in one:
        return ""
    trained = f"{millions(one['trained'])} parameters trained"
    return f"{trained} · {bytes_in_words(one['memory'])}" if one.get("memory") else trained

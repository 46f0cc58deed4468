"""How much of the model is trained, in plain words, with what each costs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nbfinetune.errors import ConfigError
from nbfinetune.records import ModelConfig
from nbfinetune.widgets.quantities import bytes_in_words, millions

BEFORE_IT_IS_BUILT = (
    ("all", "everything"),
    ("gentle", "everything, gently"),
    ("stages:2", "the last 2 stages"),
    ("stages:1", "the last stage"),
    ("head", "the head only"),
)
"""Choices that nearly every model has; the worker says which this one has, and what they cost."""


def choice_settings(name: str) -> dict[str, Any]:
    """Keywords of `ModelConfig` that a choice stands for."""
    base = {"freeze": "none", "train_stages": None, "layer_decay": None}
    if name == "all":
        return base
    if name == "gentle":
        return {**base, "layer_decay": 0.75}
    if name == "head":
        return {**base, "freeze": "backbone"}
    kind, _, count = name.partition(":")
    if kind != "stages" or not count.isdecimal():
        raise ConfigError(f"{name!r} is no choice of what to train; nothing was changed")
    return {**base, "train_stages": int(count)}


def choice_of(model: ModelConfig) -> str | None:
    """Choice that a model is trained by; None where it is none of them."""
    if model.train_stages:
        return f"stages:{model.train_stages}"
    if model.freeze == "backbone":
        return "head"
    if model.freeze != "none":
        return None
    return "gentle" if model.layer_decay else "all"


__all__ = ["choice_settings", "choices"]


def choices(model: ModelConfig, told: Mapping[str, Any]) -> dict[str, Any]:
    """The choices as the page draws them.

    Parameters
    ----------
    told : mapping
        Of `nbfinetune.runner.standing_by.describe`, as far as it is known.
    """
    costed = told.get("choices") or [
        {"name": name, "label": label} for name, label in BEFORE_IT_IS_BUILT
    ]
    options = [
        {"name": one["name"], "label": one["label"], "detail": _detail(one)} for one in costed
    ]
    return {"chosen": choice_of(model) or "", "options": options}


def _detail(one: Mapping[str, Any]) -> str:
    if "trained" not in one:
        return ""
    trained = f"{millions(one['trained'])} parameters trained"
    return f"{trained} · {bytes_in_words(one['memory'])}" if one.get("memory") else trained

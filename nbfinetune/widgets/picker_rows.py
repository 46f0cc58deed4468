"""The catalogue as the page gets it: column by column, what repeats itself said once."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from math import isnan
from typing import Any

from nbfinetune.models.model_facts import ModelFacts

PLAIN = ("name", "default", "pretrained", "parameters", "macs", "image_size", "other_sizes",
         "top1", "top5", "year", "weights_bytes")  # fmt: skip
REPEATED = ("family", "kind", "pretraining", "license", "license_kind")
"""Columns of few texts: told once, and where each stands."""


def columns(rows: Collection[ModelFacts], cached: Collection[str]) -> dict[str, Any]:
    """Rows of the catalogue as columns, as small as JSON lets them be.

    Parameters
    ----------
    rows : collection of ModelFacts
    cached : collection of str
        Names whose weights lie on this machine.

    Returns
    -------
    dict
        A list by column, or ``{"words": texts, "at": numbers}``; flags are 0 or 1. A row's
        architecture is what stands before the first dot of its name.
    """
    here = set(cached)
    table: dict[str, Any] = {name: [_plain(getattr(row, name)) for row in rows] for name in PLAIN}
    for name in REPEATED:
        table[name] = _said_once(getattr(row, name) for row in rows)
    return {**table, "cached": [int(row.name in here) for row in rows]}


def _plain(value: Any) -> Any:
    if isinstance(value, float) and isnan(value):  # JSON has none: no row would reach the page
        return None
    # JSON's true and false are four times as long as 1 and 0, a thousand rows over.
    return int(value) if isinstance(value, bool) else value


def _said_once(texts: Iterable[str]) -> dict[str, Any]:
    places: dict[str, int] = {}
    at = [places.setdefault(text, len(places)) for text in texts]
    return {"words": list(places), "at": at}

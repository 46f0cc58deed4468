"""The catalogue as a table: `nf.models("resnet*", max_params_m=30, license="permissive")`."""

from __future__ import annotations

import warnings
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from nbfinetune.models.catalogue import catalogue
from nbfinetune.models.hub_cache import cached_names
from nbfinetune.models.model_facts import Kind, ModelFacts
from nbfinetune.models.selection import Filters, why_none

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["models"]


def models(  # noqa: PLR0913 - a keyword a filter
    pattern: str = "*",
    *,
    kind: Kind | None = None,
    family: str | None = None,
    license: str | Collection[str] | None = None,  # noqa: A002 - as everybody calls it
    max_params_m: float | None = None,
    max_gmacs: float | None = None,
    min_top1: float | None = None,
    image_size: int | None = None,
    pretrained: bool | None = None,
    cached: bool | None = None,
    sort: str = "top1",
) -> pd.DataFrame:
    """Published models, those with the best ImageNet accuracy first.

    Parameters
    ----------
    pattern : str
        With wildcards, of the whole name (`resnet*`). Without, an architecture or a name, or a
        part of one, however it is spaced: `efficient net b0`.
    kind : {"cnn", "transformer", "hybrid", "mlp"}, optional
    family : str, optional
        As people call it: `ResNet`, `ConvNeXt`, `ViT`.
    license : str or collection of str, optional
        Kinds (`permissive`, `restricted`, `non-commercial`, `unknown`) or licences (`mit`).
    max_params_m : float, optional
        Millions of parameters at most.
    max_gmacs : float, optional
        Billions of multiply-accumulates at most, of an image of the model's own size.
    min_top1 : float, optional
        Percent of ImageNet-1k's validation images at least.
    image_size : int, optional
        Side in pixels that it must take.
    pretrained : bool, optional
        With published weights, or without.
    cached : bool, optional
        With weights in this machine's cache, or without.
    sort : str
        Column to sort by: the most first, but the least first where less is better (`params_m`,
        `gmacs` and the like) and the alphabet for words.

    Returns
    -------
    DataFrame
        One row a set of weights; where nothing passes, a warning says which filter to drop.

    Raises
    ------
    ConfigError
        If a kind, family or licence is none that the catalogue knows.

    Examples
    --------
    >>> models("resnet*", max_params_m=30, license="permissive").head()
    """
    import pandas as pd

    rows = catalogue()
    here = cached_names(rows)
    wanted = Filters(
        pattern=pattern,
        kind=kind,
        family=family,
        license=license,
        max_params_m=max_params_m,
        max_gmacs=max_gmacs,
        min_top1=min_top1,
        image_size=image_size,
        pretrained=pretrained,
        cached=cached,
        names=here,
    )
    found = wanted.of(rows)
    if not found:
        warnings.warn(why_none(rows, wanted), stacklevel=3)
    table = pd.DataFrame([_columns(row) | {"cached": row.name in here} for row in found or rows])
    best_first = table[sort].dtype.kind in "fb" and sort not in _LESS_IS_BETTER
    ordered = table.sort_values(sort, ascending=not best_first, kind="stable", na_position="last")
    return ordered.head(len(found)).reset_index(drop=True)


_LESS_IS_BETTER = {"params_m", "gmacs", "activations_m", "saved_mb", "weights_mb"}


def _columns(row: ModelFacts) -> dict[str, Any]:
    return {
        "name": row.name,
        "family": row.family,
        "kind": row.kind,
        "top1": row.top1,
        "top5": row.top5,
        "params_m": row.parameters / 1e6,
        "gmacs": row.macs / 1e9 if row.macs else None,
        "activations_m": row.activations / 1e6 if row.activations else None,
        "saved_mb": row.saved_bytes / 1e6 if row.saved_bytes else None,
        "image_size": row.image_size,
        "other_sizes": row.other_sizes,
        "pretraining": row.pretraining,
        "license": row.license,
        "license_kind": row.license_kind,
        "year": row.year,
        "paper": row.paper,
        "weights_mb": row.weights_bytes / 1e6 if row.pretrained else None,
        "cached": False,
        "default": row.default,
        "gpu_images_per_s": row.gpu_images_per_s,
        "cpu_images_per_s": row.cpu_images_per_s,
        "hub_id": row.hub_id,
    }

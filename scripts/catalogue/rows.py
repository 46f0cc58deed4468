"""Rows of the catalogue, from what timm and torchvision say of their models."""

from __future__ import annotations

import math
from collections.abc import Iterator

import timm
import torchvision

from nbfinetune.models.inputs import model_input
from nbfinetune.models.names import timm_config
from scripts.catalogue.families import family, year
from scripts.catalogue.footprints import Footprints
from scripts.catalogue.licenses import UNKNOWN, license_kind
from scripts.catalogue.pretraining import of_tag, of_torchvision
from scripts.catalogue.results import Published, Results

Row = dict[str, str | int | float | None]

# torchvision's own weights come without a licence: they "may have their own licenses or terms and
# conditions derived from the dataset used for training" (its README). SWAG's name one.
SWAG_LICENSE = "cc-by-nc-4.0"
ARXIV = "arXiv:"


def timm_names() -> list[str]:
    """All published weights, and the architectures that have none."""
    pretrained = timm.list_models(pretrained=True)
    published = {name.partition(".")[0] for name in pretrained}
    return sorted([*pretrained, *(a for a in timm.list_models() if a not in published)])


def torchvision_names() -> list[str]:
    """All published classification weights, as `tv_<architecture>.<entry>`."""
    architectures = torchvision.models.list_models(module=torchvision.models)
    return [
        f"tv_{architecture}.{entry.name}"
        for architecture in architectures
        for entry in torchvision.models.get_model_weights(architecture)
    ]


def rows(names: list[str], costs: Footprints, published: Published) -> Iterator[Row]:
    """One row a name, in their order."""
    for name in names:
        yield (_torchvision_row if name.startswith("tv_") else _timm_row)(name, costs, published)


def _timm_row(name: str, costs: Footprints, published: Published) -> Row:
    config = timm_config(name)
    architecture, _, tag = name.partition(".")
    default = timm_config(architecture).get("tag") or ""
    row = _row(name, costs)
    hub = (config.get("hf_hub_id") or "") if tag else ""
    papers = str(config.get("paper_ids") or "").split(", ")
    return (
        row
        | _results(published.of(name, int(row["image_size"] or 0)))
        | _license(config.get("license") or UNKNOWN)
        | {
            "default": int(tag == default or not tag),
            "paper": row["paper"] or papers[0].removeprefix(ARXIV).partition("v")[0],
            "pretraining": of_tag(architecture, tag),
            "hub": hub.removesuffix(f"/{name}"),
            "file": config.get("url") if tag and not hub else "",
        }
    )


def _torchvision_row(name: str, costs: Footprints, published: Published) -> Row:
    del published
    architecture, _, entry = name.removeprefix("tv_").partition(".")
    weights = torchvision.models.get_model_weights(architecture)
    meta = weights[entry].meta
    top1, top5 = (_measured(meta["_metrics"]["ImageNet-1K"][key]) for key in ("acc@1", "acc@5"))
    license_name = SWAG_LICENSE if "SWAG" in meta.get("license", "") else UNKNOWN
    return (
        _row(name, costs)
        | _results(Results(top1, top5, None, None))
        | _license(license_name)
        | {
            "default": int(weights[entry] is weights.DEFAULT),
            "pretraining": of_torchvision(entry),
            "weights_bytes": round(meta["_file_size"] * 2**20),
            "hub": "",
            "file": weights[entry].url,
        }
    )


def _row(name: str, costs: Footprints) -> Row:
    seen = model_input(name)
    found = family(name.partition(".")[0])
    cost = costs.of(name, seen.size_px)
    return {
        "name": name,
        "family": found.name,
        "kind": found.kind,
        "parameters": cost["parameters"],
        "macs": cost["macs"],
        "activations": cost["activations"],
        "saved_bytes": cost["saved_bytes"],
        "weights_bytes": cost["weights_bytes"],
        "image_size": seen.size_px,
        "min_size": seen.min_px,
        "other_sizes": int(seen.resizable),
        "year": year(found),
        "paper": found.paper,
    }


def _measured(accuracy: float) -> float | None:
    # Weights without a classifier (VGG-16's features) are published with NaN.
    return None if math.isnan(accuracy) else accuracy


def _results(found: Results) -> Row:
    return dict(found._asdict())


def _license(name: str) -> Row:
    return {"license": name, "license_kind": license_kind(name)}

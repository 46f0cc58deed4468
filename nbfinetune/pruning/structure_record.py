"""A structure as JSON, so that another process can plan with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from nbfinetune.pruning.structure import Group, Layer, Member, Structure


def to_record(structure: Structure) -> dict[str, Any]:
    """Everything of a structure, in what JSON can hold."""
    groups = [
        {
            "name": group.name,
            "units": group.units,
            "kind": group.kind,
            "members": [
                {"layer": m.layer, "side": m.side, "indices": m.indices.tolist(), "dim": m.dim}
                for m in group.members
            ],
        }
        for group in structure.groups
    ]
    layers = [asdict(layer) for layer in structure.layers]
    return {"groups": groups, "layers": layers, "fixed": structure.fixed}


def from_record(record: Mapping[str, Any]) -> Structure:
    """The structure that `to_record` was given."""
    return Structure(
        groups=tuple(_group(row) for row in record["groups"]),
        layers=tuple(Layer(**row) for row in record["layers"]),
        fixed=record["fixed"],
    )


def _group(row: Mapping[str, Any]) -> Group:
    members = tuple(
        Member(m["layer"], m["side"], np.array(m["indices"], np.int64), m["dim"])
        for m in row["members"]
    )
    return Group(row["name"], row["units"], row["kind"], members)

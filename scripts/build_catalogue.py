"""Writes the catalogue of models: `python -m scripts.build_catalogue ../shared/data/timm_results`.

Its sources are what timm and torchvision say of their models, the tables of pytorch-image-models
(results/, Apache-2.0) in the given folder, and the models themselves, built on the meta device.
"""

from __future__ import annotations

import argparse
import csv
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

import timm
import torch
import torchvision

from nbfinetune.models.catalogue import FILE
from scripts.catalogue.footprints import Footprints
from scripts.catalogue.results import TABLES, Published
from scripts.catalogue.rows import Row, rows, timm_names, torchvision_names

COLUMNS = (
    *("name", "default", "family", "kind"),
    *("parameters", "macs", "activations", "saved_bytes"),
    *("image_size", "min_size", "other_sizes"),
    *("top1", "top5", "pretraining", "license", "license_kind", "year", "paper"),
    *("weights_bytes", "hub", "file", "gpu_images_per_s", "cpu_images_per_s"),
)
SCRATCH = Path(tempfile.gettempdir()) / "nbfinetune-footprints.jsonl"


def heading() -> str:
    """First line of the file: what it was built with and from."""
    made_with = f"timm={timm.__version__} torchvision={_plain(torchvision)} torch={_plain(torch)}"
    return f"# {made_with}, and of pytorch-image-models' results {', '.join(TABLES)}"


def write(catalogue: Iterable[Row], target: TextIO) -> None:
    """Heading, names of the columns, and a line for each row."""
    target.write(heading() + "\n")
    lines = csv.DictWriter(target, COLUMNS, lineterminator="\n")
    lines.writeheader()
    for row in catalogue:
        lines.writerow({column: _short(row[column]) for column in COLUMNS})


def main() -> None:
    """Build every row, then write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path, help="folder with the tables")
    parser.add_argument("--scratch", type=Path, default=SCRATCH, help="what was measured so far")
    chosen = parser.parse_args()
    costs, published = Footprints(chosen.scratch), Published(chosen.results)
    built = []
    for row in rows([*timm_names(), *torchvision_names()], costs, published):
        built.append(row)
        if len(built) % 100 == 0:
            print(f"{len(built)} rows, the last is {row['name']}", file=sys.stderr)  # noqa: T201
    with FILE.open("w", encoding="utf-8", newline="") as target:
        write(built, target)


def _plain(package: object) -> str:
    return str(getattr(package, "__version__", "")).partition("+")[0]


def _short(value: str | float | None) -> str | int | float:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return "" if value is None else value


if __name__ == "__main__":
    main()

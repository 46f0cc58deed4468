"""The result tables that timm's authors publish (pytorch-image-models, results/, Apache-2.0)."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import NamedTuple

ACCURACY = "results-imagenet.csv"
GPU_TRAINING = "benchmark-train-amp-nhwc-pt112-cu113-rtx3090.csv"
CPU_INFERENCE = "benchmark-infer-fp32-nchw-pt240-cpu-i7_12700h-dynamo.csv"
TABLES = (ACCURACY, GPU_TRAINING, CPU_INFERENCE)


class Results(NamedTuple):
    """What was published of one set of weights; None where nothing was."""

    top1: float | None
    top5: float | None
    gpu_images_per_s: float | None
    cpu_images_per_s: float | None


class Published:
    """The tables, by model."""

    def __init__(self, folder: Path) -> None:
        self._accuracy: dict[str, dict[int, dict[str, str]]] = {}
        for row in _rows(folder / ACCURACY):
            self._accuracy.setdefault(row["model"], {})[int(row["img_size"])] = row
        self._gpu = _speeds(folder / GPU_TRAINING, "train")
        self._cpu = _speeds(folder / CPU_INFERENCE, "infer")

    def of(self, name: str, image_size: int) -> Results:
        """Accuracy of these weights, and speed of their architecture at this size.

        Accuracy is that at this size, or at the nearest one at which it was measured.
        """
        architecture = name.partition(".")[0]
        sizes = self._accuracy.get(name, {0: {}})
        accuracy = sizes[min(sizes, key=lambda size: abs(size - image_size))]
        return Results(
            top1=_number(accuracy.get("top1")),
            top5=_number(accuracy.get("top5")),
            gpu_images_per_s=self._gpu.get((architecture, image_size)),
            cpu_images_per_s=self._cpu.get((architecture, image_size)),
        )


def _speeds(table: Path, what: str) -> dict[tuple[str, int], float]:
    # The tables name some architectures with a tag; what a network costs does not depend on it.
    return {
        (row["model"].partition(".")[0], int(row[f"{what}_img_size"])): float(
            row[f"{what}_samples_per_sec"]
        )
        for row in _rows(table)
    }


def _rows(table: Path) -> list[dict[str, str]]:
    with table.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def _number(text: str | None) -> float | None:
    return float(text) if text else None

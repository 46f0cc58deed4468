"""How many planted label errors are found, and how soon: `bench_label_errors.py ../shared/data`.

Gives some of the flower photos another class, fine-tunes MobileNetV2 on them as they then are, and
prints the precision and the recall of what is listed first, and of what is marked as likely. Aim:
of 5 % planted errors, at least 60 % among the first 8 % of the list.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
import zipfile
from collections.abc import Collection
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

import nbfinetune as nf
from nbfinetune.evaluation.label_errors import find_label_errors

SHARES = (0.02, 0.05, 0.08, 0.12, 0.2)
AIM, FIRST = 0.6, 0.08


def main() -> None:
    """Train, look, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--flip", type=float, default=0.05, help="share of the photos")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault("NBFINETUNE_HOME", str(Path(folder, "runs")))
        photos, flipped = planted(given, Path(folder))
        run = trained(given, photos)
        print(f"{len(photos)} photos, {len(flipped)} of them under a wrong class; {run!r}")
        start = time.perf_counter()
        frame = find_label_errors(run.path, run.config)
        print(f"found in {time.perf_counter() - start:.1f} s")
        report(frame, flipped)


def planted(given: argparse.Namespace, folder: Path) -> tuple[pd.DataFrame, set[str]]:
    """Paths and labels of the photos as the run gets them, and the paths whose label is wrong."""
    with zipfile.ZipFile(given.data / "tf_flowers.zip") as archive:
        archive.extractall(folder)
    paths = sorted(str(path) for path in (folder / "tf_flowers").rglob("*.jpg"))
    labels = np.array([Path(path).parent.name for path in paths])
    classes, rng = np.unique(labels), np.random.default_rng(given.seed)
    wrong = rng.choice(len(paths), round(given.flip * len(paths)), replace=False)
    for place in wrong:
        labels[place] = rng.choice(classes[classes != labels[place]])
    return pd.DataFrame({"path": paths, "label": labels}), {paths[place] for place in wrong}


def trained(given: argparse.Namespace, photos: pd.DataFrame) -> nf.Run:
    """MobileNetV2 with ImageNet weights, fine-tuned on the labels as they are."""
    return nf.fine_tune(
        photos,
        model="mobilenetv2_100",
        checkpoint=str(given.data / "weights" / "mobilenetv2_100.in1k_dropin.safetensors"),
        image_size=given.size,
        epochs=given.epochs,
        seed=given.seed,
    ).wait()


def report(frame: pd.DataFrame, flipped: Collection[str]) -> None:
    """Precision and recall of the list's beginning, and of what is marked."""
    right = frame["name"].isin(flipped).to_numpy()

    def recall(listed: NDArray[np.bool_]) -> float:
        return float(listed.sum() / len(flipped))

    print("first of the list   photos  precision  recall")
    parts = {f"{share:.0%}": right[: round(share * len(frame))] for share in SHARES}
    for name, listed in {**parts, "likely": right[frame["likely"]]}.items():
        print(f"{name:>17}{len(listed):9}{listed.mean():11.3f}{recall(listed):8.3f}")
    met = recall(right[: round(FIRST * len(frame))]) >= AIM
    print(f"aim {AIM:.0%} among the first {FIRST:.0%}: {'met' if met else 'NOT MET'}")


if __name__ == "__main__":
    main()

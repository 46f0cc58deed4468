"""nbfinetune against what a user would pick instead, by turns, on the same photos and model.

`python benchmarks/bench_peers.py PHOTOS --model mobilenetv3_small_100 --size 128`, where PHOTOS is
a folder (or a .zip) with `train/` and `val/`. The peers (fastai, Lightning, Hugging Face) are
installed into an environment of their own, once.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
import zipfile
from dataclasses import asdict
from pathlib import Path

import psutil

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "leaderboard"))

from peers import python_with_peers, versions  # noqa: E402
from race import SCRIPTS, race  # noqa: E402
from table import markdown  # noqa: E402


def main() -> None:
    """Race, print the table, keep everything as JSON."""
    asked = _arguments()
    python = python_with_peers(asked.environment)
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        task = {
            "data": str(_photos(asked.photos, folder)),
            "model": asked.model,
            "weights": asked.weights,
            "image_size": asked.size,
            "batch_size": asked.batch,
            "epochs": asked.epochs,
            "lr": asked.lr,
            "threads": asked.threads,
            "half": asked.half,
        }
        places = {"NBFINETUNE_HOME": str(folder / "runs")}
        outcomes = race(asked.contenders, asked.rounds, python, task, folder, places)
    table = markdown(outcomes, "nbfinetune", asked.target)
    print(f"\n{platform.machine()}, {asked.threads} threads, load {psutil.getloadavg()}")
    print(f"{asked.model}, {asked.size} px, batch {asked.batch}, {versions(python)}\n\n{table}")
    if asked.json:
        kept = {name: [asdict(one) for one in rounds] for name, rounds in outcomes.items()}
        asked.json.write_text(json.dumps({"task": task, "outcomes": kept}, indent=1))


def _arguments() -> argparse.Namespace:
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("photos", type=Path)
    asked.add_argument("--model", default="mobilenetv3_small_100")
    asked.add_argument("--weights", default="", help="file of ImageNet weights, for all alike")
    asked.add_argument("--size", type=int, default=128)
    asked.add_argument("--batch", type=int, default=32)
    asked.add_argument("--epochs", type=int, default=3)
    asked.add_argument("--rounds", type=int, default=3)
    asked.add_argument("--lr", type=float, default=1e-3)
    asked.add_argument("--threads", type=int, default=psutil.cpu_count(logical=False) or 1)
    asked.add_argument("--target", type=float, default=0.85, help="accuracy to be reached")
    asked.add_argument("--half", action="store_true", help="the peers' own bfloat16")
    asked.add_argument("--contenders", nargs="+", choices=SCRIPTS, default=list(SCRIPTS))
    asked.add_argument("--environment", type=Path, default=HERE / ".peers")
    asked.add_argument("--json", type=Path)
    return asked.parse_args()


def _photos(given: Path, folder: Path) -> Path:
    if given.suffix != ".zip":
        return given.absolute()
    with zipfile.ZipFile(given) as archive:
        archive.extractall(folder / "photos")
    return next(path.parent for path in sorted((folder / "photos").rglob("train")))


if __name__ == "__main__":
    main()

"""nbfinetune against what a user would pick instead, by turns, on the same photos and model.

`make bench`, or `python benchmarks/bench_peers.py mobilenet start --rounds 5` for some of the
races (`leaderboard/race_sets.py` has them all). Each race is kept as `results/<race>.json`, and
RESULTS.md is written anew out of all that are kept. The peers (fastai, Lightning, Hugging Face)
are installed into an environment of their own, once.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import torch

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "leaderboard"))

import results  # noqa: E402
from contender import Contender  # noqa: E402
from kept import Kept, cpus, machine, today  # noqa: E402
from outcome import Outcome  # noqa: E402
from peers import python_with_peers, versions  # noqa: E402
from photo_folder import WEIGHTS, counted, photos_of, some  # noqa: E402
from race import Outcomes, race, run  # noqa: E402
from race_sets import SETS, RaceSet  # noqa: E402

QUICK_PHOTOS, QUICK_EPOCHS = (64, 40), 2


def main() -> None:
    """Race, keep everything as JSON, and write the page."""
    asked = _arguments()
    folder = HERE / (".quick" if asked.quick else "results")
    target = folder / "RESULTS.md" if asked.quick else HERE / "RESULTS.md"
    with tempfile.TemporaryDirectory() as made:
        photos = None
        for key in () if asked.page else asked.races:
            one = _asked_for(SETS[key], asked)
            kept = _new(one, asked)
            if not kept.skipped:
                photos = photos or photos_of(asked.photos, Path(made))
                scratch = Path(made) / key
                scratch.mkdir()
                _hold(one, kept, photos, scratch, folder, asked)
            kept.write(folder)
            print(results.section(one, kept))
    target.write_text(results.page(folder), encoding="utf-8")
    print(f"{target} is written")


def _arguments() -> argparse.Namespace:
    asked = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    asked.add_argument("races", nargs="*", default=list(SETS), help=f"any of {', '.join(SETS)}")
    asked.add_argument("--quick", action="store_true", help="a smoke run: once, a few photos")
    asked.add_argument("--page", action="store_true", help="only write the page, out of the JSON")
    asked.add_argument("--photos", type=Path, help="folder or .zip with train/ and val/")
    asked.add_argument("--weights", type=Path, default=WEIGHTS, help="of MobileNetV2, ImageNet")
    asked.add_argument("--rounds", type=int)
    asked.add_argument("--epochs", type=int)
    asked.add_argument("--contenders", nargs="+", help="names; by default all of the race")
    asked.add_argument("--environment", type=Path, default=HERE / ".peers", help="of the peers")
    chosen = asked.parse_args()
    if unknown := set(chosen.races) - set(SETS):
        asked.error(f"there is no race {sorted(unknown)}; there are {', '.join(SETS)}")
    return chosen


def _asked_for(one: RaceSet, asked: argparse.Namespace) -> RaceSet:
    """The race with what the command line changes."""
    if asked.quick:
        task = {**one.task, "epochs": min(QUICK_EPOCHS, one.task["epochs"])}
        one = replace(one, rounds=1, photos=QUICK_PHOTOS, task=task)
    if asked.epochs:
        one = replace(one, task={**one.task, "epochs": asked.epochs})
    if asked.contenders:
        runs = tuple(each for each in one.contenders if each.name in asked.contenders)
        one = replace(one, contenders=runs)
    return replace(one, rounds=asked.rounds or one.rounds)


def _new(one: RaceSet, asked: argparse.Namespace) -> Kept:
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else ""
    changed = f" --rounds {asked.rounds}" if asked.rounds else ""
    changed += f" --epochs {asked.epochs}" if asked.epochs else ""
    kept = Kept(one.title, one.key, f"python benchmarks/bench_peers.py {one.key}{changed}")
    kept.date, kept.machine, kept.rounds = today(), machine(gpu), one.rounds
    if one.needs_gpu and not gpu:
        kept.skipped = "no GPU"
    elif one.weights and not asked.weights.exists():
        kept.skipped = "no ImageNet weights of MobileNetV2 (give them with --weights FILE)"
    return kept


def _hold(
    one: RaceSet,
    kept: Kept,
    photos: Path,
    scratch: Path,
    folder: Path,
    asked: argparse.Namespace,
) -> None:
    """Let the contenders race; what each round brings is kept at once."""
    data = some(photos, one.photos, scratch / "photos") if any(one.photos) else photos
    peers = python_with_peers(asked.environment)
    train, val = counted(data)
    kept.versions = versions(peers)
    kept.photos = f"{photos.name}: {train} photos for training, {val} for validation"
    began, before = time.monotonic(), psutil.getloadavg()[0]
    task: dict[str, Any] = {**one.task, "data": str(data), "threads": cpus()}
    if one.weights:
        task["weights"] = str(asked.weights.absolute())

    def trained(contender: Contender, number: int) -> Outcome:
        return run(contender, {**task, "seed": number}, scratch, peers)

    def after_round(outcomes: Outcomes) -> None:
        kept.outcomes, kept.minutes = outcomes, (time.monotonic() - began) / 60
        kept.load = [before, psutil.getloadavg()[0]]
        kept.rounds = len(next(iter(outcomes.values())))
        kept.write(folder)

    race(one.contenders, one.rounds, trained, after_round)


if __name__ == "__main__":
    main()

"""How long a run waits for its images, epoch by epoch, and what an image costs decoded or cached.

    python benchmarks/bench_data_wait.py ../shared/data/tf_flowers.zip

Fine-tunes ResNet-18 at 224 px and MobileNetV3-small at 128 px (random weights) on an even sample
of the photos, each in a worker of its own with an empty cache. The wait is the sum of
`data_wait_s` over the steps of an epoch; its share is that of the epoch's seconds, validation
included. Then one thread reads the same photos through the loader, and processor time is counted:
from the files, and out of the cache.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
import zipfile
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import nbfinetune as nf
from nbfinetune.data.augment import Interpolation
from nbfinetune.data.images import ImageSet, open_images, with_cache
from nbfinetune.data.index import build_index
from nbfinetune.data.loader import Loader
from nbfinetune.data.stored_image import stored_side
from nbfinetune.records import AugmentConfig, DataConfig, Folder, RunStarted

CASES: tuple[tuple[str, int, float, Interpolation, float], ...] = (
    ("resnet18", 224, 0.03, "bilinear", 0.875),
    ("mobilenetv3_small_100", 128, 0.10, "bicubic", 0.875),
)
"""Model, image size, largest share of waiting that is aimed at, and how it wants its images."""

ROUNDS = 5


def main() -> None:
    """Print a table per model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path, help="zip with train/ and val/")
    parser.add_argument("--train", type=int, default=400)
    parser.add_argument("--val", type=int, default=100)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--no-cache", action="store_true", help="the same without the cache")
    arguments = parser.parse_args()
    print(f"load before the start: {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        os.environ["NBFINETUNE_CACHE"] = str(folder / "cache")
        os.environ["NBFINETUNE_HOME"] = str(folder / "runs")
        with zipfile.ZipFile(arguments.photos) as archive:
            archive.extractall(folder)
        counts = {"train": arguments.train, "val": arguments.val}
        photos = _sample(folder / arguments.photos.stem, folder / "sample", counts)
        for model, size, aim, interpolation, crop_pct in CASES:
            _train(photos, model, size, aim, arguments.epochs, cache=not arguments.no_cache)
            _cost(photos, folder / model, size, interpolation, crop_pct)


def _sample(photos: Path, target: Path, counts: dict[str, int]) -> Path:
    for part, count in counts.items():
        paths = sorted((photos / part).rglob("*.jpg"))
        for number in range(min(count, len(paths))):
            path = paths[number * len(paths) // count]
            copy = target / path.relative_to(photos)
            copy.parent.mkdir(parents=True, exist_ok=True)
            path.rename(copy)
    return target


def _train(photos: Path, model: str, size: int, aim: float, epochs: int, *, cache: bool) -> None:
    run = nf.fine_tune(
        photos,
        model=model,
        pretrained=False,
        image_size=size,
        epochs=epochs,
        batch_size=32,
        lr=1e-3,
        device="cpu",
        cache=cache,
        wait=False,
    )
    run.wait(progress=False)
    started = next(event for event in run.events() if isinstance(event, RunStarted))
    steps: Any = run.metrics("step")
    print(f"\n{model}, {size} px, batch 32, {started.steps_per_epoch} steps an epoch")
    for number, seconds in enumerate(run.metrics("epoch")["seconds"]):
        first = number * started.steps_per_epoch
        waits = steps["data_wait_s"].iloc[first : first + started.steps_per_epoch]
        share = waits.sum() / seconds
        told = f", of which the first batch {waits.iloc[0] * 1e3:.0f} ms"
        goal = f" (aim: below {aim:.0%})" if number else ""
        print(
            f"epoch {number + 1}: {seconds:6.2f} s, waited {waits.sum() * 1e3:6.1f} ms{told}, "
            f"{share:.2%}{goal}"
        )


def _cost(
    photos: Path, scratch: Path, size: int, interpolation: Interpolation, crop_pct: float
) -> None:
    scratch.mkdir()
    source = Folder(path=str(photos))
    index = build_index(DataConfig(source=source), 0, scratch, print)
    cached = with_cache(open_images(source, index, scratch), stored_side(size, crop_pct), print)
    plain = replace(cached, cache=None)
    times: dict[str, list[float]] = {"from files": [], "out of the cache": []}
    for number in range(ROUNDS + 1):  # the first round fills the cache and is not counted
        for name, images in zip(times, (plain, cached), strict=True):
            milliseconds = _milliseconds(images, number, size, interpolation, crop_pct)
            if number:
                times[name].append(milliseconds)
    if cached.cache is not None:
        cached.cache.close()
    told = (f"{name} {statistics.median(each):.2f} ms" for name, each in times.items())
    print(f"one image, `standard`, one thread's processor time: {', '.join(told)}")


def _milliseconds(
    images: ImageSet, epoch: int, size: int, interpolation: Interpolation, crop_pct: float
) -> float:
    loader = Loader(
        images,
        images.index.train,
        size_px=size,
        interpolation=interpolation,
        crop_pct=crop_pct,
        augment=AugmentConfig(preset="standard"),
        seed=0,
        batch_size=32,
        threads=1,
        on_skip=print,
    )
    with closing(loader):
        started = time.process_time()
        seen = sum(len(batch.ids) for batch in loader.epoch(epoch, shuffle=True, drop_last=False))
        return (time.process_time() - started) / seen * 1e3


if __name__ == "__main__":
    main()

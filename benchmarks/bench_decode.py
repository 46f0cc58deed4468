"""What one photo costs a core on its way into a batch: our loader against the textbook path.

The textbook path is torchvision's `ImageFolder` with RandomResizedCrop, flip, ToTensor and
Normalize per image. Ours is the `Loader` with the `standard` preset and one thread, followed by
the normalisation of the batch. Both run on one core, alternating, on the same photos and the same
range of crops. Processor time is counted, all threads together, so that a busy machine does not
decide; the ratio is that of the medians.

    python benchmarks/bench_decode.py ../shared/data/tf_flowers.zip

`--enlarge 1536` does the same to photos enlarged to that shorter side, as a camera writes them.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2

from nbfinetune.data.images import ImageSet, open_images
from nbfinetune.data.index import build_index
from nbfinetune.data.loader import Loader
from nbfinetune.records import AugmentConfig, DataConfig, Folder

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
BATCH = 32


def main() -> None:
    """Print a line per image size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path, help="folder or zip with train/ and val/")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--images", type=int, default=512)
    parser.add_argument("--enlarge", type=int, metavar="PX", help="shorter side of enlarged copies")
    arguments = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as scratch:
        photos = _unpacked(arguments.photos, Path(scratch))
        if arguments.enlarge:
            photos = _enlarged(photos, Path(scratch, "large"), arguments.enlarge, arguments.images)
        for size in (128, 224):
            print(_compare(photos, Path(scratch), size, arguments.rounds, arguments.images))


def _unpacked(photos: Path, scratch: Path) -> Path:
    if photos.suffix != ".zip":
        return photos
    with zipfile.ZipFile(photos) as archive:
        archive.extractall(scratch)
    return scratch / photos.stem


def _enlarged(photos: Path, target: Path, side: int, count: int) -> Path:
    for part in ("train", "val"):
        paths = sorted((photos / part).rglob("*.jpg"))
        for path in paths[:: max(1, len(paths) // count)]:
            copy = target / path.relative_to(photos)
            copy.parent.mkdir(parents=True, exist_ok=True)
            with Image.open(path) as image:
                factor = side / min(image.size)
                size = (round(image.width * factor), round(image.height * factor))
                image.resize(size, Image.Resampling.BICUBIC).save(copy, quality=90)
    return target


def _compare(photos: Path, scratch: Path, size: int, rounds: int, count: int) -> str:
    contenders = {"ours": _ours(photos, scratch, size), "textbook": _textbook(photos, size)}
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(rounds + 1):  # the first round warms up and is not counted
        for name, run in contenders.items():
            started = time.process_time()
            seen = run(number, count)
            if number:
                times[name].append((time.process_time() - started) / seen * 1000)
    ours, textbook = statistics.median(times["ours"]), statistics.median(times["textbook"])
    spread = ", ".join(f"{name} {min(t):.2f}-{max(t):.2f}" for name, t in times.items())
    return (
        f"{size} px: ours {ours:.2f} ms an image, textbook {textbook:.2f} ms, "
        f"ratio {textbook / ours:.2f} (spread {spread}; {rounds} rounds of {count})"
    )


def _ours(photos: Path, scratch: Path, size: int) -> Callable[[int, int], int]:
    source = Folder(path=str(photos))
    index = build_index(DataConfig(source=source), 0, scratch, print)
    images: ImageSet = open_images(source, index, scratch)
    mean = torch.tensor(MEAN).mul(255).view(3, 1, 1)
    std = torch.tensor(STD).mul(255).view(3, 1, 1)

    def run(epoch: int, count: int) -> int:
        ids = np.random.default_rng(epoch).choice(index.train, count, replace=False)
        loader = Loader(
            images,
            ids,
            size_px=size,
            interpolation="bilinear",
            crop_pct=0.875,
            augment=AugmentConfig(preset="standard"),
            seed=0,
            batch_size=BATCH,
            threads=1,
            on_skip=print,
        )
        seen = 0
        for batch in loader.epoch(epoch, shuffle=True, drop_last=True):
            pixels = torch.from_numpy(batch.images).permute(0, 3, 1, 2).float()
            seen += len(pixels.sub_(mean).div_(std))
        return seen

    return run


def _textbook(photos: Path, size: int) -> Callable[[int, int], int]:
    steps = [
        v2.RandomResizedCrop(size, scale=(0.35, 1.0)),
        v2.RandomHorizontalFlip(),
        v2.PILToTensor(),
        v2.ToDtype(torch.float32, scale=True),
        v2.Normalize(MEAN, STD),
    ]
    folder = ImageFolder(str(photos / "train"), v2.Compose(steps))

    def run(epoch: int, count: int) -> int:
        ids = np.random.default_rng(epoch).choice(len(folder), count, replace=False)
        return sum(len(batch) for batch in _collated(folder, ids.tolist()))

    return run


def _collated(folder: ImageFolder, ids: list[int]) -> Iterator[torch.Tensor]:
    for start in range(0, len(ids), BATCH):
        yield torch.stack([folder[i][0] for i in ids[start : start + BATCH]])


if __name__ == "__main__":
    main()

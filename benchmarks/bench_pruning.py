"""MobileNetV2 on the flower photos before and after half of its multiply-accumulates have gone.

    python benchmarks/bench_pruning.py ../shared/data --folder /tmp/flowers

Fine-tunes ImageNet weights on 2,934 photos, prunes the best model (whole blocks first, channels for
the rest; `--method structured` takes channels alone), trains what is left and prints a table:
accuracy on 736 other photos, parameters, multiply-accumulates, file, and what one image and 32
images take on the CPU. Times are wall time taken by turns, whole and pruned, with a fixed number of
threads, of what `load_model()` gives; the speed-up is the median of the pairs' ratios. Aims: an
accuracy within 2 points of before, one image 1.5 times faster.

The trained model stays in `--folder` and is found again by its config, unless the settings or the
path of the photos differ. `--recoveries 3` prunes and trains three times, each with other chances.
`--control` trains the whole model on for as many epochs as the pruned one: what longer training
alone would give. Run it on a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from msgspec.structs import replace
from numpy.typing import NDArray

import nbfinetune as nf
from nbfinetune.data.sources import accept
from nbfinetune.records import ChannelsRemoved
from nbfinetune.runner.run import Run
from nbfinetune.runner.settings import configure
from nbfinetune.store.layout import checkpoint

WEIGHTS = "mobilenetv2_100.in1k_dropin.safetensors"
POINTS_AIM, SPEED_AIM = 2.0, 1.5
BATCHES = (1, 32)
WARM_UP, LEAST_PAIRS = 5, 20


def main() -> None:
    """Print the table, the spread, and whether the aims are met."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("shared", type=Path, help="folder with tf_flowers.zip and weights/")
    parser.add_argument("--folder", type=Path, help="keeps photos and runs; default: a new one")
    parser.add_argument("--size", type=int, default=128, help="side of the images in pixels")
    parser.add_argument("--epochs", type=int, default=4, help="of the whole model")
    parser.add_argument("--amount", type=float, default=0.5, help="part of the MACs that goes")
    parser.add_argument("--method", default="depth", help="or structured: channels alone")
    parser.add_argument("--criterion", default="taylor")
    parser.add_argument("--recover-epochs", type=int, default=6, help="of the pruned model")
    parser.add_argument("--recoveries", type=int, default=1, help="prunings, each with its seed")
    parser.add_argument("--control", action="store_true", help="train the whole model on, too")
    parser.add_argument("--train-threads", type=int, help="default: by the machine")
    parser.add_argument("--threads", type=int, default=1, help="of the times in the table")
    parser.add_argument("--pairs", type=int, default=300, help="of one image")
    asked = parser.parse_args()
    print(f"load before the start: {os.getloadavg()[0]:.1f}; CPU cores: {os.cpu_count()}")
    with tempfile.TemporaryDirectory() as scratch:
        folder = (asked.folder or Path(scratch)).resolve()
        os.environ["NBFINETUNE_HOME"] = str(folder / "runs")
        os.environ["NBFINETUNE_CACHE"] = str(folder / "cache")
        whole = _whole(asked, folder)
        if asked.control:
            _control(whole, asked.recover_epochs)
        for seed in range(asked.recoveries):
            _compare(whole, _smaller(whole, asked, seed), asked)


def _whole(asked: argparse.Namespace, folder: Path) -> Run:
    """The model that is pruned: the one trained before, where there is one of this config."""
    weights = (asked.shared / "weights" / WEIGHTS).resolve()
    settings = {
        "model": "mobilenetv2_100",
        "checkpoint": str(weights),
        "image_size": asked.size,
        "epochs": asked.epochs,
        "device": "cpu",
        "threads": asked.train_threads,
    }
    photos = _photos(asked.shared / "tf_flowers.zip", folder)
    config = configure(accept(photos).source, settings)
    known = [
        run
        for run in nf.runs()
        if run.status == "finished" and replace(run.config, runner=config.runner) == config
    ]
    return known[0] if known else _waited("whole", nf.fine_tune(photos, **settings))


def _photos(archive: Path, folder: Path) -> Path:
    photos = folder / archive.stem
    if not photos.is_dir():
        with zipfile.ZipFile(archive) as packed:
            packed.extractall(folder)
    return photos


def _smaller(whole: Run, asked: argparse.Namespace, seed: int) -> Run:
    run = whole.prune(
        asked.amount,
        method=asked.method,
        target="macs",
        criterion=asked.criterion,
        recover_epochs=asked.recover_epochs,
        seed=seed,
    )
    return _waited(f"pruned, seed {seed}", run)


def _control(whole: Run, epochs: int) -> None:
    best = whole.path / "checkpoints" / "best.safetensors"
    source: Any = whole.config.data.source
    run = nf.fine_tune(
        source.path,
        model=whole.config.model.name,
        checkpoint=str(best),
        image_size=whole.config.data.image_size,
        epochs=epochs,
        device="cpu",
        threads=whole.config.runner.threads,
    )
    print(f"whole model trained on: {_accuracy(_waited('control', run)):.4f}")


def _waited(name: str, run: Run) -> Run:
    started = time.perf_counter()
    run.wait(progress=False)
    each = ", ".join(f"{value:.4f}" for value in run.metrics()["accuracy"])
    print(f"{name}: accuracy by epoch {each}; {time.perf_counter() - started:.0f} s", flush=True)
    return run


def _accuracy(run: Run) -> float:
    return float(run.metrics()["accuracy"].max())


def _compare(whole: Run, pruned: Run, asked: argparse.Namespace) -> None:
    cut = next(event for event in pruned.events() if isinstance(event, ChannelsRemoved))
    models = [run.load_model() for run in (whole, pruned)]
    torch.set_num_threads(asked.threads)
    times = {count: _by_turns(models, count, asked) for count in BATCHES}
    columns = "".join(f"{f'{count} image(s), ms':>18}" for count in BATCHES)
    print(f"\n{'':10}{'accuracy':>10}{'parameters':>12}{'MACs, M':>9}{'file, MB':>10}{columns}")
    for place, (name, run) in enumerate({"whole": whole, "recovered": pruned}.items()):
        size = checkpoint(run.path, "best").stat().st_size / 1e6
        figures = f"{cut.parameters[place]:>12,}{cut.macs[place] / 1e6:>9.1f}{size:>10.1f}"
        medians = [np.median(times[count][:, place]) * 1e3 for count in BATCHES]
        print(f"{name:10}{_accuracy(run):>10.4f}{figures}{''.join(f'{m:>18.2f}' for m in medians)}")
        if name == "whole" and cut.accuracy is not None:
            print(f"{'cut':10}{cut.accuracy:>10.4f}   (before it is trained)")
    lost = 100 * (_accuracy(whole) - _accuracy(pruned))
    print(f"accuracy lost: {lost:.1f} points, {_verdict(lost <= POINTS_AIM, POINTS_AIM)}")
    for count in BATCHES:
        ratios = np.sort(times[count][:, 0] / times[count][:, 1])
        print(f"{count} image(s): {_spread(ratios)}", end="")
        print(
            f", {_verdict(bool(np.median(ratios) >= SPEED_AIM), SPEED_AIM)}" if count == 1 else ""
        )


def _by_turns(models: Sequence[Any], count: int, asked: argparse.Namespace) -> NDArray[np.float64]:
    """Seconds of each model, (pairs, 2); every other pair begins with the other one."""
    images = torch.randn(count, 3, asked.size, asked.size)
    pairs = WARM_UP + max(LEAST_PAIRS, asked.pairs // count)
    seconds = np.empty((pairs, len(models)))
    with torch.inference_mode():
        for number in range(pairs):
            for place in (0, 1) if number % 2 else (1, 0):
                started = time.perf_counter()
                models[place](images)
                seconds[number, place] = time.perf_counter() - started
    return seconds[WARM_UP:]


def _spread(ratios: NDArray[np.float64]) -> str:
    """The median with its 95 % interval (by order, binomial), and where half of the pairs lie."""
    middle, reach = len(ratios) / 2, 0.98 * len(ratios) ** 0.5
    low, high = ratios[int(middle - reach)], ratios[min(int(middle + reach), len(ratios) - 1)]
    quarter, three = np.quantile(ratios, (0.25, 0.75))
    return (
        f"{np.median(ratios):.2f} times faster ({low:.2f} to {high:.2f} with 95 %; half of "
        f"{len(ratios)} pairs {quarter:.2f} to {three:.2f})"
    )


def _verdict(met: bool, aim: float) -> str:  # noqa: FBT001 - it is what is told
    return f"{'meets' if met else 'MISSES'} the aim of {aim:g}"


if __name__ == "__main__":
    main()

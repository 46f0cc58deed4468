"""What a scan costs: the first one, the next one, a cancelled one, and one of 100,000 files.

    python benchmarks/bench_scan.py ../shared/data/tf_flowers.zip

`--many 100000` links the photos as often as it takes, and also times the single parts: facts
loaded, twins sought, findings made.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil

from nbfinetune.data.duplicates import twins
from nbfinetune.data.findings import findings
from nbfinetune.data.index import preview_index
from nbfinetune.data.scan_facts import FILE_NAME, load_facts
from nbfinetune.records import DataConfig, Folder
from nbfinetune.runner.scanning import Scan


def main() -> None:
    """Print a line per measurement."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path, help="zip with train/ and val/")
    parser.add_argument("--many", type=int, default=0, help="files of the large set; 0: none")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        with zipfile.ZipFile(arguments.photos) as archive:
            archive.extractall(scratch)
        photos = Path(scratch, arguments.photos.stem)
        _whole_scan(photos, Path(scratch, "kept"))
        _cancelled_scan(photos, Path(scratch, "cancelled"))
        if arguments.many:
            many = _linked(photos, Path(scratch, "many"), arguments.many)
            _whole_scan(many, Path(scratch, "kept many"))
            _parts(many, Path(scratch, "kept many"))


def _whole_scan(photos: Path, kept: Path) -> None:
    for name in ("first", "second"):
        took, scan = _timed(lambda: _finished(_scan_of(photos, kept)))
        print(f"{name} scan of {scan.progress[1]} photos: {took:.2f} s")
    for finding in scan.findings():
        print(f"    {finding.title} ({finding.action})")


def _cancelled_scan(photos: Path, kept: Path) -> None:
    scan = _scan_of(photos, kept)
    scan.start()
    process = psutil.Process(scan._process.pid)  # noqa: SLF001 - its end is what is measured
    while scan.progress[0] < 100:
        time.sleep(0.01)
    took, _ = _timed(scan.cancel)
    gone, _ = _timed(lambda: process.wait(30))
    print(f"cancel returned after {took * 1000:.1f} ms, the process was gone after {gone:.2f} s")


def _parts(photos: Path, kept: Path) -> None:
    index = preview_index(DataConfig(source=Folder(path=str(photos))), 0, kept)
    took, facts = _timed(lambda: load_facts(kept / FILE_NAME))
    size = (kept / FILE_NAME).stat().st_size / 2**20
    print(f"facts of {len(facts)} images loaded in {took:.3f} s ({size:.1f} MB)")
    rng = np.random.default_rng(0)
    rows = facts.rows
    # Linked photos are equal; these differ in three bits each, so that none are told apart early.
    prints = rows["print"].copy()
    for _ in range(3):
        places = rng.integers(0, prints.shape[1], len(prints))
        prints[np.arange(len(prints)), places] ^= (1 << rng.integers(0, 8, len(prints))).astype(
            np.uint8
        )
    digests = rng.integers(0, 256, rows["digest"].shape, dtype=np.uint8)
    took, _ = _timed(lambda: twins(digests, prints, np.minimum(rows["width"], rows["height"])))
    print(f"twins among {len(prints)} photos sought in {took:.2f} s")
    took, found = _timed(lambda: findings(facts, index))
    print(f"{len(found)} findings made in {took:.2f} s")


def _linked(photos: Path, target: Path, count: int) -> Path:
    paths = sorted(photos.rglob("*.jpg"))
    for number in range(count):
        path = paths[number % len(paths)]
        link = target / path.relative_to(photos).parent / f"{number:06}.jpg"
        link.parent.mkdir(parents=True, exist_ok=True)
        os.link(path, link)
    return target


def _scan_of(photos: Path, kept: Path) -> Scan:
    return Scan(DataConfig(source=Folder(path=str(photos))), 0, kept)


def _finished(scan: Scan) -> Scan:
    scan.start()
    scan.wait()
    assert scan.status == "done", scan.error
    return scan


def _timed(action: Callable[[], object]) -> tuple[float, object]:
    started = time.perf_counter()
    result = action()
    return time.perf_counter() - started, result


if __name__ == "__main__":
    main()

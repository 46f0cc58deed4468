"""What the caller pays: `import nbfinetune`, and `fine_tune` until it hands back the run.

`python benchmarks/bench_caller.py` prints medians over fresh processes. The targets are 300 ms for
the import and 100 ms for the call; torch must not have been imported.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

PROCESSES = 7
CALLER = """
import json, sys, time
t0 = time.perf_counter()
import nbfinetune as nf
t1 = time.perf_counter()
nf.fine_tune
t2 = time.perf_counter()
settings = dict(model="test_resnet", pretrained=False, image_size=32, epochs=1000)
first = nf.fine_tune(sys.argv[1], **settings)
t3 = time.perf_counter()
second = nf.fine_tune(sys.argv[1], **settings)
t4 = time.perf_counter()
heavy = [name for name in ("torch", "timm", "pandas") if name in sys.modules]
print(json.dumps({"import": t1 - t0, "name": t2 - t1, "first": t3 - t2, "second": t4 - t3,
                  "heavy": heavy}))
for run in (first, second):
    run.stop()
"""


def write_photos(folder: Path) -> None:
    """Two classes of sixteen photos."""
    rng = np.random.default_rng(0)
    for name in ("cats", "dogs"):
        (folder / name).mkdir(parents=True)
        for number in range(16):
            pixels = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{number}.png")


def main() -> None:
    """Print the medians."""
    with tempfile.TemporaryDirectory() as scratch:
        photos = Path(scratch, "photos")
        write_photos(photos)
        environment = {**os.environ, "NBFINETUNE_HOME": str(Path(scratch, "runs"))}
        told = [
            json.loads(
                subprocess.run(
                    [sys.executable, "-c", CALLER, str(photos)],
                    env=environment,
                    capture_output=True,
                    text=True,
                    check=True,
                ).stdout
            )
            for _ in range(PROCESSES)
        ]
    for key, words in (
        ("import", "import nbfinetune"),
        ("name", "nf.fine_tune looked up"),
        ("first", "first call on a folder"),
        ("second", "second call"),
    ):
        print(f"{words:<24} {statistics.median(one[key] for one in told) * 1000:7.1f} ms")
    print(f"heavy modules imported: {sorted({name for one in told for name in one['heavy']})}")


if __name__ == "__main__":
    main()

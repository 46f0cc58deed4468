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
told, runs = {}, []
def timed(name, action):
    wall, cpu = time.perf_counter(), time.process_time()
    runs.append(action())
    told[name] = [time.perf_counter() - wall, time.process_time() - cpu]
timed("import nbfinetune", lambda: __import__("nbfinetune"))
import nbfinetune as nf
timed("nf.fine_tune looked up", lambda: nf.fine_tune)
settings = dict(model="test_resnet", pretrained=False, image_size=32, epochs=1000)
timed("first call on a folder", lambda: nf.fine_tune(sys.argv[1], **settings))
timed("second call", lambda: nf.fine_tune(sys.argv[1], **settings))
heavy = [name for name in ("torch", "timm", "pandas") if name in sys.modules]
print(json.dumps({"told": told, "heavy": heavy}))
for run in runs[-2:]:
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
    for name in told[0]["told"]:
        wall, cpu = (
            statistics.median(one["told"][name][clock] for one in told) * 1000 for clock in (0, 1)
        )
        print(f"{name:<24} {wall:7.1f} ms, of which {cpu:.1f} ms of this process's own")
    print(f"heavy modules imported: {sorted({name for one in told for name in one['heavy']})}")


if __name__ == "__main__":
    main()

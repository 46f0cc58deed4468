"""Accuracy, size and latency of runs' models as 8-bit integers: `bench_quantization.py RUN ...`.

Pin it to a core (`taskset -c 0`) on a machine that does other things, too.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import nbfinetune as nf

METHODS = ("static", "dynamic")


def main() -> None:
    """Print a table for each run and method."""
    for name in sys.argv[1:]:
        run = nf.Run.open(name)
        for method in METHODS:
            with tempfile.TemporaryDirectory() as folder:
                start = time.perf_counter()
                quantized = run.quantize(Path(folder) / "int8.onnx", method=method)
                took = time.perf_counter() - start
                table = quantized.comparison().drop(columns=["parameters", "macs"])
            print(
                f"\n{run.config.model.name}, {method}, agreement {quantized.agreement:.3f} "
                f"of {len(quantized.evaluation)} images, {took:.0f} s in all"
            )
            print(table.to_string(float_format="{:.3f}".format))


if __name__ == "__main__":
    main()
